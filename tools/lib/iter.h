/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* What iter.bpf.c writes for each vCPU, shared with ctele_iter.c. */
#ifndef CTOOLS_ITER_H
#define CTOOLS_ITER_H

#define ITER_MAGIC	0x52495443	/* "CTIR" */

/* Telemetry of the ABIs that are known fits, and with its head into one buffer of the kernel. */
#define ITER_TELE_MAX	28672

#define ITER_NAME	16
#define ITER_DIGEST	32

#define ITER_KNOWS_NAME		1U
#define ITER_KNOWS_DIGEST	2U

/**
 * struct iter_row - before the telemetry of each vCPU
 * @magic:	ITER_MAGIC
 * @bytes:	bytes of telemetry that follow, 0: the vCPU has no Caretaker now
 * @state:	enum kvm_caretaker_state
 * @pcpu:	pCPU
 * @apic_id:	its APIC id
 * @vcpu:	vCPU id
 * @vm_id:	identity of the VM
 * @known:	ITER_KNOWS_*: what this kernel tells of the handlers
 * @has_handlers: there are some
 * @name:	of the set of handlers, zeros behind it
 * @digest:	of the set; zeros when it cannot be told
 */
struct iter_row {
	unsigned int magic;
	unsigned int bytes;
	unsigned int state;
	unsigned int pcpu;
	unsigned int apic_id;
	unsigned int vcpu;
	unsigned long long vm_id;
	unsigned int known;
	unsigned int has_handlers;
	char name[ITER_NAME];
	unsigned char digest[ITER_DIGEST];
};

#endif /* CTOOLS_ITER_H */

/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* What iter.bpf.c writes for each vCPU, shared with ctele_iter.c. */
#ifndef CTOOLS_ITER_H
#define CTOOLS_ITER_H

#define ITER_MAGIC	0x52495443	/* "CTIR" */

/* Telemetry of the ABIs that are known fits, and with its head into one buffer of the kernel. */
#define ITER_TELE_MAX	28672

/**
 * struct iter_row - before the telemetry of each vCPU
 * @magic:	ITER_MAGIC
 * @bytes:	bytes of telemetry that follow, 0: the vCPU has no Caretaker now
 * @state:	enum kvm_caretaker_state
 * @pcpu:	pCPU
 * @apic_id:	its APIC id
 * @vcpu:	vCPU id
 * @vm_id:	identity of the VM
 */
struct iter_row {
	unsigned int magic;
	unsigned int bytes;
	unsigned int state;
	unsigned int pcpu;
	unsigned int apic_id;
	unsigned int vcpu;
	unsigned long long vm_id;
};

#endif /* CTOOLS_ITER_H */

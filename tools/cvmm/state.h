/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * What cvmm of the old kernel tells cvmm of the next kernel: one struct in a preserved memfd.
 * Made of KVM's own uapi structs, which do not change. Written by the old cvmm after the vCPU
 * stopped, read once by the next one; types of the handlers' state are written with the handlers.
 */
#ifndef CVMM_STATE_H
#define CVMM_STATE_H

#include <stdint.h>
#include <linux/kvm.h>

#include "caretaker.h"

#define CVMM_STATE_MAGIC	0x4d4d5643	/* "CVMM" */
#define CVMM_STATE_VERSION	3

/* flags */
#define CVMM_STATE_COMPLETE	(1u << 0)	/* written last */
#define CVMM_STATE_CARETAKER	(1u << 1)	/* VM and vCPUs were preserved, the guest runs */
#define CVMM_STATE_HANDLERS	(1u << 2)	/* there is @handlers */

#define CVMM_NR_MSRS		256
#define CVMM_NR_CPUID		256
#define CVMM_NR_IRQCHIPS	3

struct cvmm_state_serial {
	uint64_t sent;
	uint8_t ier, lcr, mcr, scr, fcr, dll, dlm, thr_ipending;
	uint8_t rx[64];
	uint32_t rx_head, rx_len;
};

/**
 * struct cvmm_state_past - what this VM went through since it was started
 * @updates:	payload, handlers or both were replaced while it ran
 * @cancels:	it was detached and came back to KVM in the same kernel, also in a rehearsal
 * @kexecs:	the next kernel took it over
 */
struct cvmm_state_past {
	uint64_t updates;
	uint64_t cancels;
	uint64_t kexecs;
};

/**
 * struct cvmm_state_place - where a variable is in the handlers' state; @size 0: nowhere
 */
struct cvmm_state_place {
	uint64_t offset;
	uint64_t size;
};

/**
 * struct cvmm_state_handlers - what the state of the handlers is
 * @type: for the handlers that the next kernel loads
 * @uart: struct caretaker_uart_state
 * @bells: struct caretaker_doorbell_state
 */
struct cvmm_state_handlers {
	struct caretaker_state_type type;
	struct cvmm_state_place uart;
	struct cvmm_state_place bells;
};

/* flags of a vCPU */
#define CVMM_STATE_XCRS		(1u << 0)

/**
 * struct cvmm_state_vcpu - state of one vCPU
 * @flags: CVMM_STATE_XCRS
 * @tsc_khz: guest TSC frequency
 * @tsc_offset: guest TSC minus host TSC
 */
struct cvmm_state_vcpu {
	uint32_t flags;
	uint32_t tsc_khz;
	uint64_t tsc_offset;
	uint32_t nr_cpuid;
	uint32_t nr_msrs;
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_debugregs debugregs;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp_state;
	struct kvm_xcrs xcrs;
	struct kvm_lapic_state lapic;
	struct kvm_xsave xsave;
	struct kvm_msr_entry msr[CVMM_NR_MSRS];
	struct kvm_cpuid_entry2 cpuid[CVMM_NR_CPUID];
};

/**
 * struct cvmm_state - state of the VM outside its memory
 * @size: sizeof(struct cvmm_state)
 * @vcpu_size: sizeof(struct cvmm_state_vcpu)
 * @nr_vcpus: entries of @vcpu; entry i is vCPU i
 * @clock_tsc: host TSC at which @clock was read
 * @stopped_tsc: host TSC when the vCPUs stopped (baseline), else 0
 * @past: counters
 * @handlers: with CVMM_STATE_HANDLERS
 */
struct cvmm_state {
	uint32_t size;
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t vcpu_size;
	uint32_t nr_vcpus;
	uint64_t ram_size;
	uint64_t clock_tsc;
	uint64_t stopped_tsc;
	struct cvmm_state_past past;
	struct kvm_clock_data clock;
	struct kvm_irqchip irqchip[CVMM_NR_IRQCHIPS];
	struct kvm_pit_state2 pit;
	struct cvmm_state_serial serial;
	struct cvmm_state_handlers handlers;
	struct cvmm_state_vcpu vcpu[];
};

/**
 * struct cvmm_state_btf - types of the handlers' state, as the kernel had them
 * @bytes: of @btf, 0 for none
 * @reserved: 0
 * @btf: BTF of the programs
 *
 * On a page of its own behind the vCPUs, in a file that is long enough. An older cvmm neither reads
 * it nor leaves it there.
 */
struct cvmm_state_btf {
	uint32_t bytes;
	uint32_t reserved;
	uint8_t btf[];
};

/* state_vcpu.c */
struct vcpu;
int state_vcpu_save(struct vcpu *v, struct cvmm_state_vcpu *s);
int state_vcpu_restore(struct vcpu *v, const struct cvmm_state_vcpu *s);

#endif /* CVMM_STATE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a VMM does around a kexec with a running vCPU: keep what it needs in a memfd of its own,
 * load and start the next kernel, and take everything back there.
 */
#ifndef SELFTESTS_HANDOVER_H
#define SELFTESTS_HANDOVER_H

#include <linux/kvm.h>

#include "ktap.h"
#include "kvm_guest.h"

#define HANDOVER_SESSION	"caretaker-test"
#define HANDOVER_MSRS		256

/* The VMM's own notes, in a preserved memfd */
struct handover_state {
	uint64_t magic;
	uint64_t counter;	/* guest's counter when the old kernel was left */
	uint64_t tsc;		/* host TSC then */
	uint64_t vm_id;
	int64_t tsc_offset;
	uint32_t tsc_khz;
	uint32_t nr_cpuid;
	struct kvm_sregs sregs;
	struct kvm_debugregs debugregs;
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_xcrs xcrs;
	struct kvm_mp_state mp;
	uint64_t tsc_install;	/* around the first install: see struct kvm_guest */
	uint64_t tsc_installed;
	uint64_t tsc_left;	/* host TSC when the old kernel was left */
	uint32_t nr_msrs;
	uint32_t pad;
	struct kvm_msr_entry msrs[HANDOVER_MSRS];
	struct kvm_cpuid_entry2 cpuid[GUEST_MAX_CPUID];
};

/* A memfd of one struct handover_state, mapped at *@s; -errno on failure. */
int state_create(struct handover_state **s);
int state_map(int fd, struct handover_state **s);
int state_save(struct kvm_guest *g, struct handover_state *s);

/* What both kernels' VMMs have open */
struct handover_fds {
	int luo;
	int session;
	int state;
};

/* A session with the notes in it; says what fails, and returns -errno then. */
int handover_begin(struct handover_fds *fds, struct handover_state **s);
/* In the next kernel: the session, the notes, and the guest's RAM; likewise. */
int handover_retrieve(struct handover_fds *fds, struct handover_state **s, struct kvm_guest *g);
int state_restore(struct kvm_guest *g, const struct handover_state *s);

/* kexec_file_load() of @kernel with @initrd and this kernel's command line plus @more. */
int next_kernel_load(const char *kernel, const char *initrd, const char *more);
/* Starts it: returns only on failure. */
int next_kernel_start(void);
/**
 * handover_leave() - the part of a test before the kexec: the cases, then the next kernel
 * @cases:	in order
 * @nr:		their number
 * @seconds:	for each
 *
 * Return: exit status of the test, when it does not come to the kexec: something failed, or there
 * is no Caretaker and all are skipped.
 */
int handover_leave(const struct ktap_case *cases, unsigned int nr, unsigned int seconds);

/* In the next kernel: RAM first, so that the guest can be watched before it is adopted. */
int retrieve_ram(int session, struct kvm_guest *g);
/* VM with irqchip and slot, then the vCPU with all but the registers of the gap. */
int retrieve_vm(int session, struct kvm_guest *g);
int retrieve_vcpu(int session, struct kvm_guest *g, const struct handover_state *s);
int retrieve_vcpu_at(int session, struct kvm_guest *g, const struct handover_state *s,
		     uint64_t token);

/* NAME=value on the kernel command line, or @otherwise. */
unsigned long cmdline_number(const char *name, unsigned long otherwise);

#endif /* SELFTESTS_HANDOVER_H */

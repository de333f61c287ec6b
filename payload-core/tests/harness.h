/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Unit tests of the payload core, built for the machine they run on: a vCPU without hardware.
 *
 * libc headers come first: payload.h makes everything after it hidden.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "../payload.h"
#include "../telemetry.h"

#define HARNESS_TSC_KHZ	2000000

/*
 * What the stand-ins for run.c and host.c saw; @on_* run inside them. The TSC reads as @clock says,
 * one value after the other, and without a clock as 10 more each time.
 */
struct harness {
	struct vmcb vmcb;
	struct kvm_caretaker_handlers handlers;
	struct kvm_caretaker_meta meta;
	struct kvm_caretaker_telemetry telemetry;
	u8 lapic[4096];
	u64 tsc;
	const u64 *clock;
	u32 windows, idles, spins;
	u64 fault, fault_rip;
	void (*on_window)(void);
	void (*on_idle)(void);
	u32 host[0x1000 / 16];		/* registers of the pCPU's LAPIC */
	u32 host_writes;
	u64 host_deadline;
	u64 host_msr[0x480];
	u32 kicks, kicked_id;
	struct kvm_caretaker_peers peers;
	jmp_buf fault_jump;
	struct kvm_caretaker_ring ring;
	void (*on_tsc)(void);
};

extern struct harness h;

void harness_reset(void);
void cpuid_add(u32 function, u32 index, u32 flags, u32 value);
void msr_add(u32 msr, u32 flags, u64 value);
void handler_set(u32 class, u32 (*handler)(u64 *cell));
u32 exit_attached(u64 code);
u32 exit_detached(u64 code);
u32 *lapic_at(u32 offset);
bool lapic_bit(u32 bank, u32 vector);
void lapic_bit_set(u32 bank, u32 vector);
u32 wrmsr(u32 msr, u64 value);
void peers_set(u32 nr, u32 self);

/* Expectations: a failed one prints where and what, and fails the running test. */
extern unsigned int failures;

#define EXPECT(cond) do {							\
	if (!(cond)) {								\
		printf("# %s:%d: expected %s\n", __FILE__, __LINE__, #cond);	\
		failures++;							\
	}									\
} while (0)

#define EXPECT_EQ(got, wanted) do {						\
	u64 got_ = (got), wanted_ = (wanted);					\
	if (got_ != wanted_) {							\
		printf("# %s:%d: %s is 0x%llx, expected 0x%llx\n", __FILE__,	\
		       __LINE__, #got, got_, wanted_);				\
		failures++;							\
	}									\
} while (0)

#define GPR(n)	ccb.exit.gpr[KVM_CARETAKER_##n]
#define EXITS(index, server)							\
	kvm_caretaker_exits(&h.telemetry, index, KVM_CARETAKER_##server)
#define GAP_EXITS(index, server)						\
	kvm_caretaker_gap_exits(&h.telemetry, index, KVM_CARETAKER_##server)

struct test {
	const char *name;
	void (*run)(void);
};

extern const struct test tests_attached[], tests_gap[], tests_cpuid[], tests_lapic[],
	tests_inject[], tests_timer[], tests_apic[], tests_mc[], tests_ipi[], tests_nmi[],
	tests_hypercall[], tests_state[], tests_telemetry[], tests_ring[], tests_requests[],
	tests_mmio[];

int mmio_listing(const char *path);

#endif /* HARNESS_H */

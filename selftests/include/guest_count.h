/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest that counts in its RAM, round after round, and checks in each round that all registers
 * still hold what they should. On command it leaves the loop for one instruction.
 */
#ifndef SELFTESTS_GUEST_COUNT_H
#define SELFTESTS_GUEST_COUNT_H

#include "kvm_guest.h"

enum count_command {
	COUNT_ON,	/* no command: count */
	COUNT_IN,	/* IN from GUEST_PORT_UNSERVED to in_value */
	COUNT_HLT,	/* HLT, with interrupts on */
	COUNT_DONE,	/* OUT to GUEST_PORT_DONE */
	COUNT_CPUID,	/* CPUID of cpuid[0], cpuid[1]; result to cpuid[2] to cpuid[5] */
	COUNT_SHUTDOWN,	/* triple fault */
	COUNT_WRMSR,	/* WRMSR of wrmsr_value, plus the TSC if asked, to wrmsr_index */
	COUNT_NAP,	/* WRMSR, then HLT, in which the interrupt comes, however late HLT is */
};

/* At GUEST_AREA; the guest's code knows the offsets */
struct count_area {
	volatile uint64_t counter;	/* 00 guest: rounds */
	volatile uint64_t command;	/* 08 host: enum count_command; guest: back to 0 */
	volatile uint64_t commands;	/* 10 guest: commands carried out */
	volatile uint64_t errors;	/* 18 guest: rounds with a wrong register */
	volatile uint64_t what;		/* 20 guest: COUNT_WRONG_*, or'ed */
	volatile uint64_t in_value;	/* 28 guest: what IN returned */
	volatile uint64_t irqs;		/* 30 guest: interrupts taken */
	volatile uint64_t tsc;		/* 38 guest: TSC of the last round */
	volatile uint64_t tsc_max;	/* 40 guest: largest step of the TSC between two rounds */
	volatile uint64_t has_rdtscp;	/* 48 host: check TSC_AUX */
	volatile uint64_t in_hlt;	/* 50 guest: about to execute HLT; 0 after it */
	volatile uint64_t wrmsr_index;	/* 58 host */
	volatile uint64_t wrmsr_value;	/* 60 host */
	volatile uint64_t wrmsr_add_tsc; /* 68 host */
	uint64_t pad[2];
	volatile uint32_t cpuid[8];	/* 80 */
	uint64_t pad2[12];
	uint64_t xmm[16][2];		/* 100 host: what XMM0 to XMM15 hold */
	uint64_t gpr[10];		/* 200 host: R8 to R15, RBX, RBP */
	uint64_t base[3];		/* 250 host: at the FS, GS, kernel GS base */
	uint64_t aux;			/* 268 host: TSC_AUX */
	uint64_t base_want[3];		/* 270 host: the same as base */
	uint64_t pad3[15];
	uint64_t scratch[2];		/* 300 guest */
};

#define COUNT_WRONG_GPR		1
#define COUNT_WRONG_XMM		2
#define COUNT_WRONG_FS		4
#define COUNT_WRONG_GS		8
#define COUNT_WRONG_TSC		16	/* went backwards */
#define COUNT_WRONG_AUX		32

extern const struct guest_code guest_count;

/* Fresh registers and patterns. Call before the first run, and to start over. */
int count_reset(struct kvm_guest *g);
/* Registers that the guest cannot check without a VM exit: debug, CR2, syscall MSRs. */
int count_check_host_side(struct kvm_guest *g);
/* Whether the counter moves on within @ms and no register was ever wrong. */
bool count_alive(struct kvm_guest *g, unsigned int ms);
/* Gives a command; waits until it is carried out when @ms is not 0. */
bool count_command(struct kvm_guest *g, enum count_command cmd, unsigned int ms);

/* WRMSR in the guest; the value counts from the guest's TSC when @add_tsc. */
bool count_wrmsr(struct kvm_guest *g, uint32_t msr, uint64_t value, bool add_tsc, unsigned int ms);

/* The guest's deadline timer is set @tsc ahead, and the guest halts until it fires. */
bool count_nap(struct kvm_guest *g, uint64_t tsc, unsigned int ms);

#define MSR_X2APIC_LVTT		0x832
#define MSR_TSC_DEADLINE	0x6e0
#define LVTT_TSC_DEADLINE	(1U << 18)

static inline struct count_area *count_area(struct kvm_guest *g)
{
	return guest_area(g);
}

#endif /* SELFTESTS_GUEST_COUNT_H */

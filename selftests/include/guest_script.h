/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest that works off a list of instructions in its RAM and writes down what each returned:
 * the test says what the guest does, as data.
 */
#ifndef SELFTESTS_GUEST_SCRIPT_H
#define SELFTESTS_GUEST_SCRIPT_H

#include "kvm_guest.h"

enum script_op {
	SCRIPT_END,	/* write to GUEST_PORT_DONE, then start over */
	SCRIPT_CPUID,	/* a: EAX, b: ECX; out: EAX to EDX */
	SCRIPT_RDMSR,	/* a: MSR; out: EAX, EDX */
	SCRIPT_WRMSR,	/* a: MSR, b: EAX (EDX is 0) */
	SCRIPT_PAUSE,	/* a: how often */
	SCRIPT_OUT,	/* a: port, b: byte */
	SCRIPT_IN,	/* a: port; out: AL */
	SCRIPT_HLT,	/* an interrupt to itself, then STI; HLT */
	SCRIPT_VMMCALL,	/* a: EAX; out: EAX */
	SCRIPT_RDTSC,	/* out: EAX, EDX */
	SCRIPT_IN4,	/* a: port; out: EAX */
};

struct script_line {
	uint32_t op;
	uint32_t a;
	uint32_t b;
	uint32_t fault;		/* guest: 1 when the instruction raised #GP */
	uint32_t out[4];	/* guest: results */
};

/* At GUEST_AREA */
struct script_area {
	uint64_t rounds;	/* guest: how often the end was reached */
	uint64_t irqs;		/* guest: interrupts taken */
	uint64_t pad[6];
	struct script_line line[];
};

#define SCRIPT_MAX	512

extern const struct guest_code guest_script;

/* Puts @n lines and an end into the guest and makes it start over. */
int script_load(struct kvm_guest *g, const struct script_line *lines, unsigned int n);
/* script_load(), one run to the end. */
int script_run(struct kvm_guest *g, const struct script_line *lines, unsigned int n);
/* Whether the vCPU still runs a CPUID and an OUT to the end with the right result. */
int script_still_runs(struct kvm_guest *g);

static inline struct script_area *script_area(struct kvm_guest *g)
{
	return guest_area(g);
}

#endif /* SELFTESTS_GUEST_SCRIPT_H */

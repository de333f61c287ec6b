/* SPDX-License-Identifier: GPL-2.0 */
/* The measured guest: batches of one instruction in a loop, the TSC read around each batch. */
#ifndef BENCH_GUEST_H
#define BENCH_GUEST_H

#include "kvm_guest.h"

#define BENCH_BATCHES	39	/* an odd number, for the median */
#define BENCH_ROUNDS	64	/* loop rounds per batch: far less than a timer tick of the host */
#define BENCH_EXITS	(BENCH_BATCHES * BENCH_ROUNDS)

/**
 * struct bench_area - shared with the guest at GUEST_AREA
 * @eax:	host: EAX before each instruction
 * @ecx:	host: ECX before each instruction
 * @out:	guest: EAX, EBX, ECX, EDX after the last one
 * @delta:	guest: TSC difference of each batch
 */
struct bench_area {
	uint32_t eax;
	uint32_t ecx;
	uint32_t out[4];
	uint64_t delta[BENCH_BATCHES];
};

/* One loop per instruction; the empty one is the same without the instruction. */
extern const struct guest_code bench_empty, bench_cpuid, bench_rdmsr, bench_pause, bench_vmmcall,
			       bench_load;

#endif /* BENCH_GUEST_H */

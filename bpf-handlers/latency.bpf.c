// SPDX-License-Identifier: GPL-2.0
/*
 * Exit handler: histogram of exit latencies, per exit reason, attached and in the gap.
 *
 * The length of an exit is how long the guest did not run because of it: the payload's work, KVM's
 * and the VMM's, the wait of an exit that blocks, the idle time of HLT. It is known at the next
 * exit that comes here, see elapsed.bpf.h. It serves no exit.
 */
#include "elapsed.bpf.h"
#include "latency.h"

struct latency_last {
	struct caretaker_elapsed then;
	__u64 reason;
};

struct caretaker_latency_state latency_state;

/*
 * Bits from 2^@k on: if there are any the result is so much more, and they are what is left.
 * Without a branch, which doubled the ways that the BPF verifier walks, in each of the programs.
 * The compiler would make one if it saw what the number is.
 */
#define LOG2_STEP(k) do {				\
	__u64 more = -(value >> (1 << (k)));		\
							\
	asm("" : "+r" (more));				\
	more = more >> 63 << (k);			\
	value >>= more;					\
	log += more;					\
} while (0)

static __always_inline __u32 latency_bucket(__u64 value)
{
	__u32 log = 0;

	value |= 31;
	LOG2_STEP(5);
	LOG2_STEP(4);
	LOG2_STEP(3);
	LOG2_STEP(2);
	LOG2_STEP(1);
	LOG2_STEP(0);
	log -= 4;
	return log < CARETAKER_LATENCY_BUCKETS ? log : CARETAKER_LATENCY_BUCKETS - 1;
}

/* 0: another vCPU changed it in between; @seen is what it is now. */
static __always_inline int latency_raised(__u64 *max, __u64 *seen, __u64 cycles)
{
	__u64 expected = *seen;

	if (cycles <= expected)
		return 1;
	*seen = __sync_val_compare_and_swap(max, expected, cycles);
	return *seen == expected;
}

/* Three vCPUs that come in between at the same moment: after them this one gives up. */
static __always_inline void latency_max(__u64 *max, __u64 cycles)
{
	__u64 seen = *max;

	if (!latency_raised(max, &seen, cycles) && !latency_raised(max, &seen, cycles))
		latency_raised(max, &seen, cycles);
}

static __always_inline void latency_count(__u64 reason, __u64 cycles)
{
	__u64 index = reason - CARETAKER_LATENCY_FIRST;
	struct caretaker_latency *l;

	l = &latency_state.reason[index < CARETAKER_LATENCY_REASONS ? index : 0];
	__sync_fetch_and_add(&l->count, 1);
	__sync_fetch_and_add(&l->cycles, cycles);
	__sync_fetch_and_add(&l->hist[latency_bucket(cycles) % CARETAKER_LATENCY_BUCKETS], 1);
	latency_max(&l->max, cycles);
}

static __always_inline int latency_exit(struct kvm_caretaker_exit *exit)
{
	struct latency_last *last = (struct latency_last *)
		bpf_caretaker_scratch(exit, 0, sizeof(struct latency_last));
	__s64 cycles;

	if (!last)
		return KVM_CARETAKER_NEXT;
	latency_state.size = sizeof(latency_state);
	latency_state.version = CARETAKER_LATENCY_VERSION;
	cycles = caretaker_elapsed(exit, &last->then);
	if (cycles < 0)
		__sync_fetch_and_add(&latency_state.skipped, 1);
	else
		latency_count(last->reason, cycles);
	last->reason = exit->reason;
	return KVM_CARETAKER_NEXT;
}

#define LATENCY(member)						\
CARETAKER_HANDLER(member, latency_##member)			\
{								\
	return latency_exit(exit);					\
}

LATENCY(hlt)
LATENCY(cpuid)
LATENCY(rdmsr)
LATENCY(wrmsr)
LATENCY(io)
LATENCY(hypercall)
LATENCY(pause)
LATENCY(other)

CARETAKER_HANDLERS(latency, .hlt = (void *)latency_hlt, .cpuid = (void *)latency_cpuid,
		   .rdmsr = (void *)latency_rdmsr, .wrmsr = (void *)latency_wrmsr,
		   .io = (void *)latency_io, .hypercall = (void *)latency_hypercall,
		   .pause = (void *)latency_pause, .other = (void *)latency_other);

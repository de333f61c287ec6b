// SPDX-License-Identifier: GPL-2.0
/*
 * Exit handler: watchdog. Records exits after which the guest did not run for longer than a limit,
 * with the registers at the exit: KVM or the VMM took too long, or the exit blocked in the gap.
 *
 * A handler runs at exits and at no other time. So a stall is found when it is over, at the next
 * exit of the vCPU that comes here; of one that goes on, or that ends by adoption under a set of
 * another kernel, the telemetry knows (ctrace gap). HLT is no stall. It serves no exit.
 */
#include "elapsed.bpf.h"
#include "watchdog.h"

#define EXIT_HLT	0x78
#define WATCHDOG_SLOT	1	/* of scratch memory: 0 is latency.bpf.c's, for sets with both */

/* In scratch memory: the exit before, ready to be recorded. */
struct watchdog_last {
	struct caretaker_elapsed then;
	struct caretaker_watchdog_record record;
};

const volatile struct caretaker_watchdog_config watchdog_config;

struct caretaker_watchdog_state watchdog_state;

static __always_inline void watchdog_note(struct caretaker_watchdog_record *r,
					  const struct kvm_caretaker_exit *exit)
{
	int i;

	r->tsc = exit->tsc;
	r->reason = exit->reason;
	r->vcpu = exit->vcpu;
	r->flags = exit->flags;
	r->info1 = exit->info1;
	r->info2 = exit->info2;
	r->rip = exit->rip;
	r->rflags = exit->rflags;
#pragma clang loop unroll(full)
	for (i = 0; i < 16; i++)
		r->gpr[i] = exit->gpr[i];
}

/* vCPUs that share the state take turns by the number. */
static __always_inline void watchdog_record(struct caretaker_watchdog_record *from, __u64 cycles)
{
	__u64 n = __sync_fetch_and_add(&watchdog_state.late, 1);
	struct caretaker_watchdog_record *r;

	r = &watchdog_state.record[n % CARETAKER_WATCHDOG_RECORDS];
	r->seq = 0;
	barrier();
	from->cycles = cycles;
	*r = *from;
	barrier();
	r->seq = n + 1;
}

static __always_inline int watchdog_exit(struct kvm_caretaker_exit *exit)
{
	struct watchdog_last *last = (struct watchdog_last *)
		bpf_caretaker_scratch(exit, WATCHDOG_SLOT, sizeof(struct watchdog_last));
	__u64 limit = watchdog_config.limit;
	__s64 cycles;

	if (!last || !limit)
		return KVM_CARETAKER_NEXT;
	watchdog_state.size = sizeof(watchdog_state);
	watchdog_state.version = CARETAKER_WATCHDOG_VERSION;
	__sync_fetch_and_add(&watchdog_state.exits, 1);
	cycles = caretaker_elapsed(exit, &last->then);
	if (cycles > 0 && (__u64)cycles > limit && last->record.reason != EXIT_HLT)
		watchdog_record(&last->record, cycles);
	watchdog_note(&last->record, exit);
	return KVM_CARETAKER_NEXT;
}

#define WATCHDOG(member)					\
CARETAKER_HANDLER(member, watchdog_##member)			\
{								\
	return watchdog_exit(exit);					\
}

WATCHDOG(hlt)
WATCHDOG(cpuid)
WATCHDOG(rdmsr)
WATCHDOG(wrmsr)
WATCHDOG(io)
WATCHDOG(hypercall)
WATCHDOG(pause)
WATCHDOG(other)

CARETAKER_HANDLERS(watchdog, .hlt = (void *)watchdog_hlt, .cpuid = (void *)watchdog_cpuid,
		   .rdmsr = (void *)watchdog_rdmsr, .wrmsr = (void *)watchdog_wrmsr,
		   .io = (void *)watchdog_io, .hypercall = (void *)watchdog_hypercall,
		   .pause = (void *)watchdog_pause, .other = (void *)watchdog_other);

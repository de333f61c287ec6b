// SPDX-License-Identifier: GPL-2.0
/*
 * Exit handler: flight recorder. Keeps the last exits of a gap with the guest's registers.
 *
 * After the gap it tells what a vCPU that stalled was doing: the stalls with their lengths are in
 * the telemetry (ctrace gap), the registers at the start of each are in the record with the same
 * reason and RIP. It serves no exit: native code and blocking are as without it. It is not asked
 * about exits that handlers are not asked about, memory accesses above all.
 */
#include "caretaker.bpf.h"
#include "recorder.h"

struct caretaker_recorder_state recorder_state;

static __always_inline void record_fill(struct caretaker_record *r,
					const struct kvm_caretaker_exit *exit)
{
	int i;

	r->reason = exit->reason;
	r->vcpu = exit->vcpu;
	r->info1 = exit->info1;
	r->info2 = exit->info2;
	r->rip = exit->rip;
	r->rflags = exit->rflags;
	r->cr4 = exit->cr4;
#pragma clang loop unroll(full)
	for (i = 0; i < 16; i++)
		r->gpr[i] = exit->gpr[i];
}

static __always_inline int record(const struct kvm_caretaker_exit *exit)
{
	struct caretaker_recorder_state *s = &recorder_state;
	struct caretaker_record *r;
	__u64 n;

	if (!caretaker_detached(exit))
		return KVM_CARETAKER_NEXT;
	s->size = sizeof(*s);
	s->version = CARETAKER_RECORDER_VERSION;
	/* vCPUs that share the state take turns by this */
	n = __sync_fetch_and_add(&s->exits, 1);
	r = &s->record[n % CARETAKER_RECORDS];
	r->seq = 0;
	barrier();
	record_fill(r, exit);
	barrier();
	r->seq = n + 1;
	return KVM_CARETAKER_NEXT;
}

#define RECORD(member)						\
CARETAKER_HANDLER(member, record_##member)			\
{								\
	return record(exit);					\
}

RECORD(hlt)
RECORD(cpuid)
RECORD(rdmsr)
RECORD(wrmsr)
RECORD(io)
RECORD(hypercall)
RECORD(pause)
RECORD(other)

CARETAKER_HANDLERS(recorder, .hlt = (void *)record_hlt, .cpuid = (void *)record_cpuid,
		   .rdmsr = (void *)record_rdmsr, .wrmsr = (void *)record_wrmsr,
		   .io = (void *)record_io, .hypercall = (void *)record_hypercall,
		   .pause = (void *)record_pause, .other = (void *)record_other);

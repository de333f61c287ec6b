/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How long a vCPU did not run its guest, from one exit that a handler sees to the next.
 *
 * The time of exits in between that handlers are not asked about (interrupts of the host, accesses
 * to memory) counts to the exit before them. While it lasts nothing is known: no handler runs then.
 */
#ifndef CARETAKER_ELAPSED_BPF_H
#define CARETAKER_ELAPSED_BPF_H

#include "caretaker.bpf.h"

/**
 * struct caretaker_elapsed - the exit before, in scratch memory of the vCPU
 * @tsc:	TSC at its #VMEXIT, 0 before the first
 * @guest_tsc:	what the guest had run until then
 */
struct caretaker_elapsed {
	__u64 tsc;
	__u64 guest_tsc;
};

/* Cycles since @then in which the guest did not run, -1 when that is not known; @then is now. */
static __always_inline __s64 caretaker_elapsed(const struct kvm_caretaker_exit *exit,
					       struct caretaker_elapsed *then)
{
	__s64 cycles = -1;

	if (then->tsc)
		cycles = exit->tsc - then->tsc - (exit->guest_tsc - then->guest_tsc);
	then->tsc = exit->tsc;
	then->guest_tsc = exit->guest_tsc;
	return cycles < 0 ? -1 : cycles;
}

#endif /* CARETAKER_ELAPSED_BPF_H */

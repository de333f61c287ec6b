// SPDX-License-Identifier: GPL-2.0
/*
 * Exit handler: KVM hypercalls in the gap.
 *
 * Hints return 0 as if they had been taken, hypercalls that the guest was never offered return
 * -KVM_ENOSYS, as KVM does. Which ones that are is what the VMM says. Those that need another
 * vCPU or guest memory block: KICK_CPU, SEND_IPI, CLOCK_PAIRING.
 *
 * KVM gives -KVM_EPERM to callers outside ring 0. A handler does not see the privilege level, so
 * a guest's user space gets 0 for a hint: nothing else happens for it. Attached, everything goes
 * to KVM.
 */
#include "caretaker.bpf.h"
#include "hypercall.h"

#define HYPERCALL_ENOSYS	1000	/* KVM_ENOSYS */

struct caretaker_hypercall_state hypercall_state;

static __always_inline int hypercall_return(struct kvm_caretaker_exit *exit, __u32 nr, __u64 value)
{
	__sync_fetch_and_add(&hypercall_state.answered[nr & 63], 1);
	exit->gpr[KVM_CARETAKER_RAX] = value;
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLER(hypercall, hypercall_vmmcall)
{
	struct caretaker_hypercall_state *s = &hypercall_state;
	__u64 nr = exit->gpr[KVM_CARETAKER_RAX];

	if (!caretaker_detached(exit))
		return KVM_CARETAKER_FORWARD;
	if (s->size && nr < 64) {
		if (s->done >> nr & 1)
			return hypercall_return(exit, nr, 0);
		if (s->unknown >> nr & 1)
			return hypercall_return(exit, nr, (__u64)-HYPERCALL_ENOSYS);
	}
	__sync_fetch_and_add(&s->blocked, 1);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(hypercall, .hypercall = (void *)hypercall_vmmcall);

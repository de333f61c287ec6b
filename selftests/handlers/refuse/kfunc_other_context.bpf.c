// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 state[32];

/* What is passed for the exit context has to be it. */
CARETAKER_HANDLER(io, other_context)
{
	return bpf_caretaker_inject((struct kvm_caretaker_exit *)state, 0x40);
}

CARETAKER_HANDLERS(set, .io = (void *)other_context);
EXPECT("-", "load", "R1");

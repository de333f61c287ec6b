// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static __u32 (*bpf_get_prandom_u32)(void) = (void *)7;

__u64 state;

CARETAKER_HANDLER(io, helper_random)
{
	state = (__u64)bpf_get_prandom_u32();
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)helper_random);
EXPECT("HELPER", "load", "calls a BPF helper");

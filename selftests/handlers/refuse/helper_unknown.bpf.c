// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static long (*unknown)(void) = (void *)9999;

__u64 state;

CARETAKER_HANDLER(io, helper_unknown)
{
	state = (__u64)unknown();
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)helper_unknown);
EXPECT("HELPER", "load", "calls a BPF helper");

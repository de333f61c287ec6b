// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static __u64 (*bpf_get_current_task)(void) = (void *)35;

__u64 state;

CARETAKER_HANDLER(io, helper_current_task)
{
	state = (__u64)bpf_get_current_task();
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)helper_current_task);
EXPECT("HELPER", "load", "calls a BPF helper");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static __u64 (*bpf_ktime_get_ns)(void) = (void *)5;

__u64 now;

CARETAKER_HANDLER(io, helper)
{
	now = bpf_ktime_get_ns();
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)helper);
EXPECT("HELPER", "load", "calls a BPF helper");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static __u64 (*bpf_ktime_get_ns)(void) = (void *)5;

static noinline int when(void)
{
	return bpf_ktime_get_ns() & 1;
}

CARETAKER_HANDLER(io, helper_in_callee)
{
	return when();
}

CARETAKER_HANDLERS(set, .io = (void *)helper_in_callee);
EXPECT("HELPER", "load", "calls a BPF helper");

// SPDX-License-Identifier: GPL-2.0
/* The BPF verifier would drop this code: the scan comes first, and judges it all the same. */
#include "expect.bpf.h"

static __u64 (*bpf_ktime_get_ns)(void) = (void *)5;

const volatile __u32 enabled;

CARETAKER_HANDLER(io, helper_in_dead_code)
{
	if (enabled)
		return bpf_ktime_get_ns() & 1;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)helper_in_dead_code);
EXPECT("HELPER", "load", "calls a BPF helper");

// SPDX-License-Identifier: GPL-2.0
/* The BPF verifier would replace this call by a load from kernel memory. */
#include "expect.bpf.h"

static __u64 (*bpf_jiffies64)(void) = (void *)118;

__u64 state;

CARETAKER_HANDLER(io, helper_jiffies)
{
	state = (__u64)bpf_jiffies64();
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)helper_jiffies);
EXPECT("HELPER", "load", "calls a BPF helper");

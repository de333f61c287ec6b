// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static long (*bpf_send_signal)(__u32 sig) = (void *)109;

__u64 state;

CARETAKER_HANDLER(io, helper_signal)
{
	state = (__u64)bpf_send_signal(9);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)helper_signal);
EXPECT("HELPER", "load", "calls a BPF helper");

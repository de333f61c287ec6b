// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static long (*bpf_probe_read_kernel)(void *to, __u32 size, const void *from) = (void *)113;

__u64 state;

CARETAKER_HANDLER(io, helper_read_kernel)
{
	state = (__u64)bpf_probe_read_kernel(&state, sizeof(state), (void *)exit->info1);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)helper_read_kernel);
EXPECT("HELPER", "load", "calls a BPF helper");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static long (*bpf_probe_read_user)(void *to, __u32 size, const void *from) = (void *)112;

__u64 state;

CARETAKER_HANDLER(io, helper_read_guest_user)
{
	state = (__u64)bpf_probe_read_user(&state, sizeof(state), (void *)exit->rip);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)helper_read_guest_user);
EXPECT("HELPER", "load", "calls a BPF helper");

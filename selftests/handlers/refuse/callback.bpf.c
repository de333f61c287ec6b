// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static long (*bpf_loop)(__u32 nr, void *cb, void *ctx, __u64 flags) = (void *)181;

__u64 turns;

static long turn(__u32 i, void *ctx)
{
	turns++;
	return 0;
}

CARETAKER_HANDLER(io, callback)
{
	bpf_loop(1000000, turn, 0, 0);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)callback);
EXPECT("CALLBACK", "load", "passes a function as a callback");

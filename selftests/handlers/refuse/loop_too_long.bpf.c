// SPDX-License-Identifier: GPL-2.0
/* Bounded, but by far too much for the BPF verifier to follow */
#include "expect.bpf.h"

__u64 result;

CARETAKER_HANDLER(io, loop_too_long)
{
	__u64 i, sum = 0;

#pragma clang loop unroll(disable)
	for (i = 0; i < 10000000; i++) {
		sum += i ^ exit->info1;
		hide(sum);
	}
	result = sum;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)loop_too_long);
EXPECT("-", "load", "BPF program is too large");

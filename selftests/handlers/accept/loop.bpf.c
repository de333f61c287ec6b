// SPDX-License-Identifier: GPL-2.0
/* Loops with a bound are cut off by cost, so they are allowed. */
#include "caretaker.bpf.h"

__u64 sum[64];

CARETAKER_HANDLER(io, loop)
{
	__u64 total = 0;
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < 64; i++)
		total += sum[i];
	sum[0] = total;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)loop);

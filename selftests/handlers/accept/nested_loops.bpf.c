// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 table[8][8], sum;

CARETAKER_HANDLER(io, nested_loops)
{
	__u64 total = 0;
	int i, j;

#pragma clang loop unroll(disable)
	for (i = 0; i < 8; i++) {
#pragma clang loop unroll(disable)
		for (j = 0; j < 8; j++)
			total += table[i][j];
	}
	sum = total;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)nested_loops);

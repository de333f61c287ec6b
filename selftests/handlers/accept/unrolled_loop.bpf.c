// SPDX-License-Identifier: GPL-2.0
/* Without loops the cost is exact. */
#include "expect.bpf.h"

__u32 ports[8], seen;

CARETAKER_HANDLER(io, unrolled_loop)
{
	__u32 port = KVM_CARETAKER_IO_PORT(exit->info1), found = 0;
	int i;

#pragma clang loop unroll(full)
	for (i = 0; i < 8; i++)
		found |= (ports[i] == port) << i;
	seen = found;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)unrolled_loop);

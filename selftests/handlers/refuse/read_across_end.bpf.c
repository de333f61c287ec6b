// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, read_across_end)
{
	int r;

	asm volatile("%0 = *(u64 *)(%1 + 252)" : "=r"(r) : "r"(exit));
	return r;
}

CARETAKER_HANDLERS(set, .io = (void *)read_across_end);
EXPECT("-", "load", "access beyond the end of member");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, uninitialized)
{
	int r;

	asm volatile("%0 = r7" : "=r"(r));
	return r;
}

CARETAKER_HANDLERS(set, .io = (void *)uninitialized);
EXPECT("-", "load", "R7 !read_ok");

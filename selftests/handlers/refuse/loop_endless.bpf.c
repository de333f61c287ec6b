// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, loop_endless)
{
	int r = KVM_CARETAKER_NEXT;

	/* the end can be reached, as far as control flow tells */
	asm volatile("r1 = 0\n"
		     "if r1 == 0 goto -2\n" : "+r"(r) :: "r1");
	return r;
}

CARETAKER_HANDLERS(set, .io = (void *)loop_endless);
EXPECT("-", "load", "infinite loop detected");

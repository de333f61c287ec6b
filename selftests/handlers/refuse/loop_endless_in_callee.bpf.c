// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static noinline int turn(void)
{
	int r = KVM_CARETAKER_NEXT;

	asm volatile("r1 = 0\n"
		     "if r1 == 0 goto -2\n" : "+r"(r) :: "r1");
	return r;
}

CARETAKER_HANDLER(io, loop_endless_in_callee)
{
	return turn();
}

CARETAKER_HANDLERS(set, .io = (void *)loop_endless_in_callee);
EXPECT("-", "load", "infinite loop detected");

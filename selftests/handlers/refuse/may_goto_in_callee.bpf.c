// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static noinline int turn(void)
{
	asm volatile(".byte 0xe5, 0, 1, 0, 0, 0, 0, 0\n"
		     "goto -2\n");
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLER(io, may_goto_in_callee)
{
	return turn();
}

CARETAKER_HANDLERS(set, .io = (void *)may_goto_in_callee);
EXPECT("MAYGOTO", "load", "may_goto");

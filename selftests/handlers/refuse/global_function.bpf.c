// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

noinline int shared(int a)
{
	asm volatile("" : "+r"(a));
	return a & 1;
}

CARETAKER_HANDLER(io, global_function)
{
	return shared(exit->reason);
}

CARETAKER_HANDLERS(set, .io = (void *)global_function);
EXPECT("GLOBAL", "set", "global function");

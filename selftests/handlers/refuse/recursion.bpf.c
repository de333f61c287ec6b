// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static noinline int again(int a)
{
	asm volatile("" : "+r"(a));
	if (!a)
		return 0;
	return again(a - 1) + again(a - 2);
}

CARETAKER_HANDLER(io, recursion)
{
	return again(exit->info1);
}

CARETAKER_HANDLERS(set, .io = (void *)recursion);
EXPECT("RECURSION", "load", "recursive call");

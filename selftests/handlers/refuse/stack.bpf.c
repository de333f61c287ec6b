// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static noinline int deep(__u64 a)
{
	asm volatile("*(u64 *)(r10 - 280) = %0" :: "r"(a) : "memory");
	return 0;
}

CARETAKER_HANDLER(io, stack)
{
	__u64 a = exit->info1;

	asm volatile("*(u64 *)(r10 - 280) = %0" :: "r"(a) : "memory");
	return deep(a);
}

CARETAKER_HANDLERS(set, .io = (void *)stack);
EXPECT("STACK", "load", "combined stack size of 2 calls");

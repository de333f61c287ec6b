// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, whole_stack)
{
	__u64 a = exit->info1;

	asm volatile("*(u64 *)(r10 - 512) = %0\n"
		     "%0 = *(u64 *)(r10 - 512)\n" : "+r"(a) :: "memory");
	return a & 1;
}

CARETAKER_HANDLERS(set, .io = (void *)whole_stack);

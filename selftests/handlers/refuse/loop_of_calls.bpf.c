// SPDX-License-Identifier: GPL-2.0
/* The turn of the loop is short, what it calls is not. */
#include "expect.bpf.h"

#define D1	"%0 /= %1\n"
#define D10	D1 D1 D1 D1 D1 D1 D1 D1 D1 D1
#define D100	D10 D10 D10 D10 D10 D10 D10 D10 D10 D10

__u64 result;

static noinline __u64 work(__u64 a, __u64 b)
{
	asm volatile(D100 D100 D100 : "+r"(a) : "r"(b));
	return a;
}

CARETAKER_HANDLER(io, loop_of_calls)
{
	__u64 i = 0;

	do {
		result += work(exit->info1, exit->info2);
		hide(i);
	} while (++i < 2);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)loop_of_calls);
EXPECT("LOOP", "set", "one turn of a loop costs more");

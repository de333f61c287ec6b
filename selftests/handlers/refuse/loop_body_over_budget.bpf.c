// SPDX-License-Identifier: GPL-2.0
/* Two turns of a loop with 300 divisions: longest path and one turn do not fit together. */
#include "expect.bpf.h"

#define D1	"%0 /= %1\n"
#define D10	D1 D1 D1 D1 D1 D1 D1 D1 D1 D1
#define D100	D10 D10 D10 D10 D10 D10 D10 D10 D10 D10

__u64 result;

CARETAKER_HANDLER(io, loop_body_over_budget)
{
	__u64 a = exit->info1, b = exit->info2, i = 0;

	do {
		asm volatile(D100 D100 D100 : "+r"(a) : "r"(b));
		hide(i);
	} while (++i < 2);
	result = a;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)loop_body_over_budget);
EXPECT("LOOP", "set", "one turn of a loop costs more");

// SPDX-License-Identifier: GPL-2.0
/* The cost is that of the worst exit, not of the usual one. */
#include "expect.bpf.h"

#define D1	"%0 /= %1\n"
#define D10	D1 D1 D1 D1 D1 D1 D1 D1 D1 D1
#define D100	D10 D10 D10 D10 D10 D10 D10 D10 D10 D10

__u64 result;

CARETAKER_HANDLER(io, over_budget_branch)
{
	__u64 a = exit->info1, b = exit->info2;

	if (KVM_CARETAKER_IO_PORT(exit->info1) == 0x80)
		asm volatile(D100 D100 D100 D100 D100 D100 : "+r"(a) : "r"(b));
	result = a;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)over_budget_branch);
EXPECT("COST", "set", "worst-case cost over the budget");

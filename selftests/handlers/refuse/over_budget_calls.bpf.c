// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

#define D1	"%0 /= %1\n"
#define D10	D1 D1 D1 D1 D1 D1 D1 D1 D1 D1
#define D100	D10 D10 D10 D10 D10 D10 D10 D10 D10 D10

__u64 result;

static noinline __u64 work(__u64 a, __u64 b)
{
	asm volatile(D100 : "+r"(a) : "r"(b));
	return a;
}

CARETAKER_HANDLER(io, over_budget_calls)
{
	__u64 a = exit->info1, b = exit->info2;

	result = work(a, b) + work(b, a) + work(a + 1, b) + work(b + 1, a) + work(a + 2, b) +
		 work(b + 2, a);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)over_budget_calls);
EXPECT("COST", "set", "worst-case cost over the budget");

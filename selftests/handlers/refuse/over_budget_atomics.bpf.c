// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

#define A1	"lock *(u64 *)(%0 + 0) += %1\n"
#define A10	A1 A1 A1 A1 A1 A1 A1 A1 A1 A1
#define A100	A10 A10 A10 A10 A10 A10 A10 A10 A10 A10

__u64 state;

CARETAKER_HANDLER(io, over_budget_atomics)
{
	asm volatile(A100 A100 A100 A100 A100 A100 A100 A100 A100
		     :: "r"(&state), "r"(exit->info1) : "memory");
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)over_budget_atomics);
EXPECT("COST", "set", "worst-case cost over the budget");

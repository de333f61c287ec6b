// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

#define FOUR(x) x x x x
#define TIMES(x) FOUR(FOUR(FOUR(FOUR(FOUR(x)))))

__u64 sum;

/* 1024 times 30 for the calls alone */
CARETAKER_HANDLER(io, kfuncs)
{
	__u64 n = 0;

	TIMES(n += bpf_caretaker_time(exit);)
	sum = n;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)kfuncs);
EXPECT("COST", "set", "worst-case cost over the budget");

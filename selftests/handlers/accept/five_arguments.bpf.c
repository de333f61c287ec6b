// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static noinline __u64 sum(__u64 a, __u64 b, __u64 c, __u64 d, __u64 e)
{
	hide(a);
	return a + b * 2 + c * 3 + d * 4 + e * 5;
}

CARETAKER_HANDLER(io, five_arguments)
{
	return sum(exit->vcpu, exit->reason, exit->info1, exit->info2, exit->rip) & 1;
}

CARETAKER_HANDLERS(set, .io = (void *)five_arguments);

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

SEC("struct_ops/io")
int second_argument(unsigned long long *ctx)
{
	return ctx[1] & 1;
}

CARETAKER_HANDLERS(set, .io = (void *)second_argument);
EXPECT("-", "load", "doesn't have 2-th argument");

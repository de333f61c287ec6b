// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

SEC("struct_ops/io")
__attribute__((naked)) int no_return_value(unsigned long long *ctx)
{
	asm volatile("exit");
}

CARETAKER_HANDLERS(set, .io = (void *)no_return_value);
EXPECT("-", "load", "R0 !read_ok");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

SEC("struct_ops/io")
__attribute__((naked)) int no_end(unsigned long long *ctx)
{
	asm volatile("r0 = 0");
}

CARETAKER_HANDLERS(set, .io = (void *)no_end);
EXPECT("JUMP", "load", "last insn is not an exit or jmp");

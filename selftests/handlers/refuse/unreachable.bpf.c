// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, unreachable)
{
	int r = KVM_CARETAKER_NEXT;

	asm volatile("goto +1\n"
		     "%0 = 5\n" : "+r"(r));
	return r;
}

CARETAKER_HANDLERS(set, .io = (void *)unreachable);
EXPECT("-", "load", "unreachable insn");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, jump_out)
{
	asm volatile("goto +1000");
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)jump_out);
EXPECT("JUMP", "load", "jump out of range");

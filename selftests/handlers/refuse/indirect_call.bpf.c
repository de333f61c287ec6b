// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, indirect_call)
{
	asm volatile("r1 = 0\n"
		     ".byte 0x8d, 0x01, 0, 0, 0, 0, 0, 0\n" ::: "r0", "r1", "r2", "r3", "r4", "r5");
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)indirect_call);
EXPECT("OPCODE", "load", "unknown opcode");

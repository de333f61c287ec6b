// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, packet_load)
{
	int r;

	asm volatile("r6 = %1\n"
		     ".byte 0x30, 0, 0, 0, 0, 0, 0, 0\n"
		     "%0 = r0\n" : "=r"(r) : "r"(exit) : "r0", "r1", "r2", "r3", "r4", "r5", "r6");
	return r;
}

CARETAKER_HANDLERS(set, .io = (void *)packet_load);
EXPECT("OPCODE", "load", "not allowed for this program type");

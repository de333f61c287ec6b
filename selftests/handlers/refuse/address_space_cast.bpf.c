// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, address_space_cast)
{
	__u64 a = exit->info1;

	asm volatile("r1 = %0\n"
		     ".byte 0xbf, 0x11, 1, 0, 1, 0, 0, 0\n"
		     "%0 = r1\n" : "+r"(a) :: "r1");
	return a & 1;
}

CARETAKER_HANDLERS(set, .io = (void *)address_space_cast);
EXPECT("OPCODE", "load", "associated arena");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, shift_too_far)
{
	__u64 a = exit->info1;

	asm volatile("r1 = %0\n"
		     ".byte 0x67, 0x01, 0, 0, 64, 0, 0, 0\n"
		     "%0 = r1\n" : "+r"(a) :: "r1");
	return a & 1;
}

CARETAKER_HANDLERS(set, .io = (void *)shift_too_far);
EXPECT("OPCODE", "load", "invalid shift");

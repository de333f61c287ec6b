// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 turns;

CARETAKER_HANDLER(io, may_goto)
{
	/* may_goto +2; turns++; goto -3 */
	asm volatile("r1 = %[turns] ll\n"
		     ".byte 0xe5, 0, 2, 0, 0, 0, 0, 0\n"
		     "r2 = 1\n"
		     "goto -3\n"
		     :: [turns] "i"(&turns) : "r1", "r2");
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)may_goto);
EXPECT("MAYGOTO", "load", "may_goto");

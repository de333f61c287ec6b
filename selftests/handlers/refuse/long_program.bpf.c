// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, long_program)
{
	int r = KVM_CARETAKER_NEXT;

	asm volatile(".rept 66000\n"
		     "%0 += 0\n"
		     ".endr\n" : "+r"(r));
	return r;
}

CARETAKER_HANDLERS(set, .io = (void *)long_program);
EXPECT("SIZE", "set", "too large");

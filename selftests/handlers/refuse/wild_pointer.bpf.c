// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, wild_pointer)
{
	return *(volatile int *)0x12345678;
}

CARETAKER_HANDLERS(set, .io = (void *)wild_pointer);
EXPECT("-", "load", "R1 invalid mem access 'scalar'");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, read_before)
{
	return *(volatile int *)((char *)exit - 8);
}

CARETAKER_HANDLERS(set, .io = (void *)read_before);
EXPECT("-", "load", "invalid negative access");

// SPDX-License-Identifier: GPL-2.0
/* 60 pages */
#include "expect.bpf.h"

char state[0x3c000];

CARETAKER_HANDLER(io, large_state)
{
	state[exit->info1 & 0x1ffff]++;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)large_state);

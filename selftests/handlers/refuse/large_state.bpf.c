// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

char state[2 << 20];

CARETAKER_HANDLER(io, large_state)
{
	state[exit->info1 & 0xfffff] = 1;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)large_state);
EXPECT("SIZE", "set", "too large");

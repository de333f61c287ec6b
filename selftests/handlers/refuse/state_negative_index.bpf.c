// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 state[16];

CARETAKER_HANDLER(io, state_negative_index)
{
	__s64 i = exit->info1 & 15;

	hide(i);
	state[i - 8] = 1;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)state_negative_index);
EXPECT("-", "load", "min value is outside of the allowed memory range");

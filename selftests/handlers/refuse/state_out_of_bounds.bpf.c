// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 state[16];

CARETAKER_HANDLER(io, state_out_of_bounds)
{
	__u64 i = exit->info1 & 31;

	hide(i);
	state[i] = 1;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)state_out_of_bounds);
EXPECT("-", "load", "invalid access to map value");

// SPDX-License-Identifier: GPL-2.0
/* With one variable that is global the map of the section can be mapped. */
#include "expect.bpf.h"

static volatile __u64 state[16];
__u32 version;

CARETAKER_HANDLER(io, one_global_is_enough)
{
	state[exit->info1 & 15]++;
	version = 1;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)one_global_is_enough);

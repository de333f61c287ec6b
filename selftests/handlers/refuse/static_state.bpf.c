// SPDX-License-Identifier: GPL-2.0
/* The loader makes a map that can be mapped only of a section with a global variable. */
#include "expect.bpf.h"

static volatile __u64 state[16];

CARETAKER_HANDLER(io, static_state)
{
	state[exit->info1 & 15]++;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)static_state);
EXPECT("MAPMMAP", "set", "map is not made with BPF_F_MMAPABLE");

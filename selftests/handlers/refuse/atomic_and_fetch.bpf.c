// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 state;

CARETAKER_HANDLER(io, atomic_and_fetch)
{
	return __sync_fetch_and_and(&state, exit->info1) & 1;
}

CARETAKER_HANDLERS(set, .io = (void *)atomic_and_fetch);
EXPECT("ATOMIC", "set", "atomic operation");

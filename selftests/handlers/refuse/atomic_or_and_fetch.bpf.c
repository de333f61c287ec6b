// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 state, state2;

CARETAKER_HANDLER(io, atomic_or_and_fetch)
{
	state2 = __sync_fetch_and_or(&state, exit->info1);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)atomic_or_and_fetch);
EXPECT("ATOMIC", "set", "atomic operation that needs an unbounded loop");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 state;

CARETAKER_HANDLER(io, loop_unbounded)
{
	while (*(volatile __u64 *)&state != exit->info1)
		barrier();
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)loop_unbounded);
EXPECT("-", "load", "infinite loop detected");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, out_of_bounds)
{
	__u64 *slot = (__u64 *)bpf_caretaker_scratch(exit, 0, 16);

	if (slot)
		slot[2] += 1;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)out_of_bounds);
EXPECT("-", "load", "invalid access to memory, mem_size=16 off=16 size=8");

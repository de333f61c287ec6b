// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 seen;

CARETAKER_HANDLER(io, variable_index)
{
	__u64 i = exit->info1 & 15;

	hide(i);
	seen = exit->gpr[i];
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)variable_index);
EXPECT("-", "load", "invalid variable offset");

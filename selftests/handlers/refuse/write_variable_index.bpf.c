// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, write_variable_index)
{
	__u64 i = exit->info1 & 7;

	hide(i);
	exit->gpr[i] = 0;
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLERS(set, .io = (void *)write_variable_index);
EXPECT("-", "load", "invalid variable offset");

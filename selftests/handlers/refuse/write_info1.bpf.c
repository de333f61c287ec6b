// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, write_info1)
{
	exit->info1 = 0;
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLERS(set, .io = (void *)write_info1);
EXPECT("-", "load", "may write only gpr[] but gpr[RSP]");

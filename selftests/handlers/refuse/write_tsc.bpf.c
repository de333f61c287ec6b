// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, write_tsc)
{
	exit->tsc = 0;
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLERS(set, .io = (void *)write_tsc);
EXPECT("-", "load", "may write only gpr[] but gpr[RSP]");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, write_reserved)
{
	exit->reserved[0] = 0;
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLERS(set, .io = (void *)write_reserved);
EXPECT("-", "load", "may write only gpr[] but gpr[RSP]");

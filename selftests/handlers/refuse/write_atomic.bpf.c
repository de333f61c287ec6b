// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, write_atomic)
{
	__sync_fetch_and_add(&exit->flags, 1);
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLERS(set, .io = (void *)write_atomic);
EXPECT("-", "load", "may write only gpr[] but gpr[RSP]");

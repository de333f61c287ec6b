// SPDX-License-Identifier: GPL-2.0
/* Nobody else writes the registers: there is no use for it. */
#include "expect.bpf.h"

CARETAKER_HANDLER(io, write_atomic)
{
	__sync_fetch_and_add(&exit->gpr[KVM_CARETAKER_RAX], 1);
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLERS(set, .io = (void *)write_atomic);
EXPECT("-", "load", "is not allowed");

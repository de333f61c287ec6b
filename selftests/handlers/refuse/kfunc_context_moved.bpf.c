// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

/* Not even a part of it. */
CARETAKER_HANDLER(io, context_moved)
{
	return bpf_caretaker_inject((struct kvm_caretaker_exit *)&exit->gpr[0], 0x40);
}

CARETAKER_HANDLERS(set, .io = (void *)context_moved);
EXPECT("-", "load", "R1");

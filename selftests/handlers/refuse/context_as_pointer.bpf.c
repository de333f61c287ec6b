// SPDX-License-Identifier: GPL-2.0
/* A guest's register is a number, not an address. */
#include "expect.bpf.h"

CARETAKER_HANDLER(io, context_as_pointer)
{
	return *(volatile int *)exit->gpr[KVM_CARETAKER_RAX];
}

CARETAKER_HANDLERS(set, .io = (void *)context_as_pointer);
EXPECT("-", "load", "invalid mem access 'scalar'");

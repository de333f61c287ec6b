// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, no_state)
{
	exit->gpr[KVM_CARETAKER_RAX] = 0xffffffff;
	return KVM_CARETAKER_IO_PORT(exit->info1) == 0x80 ? KVM_CARETAKER_HANDLED :
							    KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)no_state);

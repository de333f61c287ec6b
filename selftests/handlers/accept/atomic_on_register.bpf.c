// SPDX-License-Identifier: GPL-2.0
/* Nobody else writes the registers, but nothing is wrong with it. */
#include "expect.bpf.h"

CARETAKER_HANDLER(io, atomic_on_register)
{
	__sync_fetch_and_add(&exit->gpr[KVM_CARETAKER_RAX], 1);
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLERS(set, .io = (void *)atomic_on_register);

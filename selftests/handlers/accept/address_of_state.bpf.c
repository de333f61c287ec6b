// SPDX-License-Identifier: GPL-2.0
/* Takes the address of a variable, and does not use what is there */
#include "expect.bpf.h"

__u64 state;

CARETAKER_HANDLER(io, address_of_state)
{
	__u64 *p = &state;

	hide(p);
	return p ? KVM_CARETAKER_NEXT : KVM_CARETAKER_BLOCK;
}

CARETAKER_HANDLERS(set, .io = (void *)address_of_state);

// SPDX-License-Identifier: GPL-2.0
/* Two programs of one section serve two members. */
#include "expect.bpf.h"

CARETAKER_HANDLER(io, unused_io)
{
	return KVM_CARETAKER_BLOCK;
}

CARETAKER_HANDLER(hlt, used_hlt)
{
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLER(hlt, other_hlt)
{
	return KVM_CARETAKER_BLOCK;
}

CARETAKER_HANDLERS(set, .hlt = (void *)used_hlt, .pause = (void *)other_hlt,
		   .io = (void *)unused_io);

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, write_requests)
{
	exit->requests = KVM_CARETAKER_REQUEST_IRQ;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)write_requests);
EXPECT("-", "load", "may write only gpr[]");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, read_beyond)
{
	return *(volatile int *)((char *)exit + sizeof(*exit));
}

CARETAKER_HANDLERS(set, .io = (void *)read_beyond);
EXPECT("-", "load", "access beyond struct kvm_caretaker_exit");

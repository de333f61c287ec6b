// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, write_frame_pointer)
{
	asm volatile(".byte 0xb7, 0x0a, 0, 0, 0, 0, 0, 0\n");
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)write_frame_pointer);
EXPECT("REGISTER", "load", "frame pointer is read only");

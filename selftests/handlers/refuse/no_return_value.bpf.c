// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, no_return_value)
{
	__u64 port = KVM_CARETAKER_IO_PORT(exit->info1);

	asm volatile("if %0 == 128 goto +1\n"
		     "exit\n" :: "r"(port));
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)no_return_value);
EXPECT("-", "load", "R0 !read_ok");

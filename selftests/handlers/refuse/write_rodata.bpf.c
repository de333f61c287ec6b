// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

const volatile __u64 config = 1;

CARETAKER_HANDLER(io, write_rodata)
{
	*(volatile __u64 *)&config = exit->info1;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)write_rodata);
EXPECT("-", "load", "write into map forbidden");

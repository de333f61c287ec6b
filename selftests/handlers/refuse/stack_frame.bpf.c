// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, stack_frame)
{
	__u64 a = exit->info1;

	asm volatile("*(u64 *)(r10 - 520) = %0" :: "r"(a) : "memory");
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)stack_frame);
EXPECT("STACK", "load", "off=-520");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 a;

CARETAKER_HANDLER(io, atomics_without_old_value)
{
	asm volatile("lock *(u64 *)(%0 + 0) |= %1\n"
		     "lock *(u64 *)(%0 + 0) &= %1\n"
		     "lock *(u64 *)(%0 + 0) ^= %1\n"
		     :: "r"(&a), "r"(exit->info1) : "memory");
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)atomics_without_old_value);

// SPDX-License-Identifier: GPL-2.0
/* Unconditional byte swaps: of clang -mcpu=v4 */
#include "expect.bpf.h"

__u64 seen;

CARETAKER_HANDLER(io, byte_swaps)
{
	__u64 a = exit->info1, b = exit->info2;

	asm volatile("r1 = %0\n"
		     "r2 = %1\n"
		     ".byte 0xd7, 0x01, 0, 0, 16, 0, 0, 0\n"
		     ".byte 0xd7, 0x01, 0, 0, 32, 0, 0, 0\n"
		     ".byte 0xd7, 0x01, 0, 0, 64, 0, 0, 0\n"
		     "%0 = r1\n" : "+r"(a) : "r"(b) : "r1", "r2");
	seen = a;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)byte_swaps);

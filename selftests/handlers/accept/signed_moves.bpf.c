// SPDX-License-Identifier: GPL-2.0
/* Sign extension of 8, 16 and 32 bits: of clang -mcpu=v4 */
#include "expect.bpf.h"

__u64 seen;

CARETAKER_HANDLER(io, signed_moves)
{
	__u64 a = exit->info1, b = exit->info2;

	asm volatile("r1 = %0\n"
		     "r2 = %1\n"
		     ".byte 0xbf, 0x21, 8, 0, 0, 0, 0, 0\n"
		     ".byte 0xbf, 0x11, 16, 0, 0, 0, 0, 0\n"
		     ".byte 0xbf, 0x11, 32, 0, 0, 0, 0, 0\n"
		     ".byte 0xbc, 0x11, 16, 0, 0, 0, 0, 0\n"
		     "%0 = r1\n" : "+r"(a) : "r"(b) : "r1", "r2");
	seen = a;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)signed_moves);

// SPDX-License-Identifier: GPL-2.0
/* r1 /= r2, r1 %= r2, both signed, of 64 and of 32 bits: of clang -mcpu=v4 */
#include "expect.bpf.h"

__u64 seen;

CARETAKER_HANDLER(io, signed_division)
{
	__u64 a = exit->info1, b = exit->info2;

	asm volatile("r1 = %0\n"
		     "r2 = %1\n"
		     ".byte 0x3f, 0x21, 1, 0, 0, 0, 0, 0\n"
		     ".byte 0x9f, 0x21, 1, 0, 0, 0, 0, 0\n"
		     ".byte 0x3c, 0x21, 1, 0, 0, 0, 0, 0\n"
		     ".byte 0x9c, 0x21, 1, 0, 0, 0, 0, 0\n"
		     "%0 = r1\n" : "+r"(a) : "r"(b) : "r1", "r2");
	seen = a;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)signed_division);

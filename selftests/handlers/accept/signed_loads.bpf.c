// SPDX-License-Identifier: GPL-2.0
/* Sign-extending loads: of clang -mcpu=v4 */
#include "expect.bpf.h"

__u64 seen;

CARETAKER_HANDLER(io, signed_loads)
{
	__u64 a;

	asm volatile("r1 = %1\n"
		     ".byte 0x91, 0x12, 0, 0, 0, 0, 0, 0\n"
		     ".byte 0x89, 0x12, 0, 0, 0, 0, 0, 0\n"
		     ".byte 0x81, 0x12, 0, 0, 0, 0, 0, 0\n"
		     "%0 = r2\n" : "=r"(a) : "r"(&seen) : "r1", "r2");
	seen = a;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)signed_loads);

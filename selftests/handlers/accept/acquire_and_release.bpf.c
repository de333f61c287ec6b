// SPDX-License-Identifier: GPL-2.0
/* r2 = load_acquire(r1), store_release(r1, r2) */
#include "expect.bpf.h"

__u64 seen;

CARETAKER_HANDLER(io, acquire_and_release)
{
	__u64 a;

	asm volatile("r1 = %1\n"
		     ".byte 0xdb, 0x12, 0, 0, 0x00, 1, 0, 0\n"
		     "r2 += 1\n"
		     ".byte 0xdb, 0x21, 0, 0, 0x10, 1, 0, 0\n"
		     "%0 = r2\n" : "=r"(a) : "r"(&seen) : "r1", "r2", "memory");
	return a & 1;
}

CARETAKER_HANDLERS(set, .io = (void *)acquire_and_release);

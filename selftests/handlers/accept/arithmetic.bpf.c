// SPDX-License-Identifier: GPL-2.0
#include "caretaker.bpf.h"

__u64 r[10];

CARETAKER_HANDLER(other, arithmetic)
{
	__u64 a = exit->info1, b = exit->info2;
	__u32 x = a, y = b;

	r[0] = a / b;
	r[1] = a % b;
	r[2] = x / y;
	r[3] = x % (y | 1);
	r[4] = a << (b & 63) | a >> (64 - (b & 63));
	r[5] = (__s64)a >> (b & 63);
	r[6] = __builtin_bswap64(a) ^ __builtin_bswap32(x) ^ __builtin_bswap16(x);
	r[7] = a * b - (__s32)x * 12345;
	r[8] = (__s8)a + (__s16)b;
	r[9] = ~a & 0x0000ffff0000ffffULL;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .other = (void *)arithmetic);

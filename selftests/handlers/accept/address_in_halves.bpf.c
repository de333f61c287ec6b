// SPDX-License-Identifier: GPL-2.0
/* The remedy of rule KADDR */
#include "expect.bpf.h"

__u64 seen;

CARETAKER_HANDLER(io, address_in_halves)
{
	__u32 high = 0xffffc900, low = 0x1000;

	hide(high);
	hide(low);
	seen = (__u64)high << 32 | low;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)address_in_halves);

// SPDX-License-Identifier: GPL-2.0
/* The constants next to the range that is taken for addresses */
#include "expect.bpf.h"

__u64 seen;

CARETAKER_HANDLER(io, numbers_near_addresses)
{
	__u64 below = 0xfeffffffffffffffULL, above = 0xfffffe0000000000ULL;

	hide(below);
	hide(above);
	seen = below ^ above;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)numbers_near_addresses);

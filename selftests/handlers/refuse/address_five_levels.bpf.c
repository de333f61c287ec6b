// SPDX-License-Identifier: GPL-2.0
/* Where kernels with five levels of page tables map all memory */
#include "expect.bpf.h"

__u64 seen;

CARETAKER_HANDLER(io, address_five_levels)
{
	__u64 addr = 0xff11000000001000ULL;

	hide(addr);
	seen = addr;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)address_five_levels);
EXPECT("KADDR", "load", "in the kernel's address range");

// SPDX-License-Identifier: GPL-2.0
/* Where the kernel keeps its page structures */
#include "expect.bpf.h"

__u64 seen;

CARETAKER_HANDLER(io, address_vmemmap)
{
	__u64 addr = 0xffffea0000000000ULL;

	hide(addr);
	seen = addr;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)address_vmemmap);
EXPECT("KADDR", "load", "in the kernel's address range");

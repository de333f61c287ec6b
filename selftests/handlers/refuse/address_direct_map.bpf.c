// SPDX-License-Identifier: GPL-2.0
/* Where the kernel maps all memory */
#include "expect.bpf.h"

__u64 seen;

CARETAKER_HANDLER(io, address_direct_map)
{
	__u64 addr = 0xffff888000001000ULL;

	hide(addr);
	seen = addr;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)address_direct_map);
EXPECT("KADDR", "load", "in the kernel's address range");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 seen;

CARETAKER_HANDLER(io, kernel_address)
{
	__u64 addr = 0xffffc90000001000ULL;

	hide(addr);
	seen = addr;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)kernel_address);
EXPECT("KADDR", "load", "in the kernel's address range");

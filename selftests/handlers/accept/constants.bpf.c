// SPDX-License-Identifier: GPL-2.0
/* Configuration in .rodata, initial values in .data. */
#include "caretaker.bpf.h"

const volatile __u32 ports[4] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
__u64 weight[4] = { 1, 2, 3, 4 };
__u64 count;

CARETAKER_HANDLER(io, constants)
{
	__u32 i = exit->info1 & 3;

	if (KVM_CARETAKER_IO_PORT(exit->info1) == ports[i])
		count += weight[i];
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)constants);

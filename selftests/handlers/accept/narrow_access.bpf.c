// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, narrow_access)
{
	char *rax = (char *)&exit->gpr[KVM_CARETAKER_RAX];

	*(volatile __u8 *)rax = *(volatile __u8 *)&exit->info1;
	*(volatile __u16 *)(rax + 2) = *(volatile __u16 *)&exit->info2;
	*(volatile __u32 *)(rax + 4) = *(volatile __u32 *)&exit->rip;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)narrow_access);

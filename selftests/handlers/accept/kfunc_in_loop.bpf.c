// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(other, loop)
{
	__u32 i;

#pragma clang loop unroll(disable)
	for (i = 0; i < 20; i++)
		if (bpf_caretaker_inject(exit, 0x40 + i))
			return KVM_CARETAKER_BLOCK;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .other = (void *)loop);

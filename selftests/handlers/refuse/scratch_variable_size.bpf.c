// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, variable_size)
{
	__u64 *slot = (__u64 *)bpf_caretaker_scratch(exit, 0, exit->gpr[KVM_CARETAKER_RCX] & 0xff);

	return slot ? KVM_CARETAKER_NEXT : KVM_CARETAKER_BLOCK;
}

CARETAKER_HANDLERS(set, .io = (void *)variable_size);
EXPECT("-", "load", "is not a const");

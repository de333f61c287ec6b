// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 state[sizeof(struct kvm_caretaker_exit) / 8 - 1];

CARETAKER_HANDLER(io, small_memory)
{
	return bpf_caretaker_inject((struct kvm_caretaker_exit *)state, 0x40);
}

CARETAKER_HANDLERS(set, .io = (void *)small_memory);
EXPECT("-", "load", "invalid access to map value");

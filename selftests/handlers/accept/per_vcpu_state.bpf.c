// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 count[64];

CARETAKER_HANDLER(io, per_vcpu_state)
{
	__u32 i = exit->vcpu;

	if (i < 64)
		count[i]++;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)per_vcpu_state);

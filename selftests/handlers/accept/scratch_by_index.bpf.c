// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

/* The exit context takes no variable index, scratch memory does. */
CARETAKER_HANDLER(hypercall, by_index)
{
	__u64 *slot = (__u64 *)bpf_caretaker_scratch(exit, exit->gpr[KVM_CARETAKER_RBX],
						     KVM_CARETAKER_SCRATCH_SIZE);
	__u64 n = exit->gpr[KVM_CARETAKER_RCX];

	if (!slot)
		return KVM_CARETAKER_NEXT;
	slot[n & 31] += exit->gpr[KVM_CARETAKER_RDX];
	exit->gpr[KVM_CARETAKER_RAX] = slot[n & 31];
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLERS(set, .hypercall = (void *)by_index);

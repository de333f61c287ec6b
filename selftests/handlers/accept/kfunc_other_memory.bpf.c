// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

/*
 * For the BPF verifier any memory as large as the exit context will do, for that holds no pointers.
 * What the kfunc notes there reaches nobody.
 */
__u64 state[sizeof(struct kvm_caretaker_exit) / 8];

CARETAKER_HANDLER(io, other_memory)
{
	bpf_caretaker_inject((struct kvm_caretaker_exit *)state, 0x40);
	bpf_caretaker_emit((struct kvm_caretaker_exit *)state, state, 64);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)other_memory);

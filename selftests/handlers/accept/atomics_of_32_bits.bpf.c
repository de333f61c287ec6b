// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u32 a, b;

CARETAKER_HANDLER(io, atomics_of_32_bits)
{
	__u32 old = __sync_fetch_and_add(&a, exit->vcpu);

	__sync_lock_test_and_set(&b, old);
	__sync_val_compare_and_swap(&b, old, exit->reason);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)atomics_of_32_bits);

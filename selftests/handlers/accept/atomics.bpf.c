// SPDX-License-Identifier: GPL-2.0
#include "caretaker.bpf.h"

__u64 a, b;
__u32 c;

CARETAKER_HANDLER(io, atomics)
{
	__u64 old = __sync_fetch_and_add(&a, exit->info1);

	__sync_fetch_and_add(&c, 1);
	__sync_lock_test_and_set(&b, old);
	__sync_val_compare_and_swap(&b, old, exit->info2);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)atomics);

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

/* Scratch memory comes after all sections of state. */
const volatile __u64 step = 3;
__u64 sum = 5;
__u64 count;

CARETAKER_HANDLER(pause, both)
{
	__u32 *slot = (__u32 *)bpf_caretaker_scratch(exit, 0, 4);

	count++;
	sum += step;
	if (slot)
		*slot += 1;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .pause = (void *)both);

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

struct slot {
	__u64 count;
	__u64 last;
};

struct slot slots[8];

CARETAKER_HANDLER(io, pointer_to_state)
{
	struct slot *s = &slots[exit->vcpu & 7];

	if (exit->info1 & 1)
		s = &slots[exit->info2 & 7];
	s->count++;
	s->last = exit->rip;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)pointer_to_state);

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

struct record {
	__u64 rip;
	__u64 more[7];
};

struct record records[3];

CARETAKER_HANDLER(io, copies_memory)
{
	struct record r = records[0];

	r.rip = exit->rip;
	__builtin_memcpy(&records[1], &r, sizeof(r));
	__builtin_memset(&records[2], 0, sizeof(r));
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)copies_memory);

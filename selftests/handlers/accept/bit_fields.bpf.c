// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

struct {
	__u32 in : 1;
	__u32 size : 3;
	__u32 port : 16;
} f;

CARETAKER_HANDLER(io, bit_fields)
{
	f.in = exit->info1;
	f.size = KVM_CARETAKER_IO_SIZE(exit->info1);
	f.port = KVM_CARETAKER_IO_PORT(exit->info1);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)bit_fields);

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u32 ports[32], hits[32];

CARETAKER_HANDLER(io, search_loop)
{
	__u32 port = KVM_CARETAKER_IO_PORT(exit->info1);
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < 32; i++)
		if (ports[i] == port) {
			hits[i]++;
			break;
		}
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)search_loop);

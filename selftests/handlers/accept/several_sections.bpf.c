// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 a;
__u64 b = 1;
const volatile __u64 c = 2;
__u64 d SEC(".data.more") = 3;

CARETAKER_HANDLER(io, several_sections)
{
	a += b + c;
	b += d;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)several_sections);

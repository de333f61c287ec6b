// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 state;

static noinline int some(int a)
{
	hide(a);
	return a;
}

CARETAKER_HANDLER(io, function_pointer)
{
	state = (__u64)some;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)function_pointer);
EXPECT("CALLBACK", "load", "passes a function as a callback");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

SEC("struct_ops.s/io")
int sleepable(unsigned long long *ctx)
{
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)sleepable);
EXPECT("SLEEP", "load", "sleepable program");

// SPDX-License-Identifier: GPL-2.0
/* Exceptions unwind the stack of the kernel. */
#include "expect.bpf.h"

KSYM extern void bpf_throw(__u64 cookie);

CARETAKER_HANDLER(io, kfunc_exception)
{
	if (exit->info1 == 5)
		bpf_throw(0);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)kfunc_exception);
EXPECT("KFUNC", "load", "calls a kernel function");

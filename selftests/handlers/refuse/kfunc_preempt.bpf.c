// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

KSYM extern void bpf_preempt_disable(void);
KSYM extern void bpf_preempt_enable(void);

CARETAKER_HANDLER(io, kfunc_preempt)
{
	bpf_preempt_disable();
	bpf_preempt_enable();
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)kfunc_preempt);
EXPECT("KFUNC", "load", "calls a kernel function");

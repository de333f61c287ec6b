// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

KSYM extern void bpf_local_irq_save(unsigned long *flags);
KSYM extern void bpf_local_irq_restore(unsigned long *flags);

CARETAKER_HANDLER(io, kfunc_irq)
{
	unsigned long flags;

	bpf_local_irq_save(&flags);
	bpf_local_irq_restore(&flags);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)kfunc_irq);
EXPECT("KFUNC", "load", "calls a kernel function");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

/* One of ours and one of the kernel's. */
KSYM extern void bpf_rcu_read_lock(void);

CARETAKER_HANDLER(io, of_tracing)
{
	if (bpf_caretaker_time(exit) & 1)
		bpf_rcu_read_lock();
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)of_tracing);
EXPECT("KFUNC", "load", "calls a kernel function that is not the Caretaker's");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

KSYM extern void bpf_rcu_read_lock(void);
KSYM extern void bpf_rcu_read_unlock(void);

static noinline int critical(void)
{
	bpf_rcu_read_lock();
	bpf_rcu_read_unlock();
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLER(io, kfunc_in_callee)
{
	return critical();
}

CARETAKER_HANDLERS(set, .io = (void *)kfunc_in_callee);
EXPECT("KFUNC", "load", "calls a kernel function");

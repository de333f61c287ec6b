// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

KSYM extern void bpf_rcu_read_lock(void);
KSYM extern void bpf_rcu_read_unlock(void);

CARETAKER_HANDLER(io, kfunc)
{
	bpf_rcu_read_lock();
	bpf_rcu_read_unlock();
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)kfunc);
EXPECT("KFUNC", "load", "calls a kernel function");

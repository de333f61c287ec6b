// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

struct task_struct {
	int pid;
};

KSYM extern struct task_struct *bpf_task_from_pid(int pid);
KSYM extern void bpf_task_release(struct task_struct *p);

CARETAKER_HANDLER(io, kfunc_task)
{
	struct task_struct *p = bpf_task_from_pid(1);

	if (p)
		bpf_task_release(p);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)kfunc_task);
EXPECT("KFUNC", "load", "calls a kernel function");

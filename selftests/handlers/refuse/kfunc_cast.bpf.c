// SPDX-License-Identifier: GPL-2.0
/* A guest decides where this would read; the BPF verifier makes the call invisible. */
#include "expect.bpf.h"

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

KSYM extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id);

CARETAKER_HANDLER(io, kfunc_cast)
{
	return *(volatile int *)bpf_rdonly_cast((void *)exit->info1, 1);
}

CARETAKER_HANDLERS(set, .io = (void *)kfunc_cast);
EXPECT("KFUNC", "load", "calls a kernel function");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

KSYM extern void bpf_arena_free_pages(void *arena, void *pages, __u32 count);

CARETAKER_HANDLER(io, kfunc_arena)
{
	bpf_arena_free_pages(0, 0, 1);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)kfunc_arena);
EXPECT("KFUNC", "load", "calls a kernel function");

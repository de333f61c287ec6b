// SPDX-License-Identifier: GPL-2.0
/* Iterators are kernel functions that the BPF verifier makes invisible. */
#include "expect.bpf.h"

struct bpf_iter_num {
	__u64 opaque[1];
} __attribute__((aligned(8)));

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) KSYM;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) KSYM;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) KSYM;

__u64 turns;

CARETAKER_HANDLER(io, iterator)
{
	struct bpf_iter_num it;

	bpf_iter_num_new(&it, 0, 1000000);
	while (bpf_iter_num_next(&it))
		turns++;
	bpf_iter_num_destroy(&it);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)iterator);
EXPECT("KFUNC", "load", "calls a kernel function");

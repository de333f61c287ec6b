// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

struct bpf_iter_bits {
	__u64 opaque[2];
} __attribute__((aligned(8)));

extern int bpf_iter_bits_new(struct bpf_iter_bits *it, const __u64 *p, __u32 nr) KSYM;
extern int *bpf_iter_bits_next(struct bpf_iter_bits *it) KSYM;
extern void bpf_iter_bits_destroy(struct bpf_iter_bits *it) KSYM;

__u64 bits[4], turns;

CARETAKER_HANDLER(io, iterator_bits)
{
	struct bpf_iter_bits it;

	bpf_iter_bits_new(&it, bits, 4);
	while (bpf_iter_bits_next(&it))
		turns++;
	bpf_iter_bits_destroy(&it);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)iterator_bits);
EXPECT("KFUNC", "load", "calls a kernel function");

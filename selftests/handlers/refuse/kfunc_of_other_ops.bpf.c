// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

/* Another kind of struct_ops, which the kernel has for its own tests. */
struct bpf_dummy_ops_state {
	int val;
};

struct bpf_dummy_ops {
	int (*test_1)(struct bpf_dummy_ops_state *state);
};

SEC("struct_ops/test_1")
int of_other_ops(unsigned long long *ctx)
{
	return bpf_caretaker_inject((struct kvm_caretaker_exit *)ctx[0], 0x40);
}

SEC(".struct_ops.link")
struct bpf_dummy_ops set = { .test_1 = (void *)of_other_ops };

char _license[] SEC("license") = "GPL";
EXPECT("-", "load", "calling kernel function bpf_caretaker_inject is not allowed");

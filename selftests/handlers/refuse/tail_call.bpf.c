// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static long (*bpf_tail_call)(void *ctx, void *map, __u32 index) = (void *)12;

struct {
	int (*type)[3];		/* BPF_MAP_TYPE_PROG_ARRAY */
	int (*max_entries)[1];
	__u32 *key;
	__u32 *value;
} progs SEC(".maps");

SEC("struct_ops/io")
int tail_call(unsigned long long *ctx)
{
	bpf_tail_call(ctx, &progs, 0);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)tail_call);
EXPECT("MAPREF", "load", "uses a map as an object");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static long (*bpf_for_each_map_elem)(void *map, void *cb, void *ctx, __u64 flags) = (void *)164;

struct {
	int (*type)[2];	/* BPF_MAP_TYPE_ARRAY */
	int (*max_entries)[4];
	__u32 *key;
	__u64 *value;
} m SEC(".maps");

static long one(void *map, __u32 *key, __u64 *value, void *ctx)
{
	return 0;
}

CARETAKER_HANDLER(io, callback_for_each)
{
	bpf_for_each_map_elem(&m, one, 0, 0);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)callback_for_each);
EXPECT("MAPREF", "load", "uses a map as an object");

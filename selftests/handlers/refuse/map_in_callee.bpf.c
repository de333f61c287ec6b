// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;

struct {
	int (*type)[1];	/* BPF_MAP_TYPE_HASH */
	int (*max_entries)[4];
	__u32 *key;
	__u64 *value;
} m SEC(".maps");

static noinline int look(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&m, &key) ? KVM_CARETAKER_NEXT : KVM_CARETAKER_BLOCK;
}

CARETAKER_HANDLER(io, map_in_callee)
{
	return look();
}

CARETAKER_HANDLERS(set, .io = (void *)map_in_callee);
EXPECT("MAPREF", "load", "uses a map as an object");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;

struct {
	int (*type)[9];	/* BPF_MAP_TYPE_LRU_HASH */
	int (*max_entries)[4];
	__u32 *key;
	__u64 *value;
} m SEC(".maps");

CARETAKER_HANDLER(io, map_lru_hash)
{
	__u32 key = 0;
	__u64 *v = bpf_map_lookup_elem(&m, &key);

	if (v)
		*v += 1;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)map_lru_hash);
EXPECT("MAPREF", "load", "uses a map as an object");

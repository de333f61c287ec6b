// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;

struct {
	int (*type)[6];	/* BPF_MAP_TYPE_PERCPU_ARRAY */
	int (*max_entries)[4];
	__u32 *key;
	__u64 *value;
} counts SEC(".maps");

CARETAKER_HANDLER(io, map_percpu)
{
	__u32 key = 0;
	__u64 *v = bpf_map_lookup_elem(&counts, &key);

	if (v)
		*v += 1;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)map_percpu);
EXPECT("MAPREF", "load", "uses a map as an object");

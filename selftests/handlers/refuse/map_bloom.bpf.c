// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static long (*bpf_map_peek_elem)(void *map, void *value) = (void *)89;

struct {
	int (*type)[30];	/* BPF_MAP_TYPE_BLOOM_FILTER */
	int (*max_entries)[4];
	__u64 *value;
} m SEC(".maps");

CARETAKER_HANDLER(io, map_bloom)
{
	__u64 v = exit->info1;

	return bpf_map_peek_elem(&m, &v) ? KVM_CARETAKER_NEXT : KVM_CARETAKER_BLOCK;
}

CARETAKER_HANDLERS(set, .io = (void *)map_bloom);
EXPECT("MAPREF", "load", "uses a map as an object");

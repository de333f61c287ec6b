// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static long (*bpf_map_push_elem)(void *map, const void *value, __u64 flags) = (void *)87;

struct {
	int (*type)[23];	/* BPF_MAP_TYPE_STACK */
	int (*max_entries)[4];
	__u64 *value;
} m SEC(".maps");

CARETAKER_HANDLER(io, map_stack)
{
	__u64 v = exit->info1;

	bpf_map_push_elem(&m, &v, 0);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)map_stack);
EXPECT("MAPREF", "load", "uses a map as an object");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static long (*bpf_perf_event_output)(void *ctx, void *map, __u64 flags, void *data,
				     __u64 size) = (void *)25;

struct {
	int (*type)[4];		/* BPF_MAP_TYPE_PERF_EVENT_ARRAY */
	int (*max_entries)[4];
	int *key;
	int *value;
} m SEC(".maps");

CARETAKER_HANDLER(io, map_perf_events)
{
	__u64 event = 1;

	bpf_perf_event_output(exit, &m, 0, &event, sizeof(event));
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)map_perf_events);
EXPECT("MAPREF", "load", "uses a map as an object");

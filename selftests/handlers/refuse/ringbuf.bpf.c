// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static long (*bpf_ringbuf_output)(void *rb, void *data, __u64 size, __u64 flags) = (void *)130;

struct {
	int (*type)[27];	/* BPF_MAP_TYPE_RINGBUF */
	int (*max_entries)[4096];
} events SEC(".maps");

CARETAKER_HANDLER(io, ringbuf)
{
	__u64 event = 1;

	bpf_ringbuf_output(&events, &event, sizeof(event), 0);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)ringbuf);
EXPECT("MAPREF", "load", "uses a map as an object");

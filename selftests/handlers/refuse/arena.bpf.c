// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

struct {
	int (*type)[33];	/* BPF_MAP_TYPE_ARENA */
	int (*map_flags)[1024];	/* BPF_F_MMAPABLE */
	int (*max_entries)[1];
} pages SEC(".maps");

CARETAKER_HANDLER(io, arena)
{
	void *arena = &pages;

	hide(arena);
	return arena ? KVM_CARETAKER_NEXT : KVM_CARETAKER_BLOCK;
}

CARETAKER_HANDLERS(set, .io = (void *)arena);
EXPECT("MAPREF", "load", "uses a map as an object");

// SPDX-License-Identifier: GPL-2.0
/* Serves one port, and takes as long for it as it is told; emits what it did. */
#include "caretaker.bpf.h"
#include "told.h"

struct told_state told_state;

CARETAKER_HANDLER(io, told_io)
{
	__u64 start = bpf_caretaker_time(exit), wait = told_state.wait, event = 0;
	int i;

	if (KVM_CARETAKER_IO_PORT(exit->info1) != TOLD_PORT)
		return KVM_CARETAKER_NEXT;
#pragma clang loop unroll(disable)
	for (i = 0; i < TOLD_TURNS; i++)
		if (bpf_caretaker_time(exit) - start > wait)
			break;
	event = ++told_state.calls;
	bpf_caretaker_emit(exit, &event, sizeof(event));
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLERS(told, .io = (void *)told_io);

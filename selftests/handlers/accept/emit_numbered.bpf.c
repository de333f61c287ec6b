// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"
#include "emit.h"

struct emit_state emit_state;

/* Each CPUID is an event with its number; native code answers it. */
CARETAKER_HANDLER(cpuid, emit_cpuid)
{
	struct emit_event event = {
		.magic = EMIT_MAGIC,
		.number = emit_state.calls + 1,
		.leaf = (__u32)exit->gpr[KVM_CARETAKER_RAX],
		.detached = caretaker_detached(exit),
	};

	emit_state.calls++;
	if (bpf_caretaker_emit(exit, &event, sizeof(event)))
		emit_state.refused++;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(emit, .cpuid = (void *)emit_cpuid);

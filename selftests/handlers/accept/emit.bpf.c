// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

/* From the stack, of a size that is known at run time only. */
CARETAKER_HANDLER(io, emit)
{
	__u64 event[8] = { exit->reason, exit->rip };

	return bpf_caretaker_emit(exit, event, exit->gpr[KVM_CARETAKER_RCX] & 0x38) ?
	       KVM_CARETAKER_BLOCK : KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)emit);

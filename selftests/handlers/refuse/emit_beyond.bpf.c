// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 state[3];

CARETAKER_HANDLER(io, emit_beyond)
{
	return bpf_caretaker_emit(exit, state, 32);
}

CARETAKER_HANDLERS(set, .io = (void *)emit_beyond);
EXPECT("-", "load", "invalid access to map value");

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, negative_verdict)
{
	return -1;
}

CARETAKER_HANDLERS(set, .io = (void *)negative_verdict);

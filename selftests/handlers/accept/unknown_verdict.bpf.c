// SPDX-License-Identifier: GPL-2.0
/* Any other value counts as BLOCK. */
#include "expect.bpf.h"

CARETAKER_HANDLER(io, unknown_verdict)
{
	return 99;
}

CARETAKER_HANDLERS(set, .io = (void *)unknown_verdict);

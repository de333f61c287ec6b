// SPDX-License-Identifier: GPL-2.0
/* The last bytes of one register and the first of RSP in one store. */
#include "expect.bpf.h"

CARETAKER_HANDLER(io, write_across)
{
	char *last = (char *)&exit->gpr[KVM_CARETAKER_RBX];

	*(volatile __u64 *)(last + 4) = 0;
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLERS(set, .io = (void *)write_across);
EXPECT("-", "load", "may write only gpr[] but gpr[RSP]");

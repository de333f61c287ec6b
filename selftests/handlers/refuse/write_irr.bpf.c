// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, write_irr)
{
	exit->irr[1] = 1;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)write_irr);
EXPECT("-", "load", "may write only gpr[]");

// SPDX-License-Identifier: GPL-2.0
#include "caretaker.bpf.h"

CARETAKER_HANDLER(io, one_line)
{
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)one_line);

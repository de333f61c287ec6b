// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(mmio, write_mmio_size)
{
	exit->mmio_size = 8;
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLERS(set, .mmio = (void *)write_mmio_size);
EXPECT("-", "load", "may write only gpr[] but gpr[RSP], and mmio_value");

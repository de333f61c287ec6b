// SPDX-License-Identifier: GPL-2.0
/* All but gpr[RSP] */
#include "expect.bpf.h"

CARETAKER_HANDLER(io, writes_all_registers)
{
	exit->gpr[0] = 1;
	exit->gpr[1] = 2;
	exit->gpr[2] = 3;
	exit->gpr[3] = 4;
	exit->gpr[5] = 5;
	exit->gpr[6] = 6;
	exit->gpr[7] = 7;
	exit->gpr[8] = 8;
	exit->gpr[9] = 9;
	exit->gpr[10] = 10;
	exit->gpr[11] = 11;
	exit->gpr[12] = 12;
	exit->gpr[13] = 13;
	exit->gpr[14] = 14;
	exit->gpr[15] = 15;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)writes_all_registers);

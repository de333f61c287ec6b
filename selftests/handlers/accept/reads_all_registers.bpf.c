// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 sum;

CARETAKER_HANDLER(io, reads_all_registers)
{
	sum = exit->gpr[0] + exit->gpr[1] + exit->gpr[2] + exit->gpr[3] + exit->gpr[4] +
	      exit->gpr[5] + exit->gpr[6] + exit->gpr[7] + exit->gpr[8] + exit->gpr[9] +
	      exit->gpr[10] + exit->gpr[11] + exit->gpr[12] + exit->gpr[13] + exit->gpr[14] +
	      exit->gpr[15];
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)reads_all_registers);

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 sum;

CARETAKER_HANDLER(io, reads_all_fields)
{
	sum = exit->size + exit->abi + exit->reason + exit->vcpu + exit->flags + exit->info1 +
	      exit->info2 + exit->rip + exit->rflags + exit->cr4 +
	      exit->tsc_offset + exit->requests + exit->emit_size + exit->irr[0] + exit->irr[7] +
	      exit->tsc + exit->guest_tsc + exit->emit[7];
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)reads_all_fields);

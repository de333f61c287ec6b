// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

__u64 n[9];

CARETAKER_HANDLER(io, switch_of_ports)
{
	switch (KVM_CARETAKER_IO_PORT(exit->info1)) {
	case 0x20:
		n[0]++;
		break;
	case 0x21:
		n[1]++;
		break;
	case 0x40:
		n[2]++;
		break;
	case 0x43:
		n[3]++;
		break;
	case 0x60:
		n[4]++;
		break;
	case 0x64:
		n[5]++;
		break;
	case 0x70:
		n[6]++;
		break;
	case 0x71:
		n[7]++;
		break;
	default:
		n[8]++;
	}
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)switch_of_ports);

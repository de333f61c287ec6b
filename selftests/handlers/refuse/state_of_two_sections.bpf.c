// SPDX-License-Identifier: GPL-2.0
/* 130 pages each: together more than the limit */
#include "expect.bpf.h"

char state[0x82000];
const volatile char constants[0x82000] = { 1 };

CARETAKER_HANDLER(io, state_of_two_sections)
{
	state[exit->info1 & 0x7ffff] = constants[exit->info2 & 0x7ffff];
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)state_of_two_sections);
EXPECT("SIZE", "set", "too large");

// SPDX-License-Identifier: GPL-2.0
/* 33 pages each: together more than the limit */
#include "expect.bpf.h"

char state[0x21000];
const volatile char constants[0x21000] = { 1 };

CARETAKER_HANDLER(io, state_of_two_sections)
{
	state[exit->info1 & 0x1ffff] = constants[exit->info2 & 0x1ffff];
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)state_of_two_sections);
EXPECT("SIZE", "set", "too large");

// SPDX-License-Identifier: GPL-2.0
/* Strings go to a section of their own, without a variable that is global. */
#include "expect.bpf.h"

__u64 state;

CARETAKER_HANDLER(io, string_literal)
{
	const char *s = "0123456789abcdef";

	state = s[exit->info1 & 15];
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)string_literal);
EXPECT("MAPMMAP", "set", "map is not made with BPF_F_MMAPABLE");

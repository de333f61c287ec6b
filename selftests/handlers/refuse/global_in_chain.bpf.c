// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

noinline int shared(int a)
{
	hide(a);
	return a & 1;
}

static noinline int between(int a)
{
	return shared(a + 1) + 1;
}

CARETAKER_HANDLER(io, global_in_chain)
{
	return between(exit->vcpu);
}

CARETAKER_HANDLERS(set, .io = (void *)global_in_chain);
EXPECT("GLOBAL", "set", "global function");

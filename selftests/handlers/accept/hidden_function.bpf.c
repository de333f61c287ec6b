// SPDX-License-Identifier: GPL-2.0
/* To the loader a hidden function is as good as a static one. */
#include "expect.bpf.h"

noinline __attribute__((visibility("hidden"))) int hidden(int a)
{
	hide(a);
	return a & 1;
}

CARETAKER_HANDLER(io, hidden_function)
{
	return hidden(exit->vcpu);
}

CARETAKER_HANDLERS(set, .io = (void *)hidden_function);

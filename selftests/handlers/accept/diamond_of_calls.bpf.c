// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static noinline int bottom(int a)
{
	hide(a);
	return a & 1;
}

static noinline int left(int a)
{
	return bottom(a + 1);
}

static noinline int right(int a)
{
	return bottom(a + 2);
}

CARETAKER_HANDLER(io, diamond_of_calls)
{
	return left(exit->vcpu) + right(exit->vcpu);
}

CARETAKER_HANDLERS(set, .io = (void *)diamond_of_calls);

// SPDX-License-Identifier: GPL-2.0
/* One frame more than there may be */
#include "expect.bpf.h"

static noinline int f16(int a)
{
	hide(a);
	return a;
}

static noinline int f15(int a)
{
	hide(a);
	return f16(a + 1) + 1;
}

static noinline int f14(int a)
{
	hide(a);
	return f15(a + 1) + 1;
}

static noinline int f13(int a)
{
	hide(a);
	return f14(a + 1) + 1;
}

static noinline int f12(int a)
{
	hide(a);
	return f13(a + 1) + 1;
}

static noinline int f11(int a)
{
	hide(a);
	return f12(a + 1) + 1;
}

static noinline int f10(int a)
{
	hide(a);
	return f11(a + 1) + 1;
}

static noinline int f9(int a)
{
	hide(a);
	return f10(a + 1) + 1;
}

static noinline int f8(int a)
{
	hide(a);
	return f9(a + 1) + 1;
}

static noinline int f7(int a)
{
	hide(a);
	return f8(a + 1) + 1;
}

static noinline int f6(int a)
{
	hide(a);
	return f7(a + 1) + 1;
}

static noinline int f5(int a)
{
	hide(a);
	return f6(a + 1) + 1;
}

static noinline int f4(int a)
{
	hide(a);
	return f5(a + 1) + 1;
}

static noinline int f3(int a)
{
	hide(a);
	return f4(a + 1) + 1;
}

static noinline int f2(int a)
{
	hide(a);
	return f3(a + 1) + 1;
}

static noinline int f1(int a)
{
	hide(a);
	return f2(a + 1) + 1;
}

CARETAKER_HANDLER(io, stack_frames)
{
	return f1(exit->vcpu);
}

CARETAKER_HANDLERS(set, .io = (void *)stack_frames);
EXPECT("STACK", "load", "call stack of");

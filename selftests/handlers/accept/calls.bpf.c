// SPDX-License-Identifier: GPL-2.0
#include "caretaker.bpf.h"

__u64 state;

static __attribute__((noinline)) int third(const struct kvm_caretaker_exit *exit, int n)
{
	state += exit->info1 + n;
	return n & 1;
}

static __attribute__((noinline)) int second(const struct kvm_caretaker_exit *exit, int n)
{
	return third(exit, n + 1) + third(exit, n + 2);
}

CARETAKER_HANDLER(io, calls)
{
	return second(exit, exit->vcpu);
}

CARETAKER_HANDLERS(set, .io = (void *)calls);

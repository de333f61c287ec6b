// SPDX-License-Identifier: GPL-2.0
/*
 * A loop whose number of turns comes from outside: the BPF verifier bounds it, but not by the
 * budget. At run time fuel ends it.
 */
#include "caretaker.bpf.h"

struct {
	__u64 turns;
	__u64 done;
	__u64 finished;
} fuel;

CARETAKER_HANDLER(cpuid, fuel_cpuid)
{
	__u64 i, turns = fuel.turns;

#pragma clang loop unroll(disable)
	for (i = 0; i < 4096 && i < turns; i++)
		*(volatile __u64 *)&fuel.done += 1;
	fuel.finished++;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .cpuid = (void *)fuel_cpuid);

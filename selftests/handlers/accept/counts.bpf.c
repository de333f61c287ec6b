// SPDX-License-Identifier: GPL-2.0
#include "counts.h"
#include "expect.bpf.h"

struct counts_state counts;

CARETAKER_HANDLER(cpuid, counts_cpuid)
{
	__u64 *own = (__u64 *)bpf_caretaker_scratch(exit, 0, 8);
	__u32 i = exit->vcpu % COUNTS_VCPUS;

	__sync_fetch_and_add(&counts.all, 1);
	counts.vcpu[i]++;
	if (caretaker_detached(exit))
		counts.gap[i]++;
	if (own)
		counts.scratch[i] = ++*own;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(counting, .cpuid = (void *)counts_cpuid);

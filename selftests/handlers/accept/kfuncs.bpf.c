// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"
#include "kfuncs.h"

struct kfuncs_state kfuncs_state;

CARETAKER_HANDLER(cpuid, kfuncs_cpuid)
{
	__u64 now = bpf_caretaker_time(exit);
	__u64 *slot = (__u64 *)bpf_caretaker_scratch(exit, KVM_CARETAKER_SCRATCH_SLOTS - 1,
						     KVM_CARETAKER_SCRATCH_SIZE);

	if (!kfuncs_state.calls++)
		kfuncs_state.first = now;
	else if (now <= kfuncs_state.last)
		kfuncs_state.back++;
	kfuncs_state.last = now;
	kfuncs_state.tsc_offset = exit->tsc_offset;
	if (slot) {
		slot[KVM_CARETAKER_SCRATCH_SIZE / 8 - 1] += 2;
		kfuncs_state.scratch = slot[KVM_CARETAKER_SCRATCH_SIZE / 8 - 1];
	}
	if (kfuncs_state.vector)
		kfuncs_state.injected = bpf_caretaker_inject(exit, kfuncs_state.vector);
	kfuncs_state.vector = 0;
	return KVM_CARETAKER_NEXT;
}

/* What it asks for wakes the vCPU at once. */
CARETAKER_HANDLER(hlt, kfuncs_hlt)
{
	if (kfuncs_state.vector)
		kfuncs_state.injected = bpf_caretaker_inject(exit, kfuncs_state.vector);
	kfuncs_state.vector = 0;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .cpuid = (void *)kfuncs_cpuid, .hlt = (void *)kfuncs_hlt);

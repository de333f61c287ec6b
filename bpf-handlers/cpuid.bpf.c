// SPDX-License-Identifier: GPL-2.0
/*
 * Exit handler: answers one CPUID leaf with values that the VMM sets, and one fixed leaf.
 * Everything else is left to the native code. Used to measure what a handler costs.
 */
#include "caretaker.bpf.h"
#include "cpuid.h"

struct caretaker_cpuid_state cpuid_state;

static __always_inline int cpuid_answer(struct kvm_caretaker_exit *exit, __u32 eax, __u32 ebx,
					__u32 ecx, __u32 edx)
{
	exit->gpr[KVM_CARETAKER_RAX] = eax;
	exit->gpr[KVM_CARETAKER_RBX] = ebx;
	exit->gpr[KVM_CARETAKER_RCX] = ecx;
	exit->gpr[KVM_CARETAKER_RDX] = edx;
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLER(cpuid, cpuid_leaf)
{
	const struct caretaker_cpuid_state *s = &cpuid_state;
	__u32 leaf = exit->gpr[KVM_CARETAKER_RAX];

	if (s->size && leaf == s->leaf)
		return cpuid_answer(exit, s->eax, s->ebx, s->ecx, s->edx);
	if (leaf == CARETAKER_CPUID_LEAF)
		return cpuid_answer(exit, CARETAKER_CPUID_EAX, CARETAKER_CPUID_EBX,
				    CARETAKER_CPUID_ECX, CARETAKER_CPUID_EDX);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(cpuid, .cpuid = (void *)cpuid_leaf);

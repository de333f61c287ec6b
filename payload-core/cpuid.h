/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: CPUID from the vCPU's metadata. Inline, for it is the hot path.
 *
 * The guest sees what KVM configured for it, never what the CPU would say.
 */
#ifndef PAYLOAD_CPUID_H
#define PAYLOAD_CPUID_H

#include "payload.h"

/**
 * payload_cpuid_find() - look up a CPUID leaf of the guest
 * @function:	EAX input
 * @index:	ECX input
 *
 * Return: the entry, or NULL when the guest has none.
 */
static inline const struct kvm_caretaker_cpuid *payload_cpuid_find(u32 function, u32 index)
{
	const struct kvm_caretaker_cpuid *table = payload_meta()->cpuid;
	u32 slot = KVM_CARETAKER_CPUID_HASH(function);
	u32 left = KVM_CARETAKER_CPUID_SLOTS;

	do {
		const struct kvm_caretaker_cpuid *entry = &table[slot];

		if (unlikely(!(entry->flags & KVM_CARETAKER_CPUID_USED)))
			return NULL;
		if (entry->function == function &&
		    (!(entry->flags & KVM_CARETAKER_CPUID_INDEXED) || entry->index == index))
			return entry;
		slot = (slot + 1) & (KVM_CARETAKER_CPUID_SLOTS - 1);
	} while (--left);
	return NULL;
}

/**
 * payload_cpuid_result() - what CPUID leaves in EAX, EBX, ECX and EDX
 * @vmcb:	VMCB in use
 * @eax:	value of EAX; as in hardware the upper half of RAX becomes 0, and so on
 * @ebx:	value of EBX
 * @ecx:	value of ECX
 * @edx:	value of EDX
 */
static inline void payload_cpuid_result(struct vmcb *vmcb, u32 eax, u32 ebx, u32 ecx, u32 edx)
{
	vmcb->rax = eax;
	ccb.exit.gpr[KVM_CARETAKER_RBX] = ebx;
	ccb.exit.gpr[KVM_CARETAKER_RCX] = ecx;
	ccb.exit.gpr[KVM_CARETAKER_RDX] = edx;
}

/**
 * payload_cpuid() - CPUID by the table
 * @vmcb:	VMCB in use
 *
 * Return: false for a leaf that is not in the table.
 */
static inline bool payload_cpuid(struct vmcb *vmcb)
{
	const struct kvm_caretaker_cpuid *entry;

	entry = payload_cpuid_find(vmcb->rax, ccb.exit.gpr[KVM_CARETAKER_RCX]);
	if (unlikely(!entry))
		return false;
	payload_cpuid_result(vmcb, entry->eax, entry->ebx, entry->ecx, entry->edx);
	return true;
}

#endif /* PAYLOAD_CPUID_H */

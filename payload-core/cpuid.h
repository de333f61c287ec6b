/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: CPUID from the vCPU's metadata, what of it is the hot path.
 *
 * The guest sees what KVM configured for it, never what the CPU would say.
 */
#ifndef PAYLOAD_CPUID_H
#define PAYLOAD_CPUID_H

#include "payload.h"

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
 * payload_cpuid_direct() - CPUID by the table, the common case
 * @vmcb:	VMCB in use
 *
 * Most leaves lie in the slot that they hash to. No loop and no call, so that the caller needs no
 * more registers than a call may change. An unused slot is all zeros and looks like leaf 0 until
 * its flags are read.
 *
 * Return: false for all other leaves: payload_cpuid() knows.
 */
static inline bool payload_cpuid_direct(struct vmcb *vmcb)
{
	u32 function = vmcb->rax;
	const struct kvm_caretaker_cpuid *entry =
		&payload_meta()->cpuid[KVM_CARETAKER_CPUID_HASH(function)];

	if (unlikely(entry->function != function || !(entry->flags & KVM_CARETAKER_CPUID_USED)))
		return false;
	if (unlikely(entry->flags & KVM_CARETAKER_CPUID_INDEXED) &&
	    entry->index != (u32)ccb.exit.gpr[KVM_CARETAKER_RCX])
		return false;
	payload_cpuid_result(vmcb, entry->eax, entry->ebx, entry->ecx, entry->edx);
	return true;
}

#endif /* PAYLOAD_CPUID_H */

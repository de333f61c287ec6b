// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: CPUID, RDTSC, MWAIT and CR4.PGE while detached, and RDMSR from the
 * vCPU's metadata.
 */
#include "cpuid.h"
#include "payload.h"

#define CPUID_1_ECX_MWAIT		(1U << 3)
#define CPUID_EXT_1			0x80000001
#define CPUID_EXT_1_EDX_RDTSCP		(1U << 27)

/**
 * payload_cpuid_detached() - CPUID while detached
 * @vmcb:	VMCB in use
 *
 * A leaf without an entry reads as zeros, as on AMD CPUs. In the topology leaves 0xb and 0x1f
 * a level without an entry still returns the level in ECX and the x2APIC ID in EDX.
 */
void payload_cpuid_detached(struct vmcb *vmcb)
{
	u32 function = vmcb->rax;
	u32 index = ccb.exit.gpr[KVM_CARETAKER_RCX];
	const struct kvm_caretaker_cpuid *entry = NULL;

	if (payload_cpuid(vmcb))
		return;
	if (function == 0xb || function == 0x1f)
		entry = payload_cpuid_find(function, 0);
	if (entry)
		payload_cpuid_result(vmcb, 0, 0, index & 0xff, entry->edx);
	else
		payload_cpuid_result(vmcb, 0, 0, 0, 0);
}

/**
 * payload_rdmsr_result() - what RDMSR leaves in EDX:EAX
 * @vmcb:	VMCB in use
 * @value:	value of the MSR
 */
void payload_rdmsr_result(struct vmcb *vmcb, u64 value)
{
	vmcb->rax = (u32)value;
	ccb.exit.gpr[KVM_CARETAKER_RDX] = value >> 32;
}

/**
 * payload_rdmsr() - RDMSR by the policy table
 * @vmcb:	VMCB in use
 * @may:	KVM_CARETAKER_MSR_* bits of which one has to be set for the MSR
 *
 * Return: false when the table does not allow it.
 */
bool payload_rdmsr(struct vmcb *vmcb, u32 may)
{
	const struct kvm_caretaker_meta *meta = payload_meta();
	u32 msr = ccb.exit.gpr[KVM_CARETAKER_RCX];
	u32 i;

	for (i = 0; i < meta->nr_msrs && i < KVM_CARETAKER_NR_MSRS; i++) {
		if (meta->msrs[i].msr != msr)
			continue;
		if (!(meta->msrs[i].flags & may))
			return false;
		payload_rdmsr_result(vmcb, meta->msrs[i].value);
		return true;
	}
	return false;
}

/**
 * payload_rdtsc_detached() - RDTSC while detached
 * @vmcb:	VMCB in use
 */
void payload_rdtsc_detached(struct vmcb *vmcb)
{
	payload_rdmsr_result(vmcb, payload_tsc() + vmcb->tsc_offset);
}

/**
 * payload_rdtscp_detached() - RDTSCP while detached
 * @vmcb:	VMCB in use
 *
 * KVM intercepts it to raise #UD in a guest that has no RDTSCP.
 * Return: false for such a guest.
 */
bool payload_rdtscp_detached(struct vmcb *vmcb)
{
	const struct kvm_caretaker_cpuid *leaf = payload_cpuid_find(CPUID_EXT_1, 0);

	if (!leaf || !(leaf->edx & CPUID_EXT_1_EDX_RDTSCP))
		return false;
	payload_rdtsc_detached(vmcb);
	ccb.exit.gpr[KVM_CARETAKER_RCX] = (u32)ccb.tsc_aux;
	return true;
}

/**
 * payload_mwait_is_nop() - whether KVM treats MONITOR and MWAIT of this guest as NOP
 *
 * For a guest without the CPUID bit that depends on KVM's quirks: it may raise #UD.
 */
bool payload_mwait_is_nop(void)
{
	const struct kvm_caretaker_cpuid *leaf = payload_cpuid_find(1, 0);

	return leaf && (leaf->ecx & CPUID_1_ECX_MWAIT);
}

/* The register that decode assists name: RAX and RSP are the VMCB's here. */
static u64 *cr4_gpr(struct vmcb *vmcb)
{
	u32 gpr = vmcb->info1 & VMCB_CR_GPR;

	if (gpr == KVM_CARETAKER_RAX)
		return &vmcb->rax;
	return gpr == KVM_CARETAKER_RSP ? &vmcb->rsp : &ccb.exit.gpr[gpr];
}

/* As the guest knows it. MCE is on in the VMCB whatever the guest wants. */
static u64 cr4_of_guest(const struct vmcb *vmcb)
{
	return (vmcb->cr4 & ~CR4_MCE) | (ccb.flags & KVM_CARETAKER_CCB_MCE ? CR4_MCE : 0);
}

/**
 * payload_cr4_begin() - may a MOV to or from CR4 be done here?
 * @vmcb:	VMCB in use, right after the #VMEXIT
 *
 * A kernel without INVPCID switches PGE off and on to flush its TLB, and some read CR4 for that.
 * All other bits are KVM's to judge.
 *
 * Decode assists name the register (APM volume 2, 15.8.1). Without NRIPS the plain encoding counts,
 * as in payload_next_rip(): three bytes, and a prefix for R8 to R15.
 *
 * Return: guest RIP after the instruction, 0 when it must not be done.
 */
u64 payload_cr4_begin(struct vmcb *vmcb)
{
	if (!(ccb.flags & KVM_CARETAKER_CCB_DECODES) || !(vmcb->info1 & VMCB_CR_VALID))
		return 0;
	if (vmcb->exit_code == VMEXIT_CR4_WRITE &&
	    (*cr4_gpr(vmcb) ^ cr4_of_guest(vmcb)) & ~CR4_PGE)
		return 0;
	if (ccb.flags & KVM_CARETAKER_CCB_NRIPS)
		return vmcb->next_rip;
	return vmcb->rip + 3 + (vmcb->info1 >> 3 & 1);
}

/**
 * payload_cr4_end() - do a MOV from CR4, or one to it that changes PGE or nothing
 * @vmcb:	VMCB in use, made fit for the next VMRUN
 *
 * A write takes global translations away, too (APM volume 2, 5.5.3), by the next VMRUN.
 */
void payload_cr4_end(struct vmcb *vmcb)
{
	if (vmcb->exit_code == VMEXIT_CR4_READ) {
		*cr4_gpr(vmcb) = cr4_of_guest(vmcb);
		return;
	}
	vmcb->cr4 = (vmcb->cr4 & ~CR4_PGE) | (*cr4_gpr(vmcb) & CR4_PGE);
	vmcb->flush |= VMCB_FLUSH_ALL;
	vmcb->clean &= ~VMCB_CLEAN_CR;
}

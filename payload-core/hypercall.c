// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: KVM's hypercalls while detached, those that need no host.
 *
 * Served only for a guest that sees KVM in its CPUID and has the feature there: whether KVM would
 * serve a hypercall without it, or gives them another meaning (Hyper-V, Xen), is not known here.
 */
#include "cpuid.h"
#include "ipi.h"
#include "lapic.h"

#define CPUID_KVM		0x40000000
#define CPUID_KVM_FEATURES	0x40000001
#define KVM_SIGNATURE_EBX	0x4b4d564b	/* "KVMKVMKVM" */
#define KVM_SIGNATURE_ECX	0x564b4d56
#define KVM_SIGNATURE_EDX	0x0000004d

#define FEATURE_PV_UNHALT	(1U << 7)
#define FEATURE_PV_SEND_IPI	(1U << 11)
#define FEATURE_PV_SCHED_YIELD	(1U << 13)

#define HC_VAPIC_POLL_IRQ	1
#define HC_KICK_CPU		5
#define HC_SEND_IPI		10
#define HC_SCHED_YIELD		11

#define HC_EPERM		(-1LL)
#define HC_EINVAL		(-22LL)

#define XAPIC_BROADCAST		0xffU
#define X2APIC_BROADCAST	0xffffffffU

/* Registers as the hypercall sees them: their lower halves outside 64-bit mode. */
struct hypercall {
	u64 nr;
	u64 a0, a1, a2, a3;
	bool wide;
};

static u32 hypercall_features(void)
{
	const struct kvm_caretaker_cpuid *leaf = payload_cpuid_find(CPUID_KVM_FEATURES, 0);

	return leaf ? leaf->eax : 0;
}

static bool hypercall_is_kvm(void)
{
	const struct kvm_caretaker_cpuid *leaf = payload_cpuid_find(CPUID_KVM, 0);

	return leaf && leaf->ebx == KVM_SIGNATURE_EBX && leaf->ecx == KVM_SIGNATURE_ECX &&
	       leaf->edx == KVM_SIGNATURE_EDX;
}

static void hypercall_read(const struct vmcb *vmcb, struct hypercall *call)
{
	bool wide = (vmcb->efer & EFER_LMA) && (vmcb->cs_attributes & CS_LONG);
	u64 mask = wide ? ~0ULL : 0xffffffff;

	*call = (struct hypercall){
		.nr = vmcb->rax & mask,
		.a0 = ccb.exit.gpr[KVM_CARETAKER_RBX] & mask,
		.a1 = ccb.exit.gpr[KVM_CARETAKER_RCX] & mask,
		.a2 = ccb.exit.gpr[KVM_CARETAKER_RDX] & mask,
		.a3 = ccb.exit.gpr[KVM_CARETAKER_RSI] & mask,
		.wide = wide,
	};
}

/* KVM takes one of the two IDs that mean all LAPICs for just that here: neither is served. */
static bool hypercall_kick(const struct hypercall *call, s64 *result)
{
	struct payload_ipi ipi = { .dest = call->a1, .mode = PAYLOAD_IPI_UNHALT };
	struct payload_ipi_set set;

	if (!(hypercall_features() & FEATURE_PV_UNHALT))
		return false;
	if (ipi.dest == XAPIC_BROADCAST || ipi.dest == X2APIC_BROADCAST)
		return false;
	if (!payload_ipi_find(&ipi, &set))
		return false;
	payload_ipi_send(&ipi, &set);
	*result = 0;
	return true;
}

static bool hypercall_send_ipi(const struct hypercall *call, s64 *result)
{
	struct payload_ipi ipi = {
		.dest = call->a2,	/* of the first bit */
		.from_bitmap = true,
		.mode = call->a3 & LVT_DELIVERY,
		.vector = call->a3 & LVT_VECTOR,
		.bitmap = { call->a0, call->a1 },
		.bitmap_step = call->wide ? 64 : 32,
	};
	struct payload_ipi_set set;

	if (!(hypercall_features() & FEATURE_PV_SEND_IPI))
		return false;
	*result = HC_EINVAL;
	if (call->a3 & (ICR_LOGICAL | ICR_SHORTHAND))
		return true;
	if (ipi.mode == DELIVERY_LOWEST)
		ipi.mode = DELIVERY_FIXED;
	if ((call->a3 & ICR_LEVEL) || (ipi.mode != DELIVERY_FIXED && ipi.mode != DELIVERY_NMI))
		return false;
	if (!payload_ipi_find(&ipi, &set))
		return false;
	*result = payload_ipi_send(&ipi, &set);
	return true;
}

static bool hypercall_serve(const struct hypercall *call, s64 *result)
{
	switch (call->nr) {
	case HC_VAPIC_POLL_IRQ:
		*result = 0;
		return true;
	case HC_KICK_CPU:
		return hypercall_kick(call, result);
	case HC_SEND_IPI:
		return hypercall_send_ipi(call, result);
	case HC_SCHED_YIELD:	/* each vCPU has a pCPU of its own */
		*result = 0;
		return hypercall_features() & FEATURE_PV_SCHED_YIELD;
	}
	return false;
}

/**
 * payload_hypercall() - VMMCALL
 * @vmcb:	VMCB in use
 *
 * Return: false when it cannot be served here; nothing was sent or changed then.
 */
bool payload_hypercall(struct vmcb *vmcb)
{
	struct hypercall call;
	s64 result = HC_EPERM;

	if (!hypercall_is_kvm())
		return false;
	hypercall_read(vmcb, &call);
	if (!vmcb->cpl && !hypercall_serve(&call, &result))
		return false;
	vmcb->rax = call.wide ? (u64)result : (u32)result;
	return true;
}

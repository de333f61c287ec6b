// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker on SVM: interrupts that exit handlers asked for while the vCPU is attached.
 *
 * They become bits of the vCPU's IRR, as __apic_accept_irq() sets them for an edge. By hand: GIF is
 * 0 and the guest's context tracking state is on, which is no place for code that may be traced,
 * and later would be too late for an exit that KVM serves on a fast path or that halts the vCPU.
 */
#include <linux/kvm_host.h>

#include "caretaker.h"
#include "lapic.h"

static __always_inline bool lapic_takes_irqs(const struct kvm_vcpu *vcpu)
{
	return (vcpu->arch.apic_base & MSR_IA32_APICBASE_ENABLE) &&
	       (*(u32 *)(vcpu->arch.apic->regs + APIC_SPIV) & APIC_SPIV_APIC_ENABLED);
}

/**
 * caretaker_svm_requests_take - take what handlers asked for
 * @vcpu:	the vCPU
 * @exit:	exit context of its Caretaker
 *
 * A LAPIC that is off drops interrupts. The request makes KVM look at the IRR before the vCPU
 * enters the guest again; a halted vCPU looks by itself.
 *
 * Context: after the guest ran, interrupts off.
 */
noinstr void caretaker_svm_requests_take(struct kvm_vcpu *vcpu, struct kvm_caretaker_exit *exit)
{
	struct kvm_lapic *apic = vcpu->arch.apic;
	bool on = lapic_takes_irqs(vcpu);
	unsigned int i;

	for (i = 0; i < 8; i++) {
		u32 bits = exit->irr[i];

		exit->irr[i] = 0;
		if (!on || !bits)
			continue;
		arch_atomic_and(~bits, (atomic_t *)(apic->regs + APIC_TMR + i * 0x10));
		arch_atomic_or(bits, (atomic_t *)(apic->regs + APIC_IRR + i * 0x10));
	}
	exit->requests = 0;
	/* After the bits: whoever finds none clears it, and looks once more. */
	WRITE_ONCE(apic->irr_pending, true);
	arch_set_bit(KVM_REQ_EVENT & KVM_REQUEST_MASK, (unsigned long *)&vcpu->requests);
}

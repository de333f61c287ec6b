// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker on SVM: the vCPU's state back into KVM, after a cancel or in the next kernel.
 *
 * Import takes back only what the guest or the payload can have changed without a kernel: what is
 * intercepted and blocks (CR4, EFER, debug registers, most MSRs) is as it was, and a next kernel's
 * VMM has restored it.
 */
#define pr_fmt(fmt) "caretaker: " fmt

#include <linux/kvm_host.h>

#include <asm/fpu/api.h>
#include <asm/svm.h>

#include "../../../../virt/kvm/caretaker/caretaker.h"

#include "lapic.h"
#include "mmu.h"
#include "regs.h"
#include "svm.h"
#include "svm_ops.h"
#include "x86.h"

/**
 * caretaker_svm_can_import - does KVM's vCPU match what the Caretaker runs?
 * @vcpu:	the vCPU
 * @b:		the block; its guest may be running
 * @why:	reason of a refusal
 *
 * Checks state that cannot change in the gap: the VMM of a next kernel must have restored it.
 *
 * Context: vcpu->mutex held.
 * Return: 0 or -EINVAL.
 */
int caretaker_svm_can_import(struct kvm_vcpu *vcpu, struct caretaker_block *b, const char **why)
{
	struct vmcb *own = to_svm(vcpu)->vmcb01.ptr, *gap = b->vmcb;

	*why = NULL;
	if (!lapic_in_kernel(vcpu))
		*why = "the VM has no in-kernel LAPIC";
	/* Changes to other bits than TS and MP are intercepted. */
	else if ((gap->save.cr0 ^ own->save.cr0) & ~(X86_CR0_TS | X86_CR0_MP))
		*why = "CR0 differs: restore SREGS";
	else if (gap->save.efer != own->save.efer)
		*why = "EFER differs: restore SREGS";
	/* MCE is the host's; the payload lets a guest change PGE. */
	else if ((gap->save.cr4 ^ own->save.cr4) & ~(X86_CR4_MCE | X86_CR4_PGE))
		*why = "CR4 differs: restore SREGS";
	else if (b->ccb->apic_base != vcpu->arch.apic_base)
		*why = "APIC_BASE differs: restore SREGS";
	else if (gap->control.tsc_offset != own->control.tsc_offset)
		*why = "the TSC offset differs: restore attribute KVM_VCPU_TSC_OFFSET";
	else if (gap->save.dr7 != own->save.dr7)
		*why = "DR7 differs: restore DEBUGREGS";
	else if (b->ccb->xcr0_guest != vcpu->arch.xcr0)
		*why = "XCR0 differs: restore XCRS";
	return *why ? -EINVAL : 0;
}

/* The payload leaves an interrupted or not yet injected event in EXITINTINFO. */
static void import_event(struct kvm_vcpu *vcpu, const struct vmcb_control_area *c, u64 dr6)
{
	u32 info = c->exit_int_info;
	u8 vector = info & SVM_EXITINTINFO_VEC_MASK;

	vcpu->arch.nmi_injected = false;
	kvm_clear_exception_queue(vcpu);
	kvm_clear_interrupt_queue(vcpu);
	if (!(info & SVM_EXITINTINFO_VALID)) {
		/* A trap: RIP is past the instruction already, which does not raise it again. */
		if (c->exit_code == SVM_EXIT_EXCP_BASE + DB_VECTOR)
			kvm_queue_exception_p(vcpu, DB_VECTOR, dr6 ^ DR6_ACTIVE_LOW);
		return;
	}
	switch (info & SVM_EXITINTINFO_TYPE_MASK) {
	case SVM_EXITINTINFO_TYPE_NMI:
		vcpu->arch.nmi_injected = true;
		break;
	case SVM_EXITINTINFO_TYPE_EXEPT:
		kvm_requeue_exception(vcpu, vector, info & SVM_EXITINTINFO_VALID_ERR,
				      info & SVM_EXITINTINFO_VALID_ERR ? c->exit_int_info_err : 0);
		break;
	case SVM_EXITINTINFO_TYPE_INTR:
		kvm_queue_interrupt(vcpu, vector, false);
		break;
	}
}

static void import_vmcb(struct kvm_vcpu *vcpu, struct caretaker_block *b)
{
	struct vcpu_svm *svm = to_svm(vcpu);
	const struct vmcb *gap = b->vmcb;
	struct vmcb *own = svm->vmcb01.ptr;
	u64 cr4 = (own->save.cr4 & ~X86_CR4_PGE) | (gap->save.cr4 & X86_CR4_PGE);
	unsigned int i;

	memcpy(&own->save, &gap->save, sizeof(own->save));
	own->save.cr4 = cr4;
	own->control.int_state = gap->control.int_state;
	own->control.event_inj = 0;
	own->control.exit_int_info = 0;
	for (i = 0; i < 16; i++)
		vcpu->arch.regs[i] = b->ccb->exit.gpr[i];
	vcpu->arch.regs[VCPU_REGS_RAX] = gap->save.rax;
	vcpu->arch.regs[VCPU_REGS_RSP] = gap->save.rsp;
	vcpu->arch.rip = gap->save.rip;
	vcpu->arch.cr0 = gap->save.cr0;
	vcpu->arch.cr2 = gap->save.cr2;
	vcpu->arch.cr3 = gap->save.cr3;
	vcpu->arch.cr4 = (vcpu->arch.cr4 & ~X86_CR4_PGE) | (gap->save.cr4 & X86_CR4_PGE);
	vcpu->arch.pat = gap->save.g_pat;
	svm->tsc_aux = b->ccb->tsc_aux;
	vmcb_mark_all_dirty(own);
}

static unsigned int lapic_divider(const void *regs)
{
	u32 tdcr = *(u32 *)(regs + APIC_TDCR);

	return 1 << ((((tdcr & 3) | (tdcr & 8) >> 1) + 1) & 7);
}

/* What is left of a one-shot or periodic timer, in the guest's timer ticks, at least one. */
static u32 import_timer_count(const struct kvm_caretaker_ccb *ccb, const void *regs)
{
	u64 now = rdtsc(), left = ccb->timer_expiry > now ? ccb->timer_expiry - now : 0;
	u32 tick_ns = ccb->apic_cycle_ns * lapic_divider(regs);

	left = mul_u64_u32_div(left, 1000000, tsc_khz);
	return clamp_t(u64, left / max(tick_ns, 1U), 1, *(u32 *)(regs + APIC_TMICT));
}

/* What other vCPUs left for this one. All Caretakers of the VM have stopped. */
static u32 import_mailbox(struct caretaker_block *b)
{
	struct kvm_caretaker_mailbox *box;
	unsigned int i;

	if (!b->peers)
		return 0;
	box = &b->peers->box[b->ccb->self];
	box->open = 0;
	for (i = 0; i < 8; i++) {
		*(u32 *)(b->lapic + APIC_IRR + i * 0x10) |= box->irr[i];
		*(u32 *)(b->lapic + APIC_TMR + i * 0x10) &= ~box->irr[i];
		box->irr[i] = 0;
	}
	return xchg(&box->pending, 0);
}

static void import_nmi(struct kvm_vcpu *vcpu, struct caretaker_block *b, u32 pending)
{
	kvm_x86_call(set_nmi_mask)(vcpu, b->ccb->flags & KVM_CARETAKER_CCB_NMI_MASKED);
	if (b->ccb->flags & KVM_CARETAKER_CCB_NMI_PENDING || pending & KVM_CARETAKER_PEND_NMI)
		kvm_inject_nmi(vcpu);
	if (pending & KVM_CARETAKER_PEND_UNHALT)
		vcpu->arch.pv.pv_unhalted = true;
}

static void import_lapic(struct kvm_vcpu *vcpu, struct caretaker_block *b)
{
	const struct kvm_caretaker_ccb *ccb = b->ccb;
	u32 *tmict = b->lapic + APIC_TMICT, count = *tmict;
	struct kvm_lapic *apic = vcpu->arch.apic;
	const struct vmcb *gap = b->vmcb;
	unsigned int i;

	for (i = 0; i < 8; i++) {
		unsigned int off = i * 0x10;
		u32 irr = *(u32 *)(apic->regs + APIC_IRR + off);

		*(u32 *)(b->lapic + APIC_IRR + off) |= irr;
		*(u32 *)(b->lapic + APIC_TMR + off) |= irr & *(u32 *)(apic->regs + APIC_TMR + off);
	}
	/* KVM starts a timer from what is in TMCCT; one that is not running has to look unset. */
	if (ccb->timer_expiry && *tmict)
		*(u32 *)(b->lapic + APIC_TMCCT) = import_timer_count(ccb, b->lapic);
	else
		*tmict = 0;
	apic->lapic_timer.tscdeadline = 0;
	/* A change of the mode, which may have been in the gap, would zero TMICT. */
	apic->lapic_timer.timer_mode = *(u32 *)(b->lapic + APIC_LVTT) &
				       apic->lapic_timer.timer_mode_mask;
	if (kvm_apic_set_state(vcpu, b->lapic))
		pr_err("vCPU %d: LAPIC state refused\n", vcpu->vcpu_id);
	*(u32 *)(apic->regs + APIC_TMICT) = count;
	if (apic->lapic_timer.timer_mode == APIC_LVT_TIMER_TSCDEADLINE)
		/* As the guest wrote it: @timer_expiry may only say past, or out of reach. */
		kvm_set_lapic_tscdeadline_msr(vcpu, ccb->timer_expiry ? ccb->tsc_deadline ?: 1 : 0);
	kvm_set_cr8(vcpu, gap->control.int_ctl & V_TPR_MASK);
}

/**
 * caretaker_svm_first_run - what KVM does once when a VM first runs
 * @vcpu:	a vCPU of it, its guest still in the Caretaker
 *
 * It creates a thread. At the KVM_RUN that adopts the guest would stand still meanwhile.
 *
 * Context: task of the VMM, may sleep.
 * Return: 0 or what KVM_RUN would fail with.
 */
int caretaker_svm_first_run(struct kvm_vcpu *vcpu)
{
	return kvm_mmu_post_init_vm(vcpu->kvm);
}

static int import_fpu(struct kvm_vcpu *vcpu, struct caretaker_block *b)
{
	union fpregs_state *x = b->fpu;

	if (boot_cpu_has(X86_FEATURE_XSAVE))
		x->xsave.header.xfeatures &= vcpu->arch.guest_supported_xcr0 | XFEATURE_MASK_FPSSE;
	return fpu_copy_uabi_to_guest_fpstate(&vcpu->arch.guest_fpu, b->fpu,
					      kvm_caps.supported_xcr0, &vcpu->arch.pkru);
}

/**
 * caretaker_svm_import - take a vCPU back from a parked Caretaker
 * @vcpu:	the vCPU; caretaker_svm_can_import() said yes
 * @b:		its block, state PARKED
 *
 * Context: vcpu->mutex held, vCPU not in the guest.
 * Return: 0, or -EIO when the FPU image is bad; then the vCPU must not run.
 */
int caretaker_svm_import(struct kvm_vcpu *vcpu, struct caretaker_block *b)
{
	bool halted = b->ccb->flags & KVM_CARETAKER_CCB_HALTED;
	const struct vmcb *gap = b->vmcb;
	u32 pending;

	if (import_fpu(vcpu, b)) {
		pr_err("vCPU %d: its FPU image is refused\n", vcpu->vcpu_id);
		return -EIO;
	}
	import_vmcb(vcpu, b);
	import_event(vcpu, &gap->control, gap->save.dr6);
	pending = import_mailbox(b);
	import_lapic(vcpu, b);
	import_nmi(vcpu, b, pending);
	kvm_set_mp_state(vcpu, halted ? KVM_MP_STATE_HALTED : KVM_MP_STATE_RUNNABLE);
	kvm_make_request(KVM_REQ_EVENT, vcpu);
	return 0;
}

/**
 * caretaker_svm_event - the event that a parked Caretaker had not delivered yet
 * @b:		the block
 *
 * Return: EXITINTINFO (APM volume 2, 15.7.2), 0 for none.
 */
u32 caretaker_svm_event(const struct caretaker_block *b)
{
	u32 info = ((const struct vmcb *)b->vmcb)->control.exit_int_info;

	return info & SVM_EXITINTINFO_VALID ? info : 0;
}

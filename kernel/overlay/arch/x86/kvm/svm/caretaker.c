// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker on SVM: attached runs, and the vCPU's state out of KVM.
 *
 * Export copies the vCPU into pages that outlive this kernel. The way back: caretaker_import.c.
 */
#define pr_fmt(fmt) "caretaker: " fmt

#include <linux/kvm_host.h>
#include <linux/vmalloc.h>

#include <asm/apic.h>
#include <asm/cpuid/api.h>
#include <asm/fpu/api.h>
#include <asm/svm.h>
#include <asm/virt.h>

#include "../../../../virt/kvm/caretaker/caretaker.h"

#include "caretaker.h"
#include "cpuid.h"
#include "lapic.h"
#include "msrs.h"
#include "regs.h"
#include "svm.h"
#include "svm_ops.h"
#include "x86.h"

asmlinkage void caretaker_svm_enter(u64 entry, u64 vmcb_pa, u64 save_pa);
extern const char caretaker_svm_vmexit[];

#define CPUID_FILL_MAX	(KVM_CARETAKER_CPUID_SLOTS * 3 / 4)

static_assert(VCPU_REGS_R15 == 15 && VCPU_REGS_RAX == KVM_CARETAKER_RAX &&
	      VCPU_REGS_RSP == KVM_CARETAKER_RSP && VCPU_REGS_RDI == KVM_CARETAKER_RDI);

noinstr bool caretaker_svm_attached(struct vcpu_svm *svm)
{
	struct kvm_caretaker *ct = svm->vcpu.caretaker;

	return ct && ct->attached && svm->vmcb == svm->vmcb01.ptr;
}

/* The payload serves CPUID from its table only while that agrees with KVM's own answer. */
static __always_inline bool cpuid_settled(struct kvm_vcpu *vcpu)
{
	return !vcpu->arch.cpuid_dynamic_bits_dirty && !cpuid_fault_enabled(vcpu);
}

/* Straight-line code: this runs twice per exit that goes to KVM. RAX and RSP are in the VMCB. */
static __always_inline void gprs_copy(u64 *to, const unsigned long *from)
{
#define GPR(n)	WRITE_ONCE(to[n], from[n])
	GPR(1); GPR(2); GPR(3); GPR(5); GPR(6); GPR(7);
	GPR(8); GPR(9); GPR(10); GPR(11); GPR(12); GPR(13); GPR(14); GPR(15);
#undef GPR
}

noinstr void caretaker_svm_run(struct vcpu_svm *svm)
{
	struct svm_cpu_data *sd = per_cpu_ptr(&svm_data, svm->vcpu.cpu);
	struct caretaker_block *b = svm->vcpu.caretaker->block;
	struct kvm_caretaker_ccb *ccb = b->ccb;

	/* SVM is off, or goes off when GIF is 1 again; KVM's own code lives with the fault. */
	if (unlikely(virt_rebooting)) {
		svm->vmcb01.ptr->control.exit_code = SVM_EXIT_INTR;
		return;
	}
	gprs_copy(ccb->exit.gpr, svm->vcpu.arch.regs);
	ccb->meta = cpuid_settled(&svm->vcpu) ? b->va_meta : b->va_empty;
	caretaker_svm_enter(b->va_entry, svm->vmcb01.pa, sd->save_area_pa);
	gprs_copy((u64 *)svm->vcpu.arch.regs, (const unsigned long *)ccb->exit.gpr);
	caretaker_svm_requests(&svm->vcpu, &ccb->exit);
}

/**
 * caretaker_svm_supported - can a Caretaker run this vCPU on this CPU at all?
 * @vcpu:	the vCPU
 * @log:	for the reason of a refusal
 *
 * Return: 0 or -EOPNOTSUPP.
 */
int caretaker_svm_supported(struct kvm_vcpu *vcpu, struct caretaker_log *log)
{
	const char *why = NULL;

	if (!boot_cpu_has(X86_FEATURE_SVM))
		why = "this CPU has no SVM (VMX is not supported yet)";
	else if (!npt_enabled)
		why = "nested paging is off: load kvm_amd with npt=1";
	else if (pgtable_l5_enabled())
		why = "the host uses 5-level paging: boot it with no5lvl";
	else if (is_sev_guest(vcpu))
		why = "confidential guests cannot be carried";
	else if (boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL) &&
		 !boot_cpu_has(X86_FEATURE_V_SPEC_CTRL))
		why = "this CPU does not virtualize SPEC_CTRL";
	else if (boot_cpu_has(X86_FEATURE_CLEAR_CPU_BUF_VM))
		why = "this CPU needs its buffers cleared before VMRUN";
	else if (!lapic_in_kernel(vcpu))
		why = "the VM has no in-kernel LAPIC: create the irqchip first";
	else if (boot_cpu_has(X86_FEATURE_XSAVE) &&
		 cpuid_ebx(0xd) > CARETAKER_FPU_PAGES * PAGE_SIZE)
		why = "the host's FPU state is larger than the Caretaker's pages";
	if (!why)
		return 0;
	caretaker_log_printf(log, "vCPU %d: %s\n", vcpu->vcpu_id, why);
	return -EOPNOTSUPP;
}

struct page *caretaker_svm_vmcb_page(struct kvm_vcpu *vcpu)
{
	return virt_to_page(to_svm(vcpu)->vmcb01.ptr);
}

/* Metadata: what the payload may answer without a kernel. */

static void cpuid_insert(struct kvm_caretaker_meta *meta, const struct kvm_caretaker_cpuid *e)
{
	u32 i = KVM_CARETAKER_CPUID_HASH(e->function);

	while (meta->cpuid[i].flags & KVM_CARETAKER_CPUID_USED)
		i = (i + 1) % KVM_CARETAKER_CPUID_SLOTS;
	meta->cpuid[i] = *e;
}

static void cpuid_fill(struct kvm_vcpu *vcpu, struct kvm_caretaker_meta *meta)
{
	int i, nr = min(vcpu->arch.cpuid_nent, CPUID_FILL_MAX);

	memset(meta->cpuid, 0, sizeof(meta->cpuid));
	for (i = 0; i < nr; i++) {
		struct kvm_cpuid_entry2 *from = &vcpu->arch.cpuid_entries[i];
		struct kvm_caretaker_cpuid e = {
			.function = from->function,
			.index = from->index,
			.flags = KVM_CARETAKER_CPUID_USED,
			.eax = from->function,
			.ecx = from->index,
		};

		if (from->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)
			e.flags |= KVM_CARETAKER_CPUID_INDEXED;
		kvm_cpuid(vcpu, &e.eax, &e.ebx, &e.ecx, &e.edx, true);
		cpuid_insert(meta, &e);
	}
}

/* MSRs that a guest cannot change: served attached and detached. */
static const u32 msrs_constant[] = {
	MSR_IA32_UCODE_REV, MSR_MTRRcap, MSR_IA32_MCG_CAP, MSR_PLATFORM_INFO,
};

/* MSRs that a guest can change only by an exit that blocks in the gap: served detached. */
static const u32 msrs_gap[] = {
	MSR_IA32_APICBASE, MSR_IA32_MISC_ENABLE, MSR_EFER, MSR_IA32_CR_PAT, MSR_IA32_TSC_ADJUST,
	MSR_K7_HWCR, MSR_AMD64_SYSCFG, MSR_AMD64_DE_CFG, MSR_AMD64_LS_CFG, MSR_AMD64_OSVW_ID_LENGTH,
	MSR_AMD64_OSVW_STATUS, MSR_IA32_MCG_STATUS, MSR_MTRRdefType, MSR_AMD64_PATCH_LEVEL,
	MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME, MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW,
	X2APIC_MSR(APIC_ID), X2APIC_MSR(APIC_LVR), X2APIC_MSR(APIC_LDR),
};

static void msrs_add(struct kvm_vcpu *vcpu, struct kvm_caretaker_meta *meta, const u32 *list,
		     unsigned int nr, u32 flags)
{
	unsigned int i;

	for (i = 0; i < nr && meta->nr_msrs < KVM_CARETAKER_NR_MSRS; i++) {
		struct kvm_caretaker_msr *m = &meta->msrs[meta->nr_msrs];
		u64 value;

		/* As the guest would read it: filters and unknown MSRs included. */
		if (kvm_emulate_msr_read(vcpu, list[i], &value))
			continue;
		*m = (struct kvm_caretaker_msr){ list[i], flags, value };
		meta->nr_msrs++;
	}
}

/**
 * caretaker_svm_refresh - bring the metadata of a vCPU up to date
 * @vcpu:	the vCPU, not in the guest
 * @b:		its block
 * @gap:	add what is served in the gap only; the guest stands still
 *
 * Context: vcpu->mutex held.
 */
void caretaker_svm_refresh(struct kvm_vcpu *vcpu, struct caretaker_block *b, bool gap)
{
	bool fill = b->stale || vcpu->arch.cpuid_dynamic_bits_dirty;

	if (likely(!gap && !fill))
		return;
	b->stale = gap;
	/* A hundred leaves take their time: not while the guest waits for nothing new. */
	if (fill)
		cpuid_fill(vcpu, b->meta);
	b->meta->nr_msrs = 0;
	msrs_add(vcpu, b->meta, msrs_constant, ARRAY_SIZE(msrs_constant),
		 KVM_CARETAKER_MSR_READ);
	if (gap)
		msrs_add(vcpu, b->meta, msrs_gap, ARRAY_SIZE(msrs_gap),
			 KVM_CARETAKER_MSR_READ_GAP);
}

/**
 * caretaker_svm_attach - point a block at KVM's VMCB
 * @vcpu:	the vCPU, stopped
 * @b:		its block
 *
 * Context: vcpu->mutex held. Used at install, after a cancel and after a failed handover.
 */
void caretaker_svm_attach(struct kvm_vcpu *vcpu, struct caretaker_block *b)
{
	struct kvm_caretaker_ccb *ccb = b->ccb;

	b->va_meta = caretaker_block_va(b, b->meta);
	b->va_entry = caretaker_block_va(b, (void *)ccb) + ccb->entry_attached;
	b->stale = true;
	caretaker_ledger_open(b);
	ccb->vmcb = b->va_vmcb;
	ccb->vmcb_pa = to_svm(vcpu)->vmcb01.pa;
	ccb->route_kvm = (u64)caretaker_svm_vmexit;
	ccb->meta = b->va_empty;
	ccb->exit.flags &= ~KVM_CARETAKER_EXIT_DETACHED;
	ccb->doorbell = KVM_CARETAKER_BELL_NONE;
	ccb->flags &= ~KVM_CARETAKER_CCB_HALTED;
	if (boot_cpu_has(X86_FEATURE_NRIPS))
		ccb->flags |= KVM_CARETAKER_CCB_NRIPS;
	if (boot_cpu_has(X86_FEATURE_DECODEASSISTS))
		ccb->flags |= KVM_CARETAKER_CCB_DECODES;
	ccb->tsc_khz = tsc_khz;
	ccb->host_apic_khz = boot_cpu_has(X86_FEATURE_TSC_DEADLINE_TIMER) ? 0 :
			     mul_u64_u32_div(lapic_timer_period, HZ, 1000);
}

/* What makes a vCPU impossible to carry for good (EOPNOTSUPP). */
static const char *export_never(struct kvm_vcpu *vcpu)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	if (guest_cpu_cap_has(vcpu, X86_FEATURE_SVM) && vcpu->arch.efer & EFER_SVME)
		return "the guest uses nested virtualization";
	if (is_smm(vcpu))
		return "the vCPU is in SMM";
	if (vcpu->guest_debug)
		return "a debugger is attached to the vCPU";
	if (vcpu->arch.ia32_xss)
		return "supervisor XSAVE state is in use";
	if (vcpu->arch.tsc_scaling_ratio != kvm_caps.default_tsc_scaling_ratio ||
	    vcpu->arch.tsc_always_catchup)
		return "the TSC is scaled";
	if (kvm_vcpu_apicv_active(vcpu))
		return "AVIC is in use: load kvm_amd with avic=0";
	if (vcpu->arch.apf.msr_en_val & KVM_ASYNC_PF_ENABLED)
		return "asynchronous page faults are on: mask the CPUID bit";
	if (vcpu->arch.st.msr_val & KVM_MSR_ENABLED)
		return "steal time is on: mask the CPUID bit";
	if (vcpu->arch.pv_eoi.msr_val & KVM_MSR_ENABLED)
		return "PV EOI is on: mask the CPUID bit";
	if (vcpu->arch.cpuid_nent > CPUID_FILL_MAX)
		return "the vCPU has more CPUID leaves than the Caretaker's table";
	if (cpuid_fault_enabled(vcpu))
		return "CPUID faulting is on";
	if (vcpu->kvm->dirty_ring_size)
		return "the VM uses the dirty ring";
	if (vcpu->arch.guest_fpu.uabi_size > CARETAKER_FPU_PAGES * PAGE_SIZE)
		return "the FPU state is larger than the Caretaker's page";
	if (svm->nested.initialized && is_guest_mode(vcpu))
		return "the vCPU runs a nested guest";
	return NULL;
}

/* What passes by itself (EAGAIN). */
static const char *export_not_now(struct kvm_vcpu *vcpu)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	if (vcpu->arch.complete_userspace_io || vcpu->arch.pio.count || vcpu->mmio_needed)
		return "an I/O exit waits for user space";
	if (vcpu->arch.exception.pending || vcpu->arch.exception_vmexit.pending)
		return "an exception is pending";
	if (svm->nmi_singlestep || svm->awaiting_iret_completion)
		return "an NMI handler is about to return";
	if (vcpu->arch.interrupt.injected && vcpu->arch.interrupt.soft)
		return "a software interrupt is being delivered";
	if (vcpu->arch.mp_state != KVM_MP_STATE_RUNNABLE &&
	    vcpu->arch.mp_state != KVM_MP_STATE_HALTED)
		return "the vCPU is neither running nor halted";
	return NULL;
}

int caretaker_svm_can_export(struct kvm_vcpu *vcpu, const char **why)
{
	*why = export_never(vcpu);
	if (*why)
		return -EOPNOTSUPP;
	*why = export_not_now(vcpu);
	return *why ? -EAGAIN : 0;
}

/* An event that KVM was about to inject again becomes the payload's EVENTINJ. */
static void export_event(struct kvm_vcpu *vcpu, struct vmcb_control_area *c)
{
	struct kvm_queued_exception *ex = &vcpu->arch.exception;

	c->event_inj = 0;
	c->event_inj_err = 0;
	if (ex->injected) {
		c->event_inj = ex->vector | SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_EXEPT |
			       (ex->has_error_code ? SVM_EVTINJ_VALID_ERR : 0);
		c->event_inj_err = ex->error_code;
	} else if (vcpu->arch.nmi_injected) {
		c->event_inj = SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_NMI;
	} else if (vcpu->arch.interrupt.injected) {
		c->event_inj = vcpu->arch.interrupt.nr | SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_INTR;
	}
}

static void export_intercepts(struct vmcb_control_area *c)
{
	vmcb_set_intercept(c, INTERCEPT_INTR);
	vmcb_set_intercept(c, INTERCEPT_NMI);
	vmcb_set_intercept(c, INTERCEPT_SMI);
	vmcb_set_intercept(c, INTERCEPT_INIT);
	vmcb_set_intercept(c, INTERCEPT_SHUTDOWN);
	vmcb_set_intercept(c, INTERCEPT_HLT);
	vmcb_set_intercept(c, INTERCEPT_CPUID);
	vmcb_set_intercept(c, INTERCEPT_MSR_PROT);
	vmcb_set_intercept(c, INTERCEPT_IOIO_PROT);
	vmcb_clr_intercept(c, INTERCEPT_VINTR);
	vmcb_clr_intercept(c, INTERCEPT_IRET);
	vmcb_clr_intercept(c, INTERCEPT_CR8_READ);
	vmcb_clr_intercept(c, INTERCEPT_CR8_WRITE);
}

static void export_vmcb(struct kvm_vcpu *vcpu, struct caretaker_block *b, u64 npt_root)
{
	struct vcpu_svm *svm = to_svm(vcpu);
	struct vmcb *to = b->vmcb;
	struct vmcb_control_area *c = &to->control;

	memcpy(to, svm->vmcb01.ptr, sizeof(*to));
	to->save.rax = vcpu->arch.regs[VCPU_REGS_RAX];
	to->save.rsp = vcpu->arch.regs[VCPU_REGS_RSP];
	to->save.rip = kvm_rip_read(vcpu);
	to->save.cr2 = vcpu->arch.cr2;
	to->save.dr6 = DR6_ACTIVE_LOW;
	/*
	 * Without it a machine check while the guest runs would be a shutdown of the CPU. The guest
	 * does not see it: CR4 is intercepted.
	 */
	to->save.cr4 |= X86_CR4_MCE;
	export_intercepts(c);
	export_event(vcpu, c);
	/* Own maps, own tables, nothing that points into this kernel's memory. */
	memcpy(b->msrpm, svm->msrpm, 2 * PAGE_SIZE);
	c->msrpm_base_pa = __sme_set(__pa(b->msrpm));
	c->iopm_base_pa = __sme_set(__pa(b->iopm));
	c->nested_cr3 = __sme_set(npt_root);
	c->misc_ctl &= SVM_MISC_ENABLE_NP;
	c->misc_ctl2 = 0;
	c->avic_vapic_bar = 0;
	c->avic_backing_page = 0;
	c->avic_logical_id = 0;
	c->avic_physical_id = 0;
	c->pause_filter_count = 0;
	c->int_ctl = V_INTR_MASKING_MASK | (kvm_get_cr8(vcpu) & V_TPR_MASK);
	c->int_vector = 0;
	c->exit_code = 0;
	c->exit_int_info = 0;
	c->next_rip = 0;
	c->asid = 1;
	c->tlb_ctl = TLB_CONTROL_FLUSH_ALL_ASID;
	c->clean = 0;
}

/* One that the host's TSC does not reach never comes, one before its zero is past. */
static u64 export_deadline(struct kvm_vcpu *vcpu, u64 deadline)
{
	u64 host_now = rdtsc(), now = kvm_read_l1_tsc(vcpu, host_now), delta;

	if (deadline > now) {
		delta = deadline - now;
		return delta < ~host_now ? host_now + delta : ~0ULL;
	}
	delta = now - deadline;
	return delta < host_now ? host_now - delta : 1;
}

/* The timer runs on in the Caretaker: as a host TSC, whatever its mode. */
static void export_timer(struct kvm_vcpu *vcpu, struct kvm_caretaker_ccb *ccb)
{
	struct kvm_timer *t = &vcpu->arch.apic->lapic_timer;
	bool active = hrtimer_active(&t->timer) || atomic_read(&t->pending);

	ccb->timer_expiry = 0;
	ccb->timer_period = 0;
	ccb->apic_cycle_ns = vcpu->kvm->arch.apic_bus_cycle_ns;
	/* KVM keeps tscdeadline, a guest TSC, in all modes, and after a one-shot is over. */
	if (t->tscdeadline && (active || t->timer_mode == APIC_LVT_TIMER_TSCDEADLINE))
		ccb->timer_expiry = export_deadline(vcpu, t->tscdeadline);
	if (t->timer_mode == APIC_LVT_TIMER_PERIODIC)
		ccb->timer_period = mul_u64_u32_div(t->period, tsc_khz, 1000000);
}

/*
 * Interrupts belong to one side at a time: what is pending goes along, and what KVM gets for the
 * vCPU from now on (from a device, from another vCPU) is added at import.
 */
static int export_lapic(struct kvm_vcpu *vcpu, struct caretaker_block *b)
{
	unsigned int i;
	int r = kvm_apic_get_state(vcpu, b->lapic);

	if (r)
		return r;
	for (i = 0; i < 8; i++)
		*(u32 *)(vcpu->arch.apic->regs + APIC_IRR + i * 0x10) = 0;
	atomic_set(&vcpu->arch.nmi_queued, 0);
	vcpu->arch.nmi_pending = 0;
	to_svm(vcpu)->vmcb->control.int_ctl &= ~V_NMI_PENDING_MASK;
	return 0;
}

static void export_cpu(struct kvm_vcpu *vcpu, struct kvm_caretaker_ccb *ccb)
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		ccb->exit.gpr[i] = vcpu->arch.regs[i];
	for (i = 0; i < 4; i++)
		ccb->dr[i] = vcpu->arch.db[i];
	ccb->flags &= KVM_CARETAKER_CCB_ISOLATE | KVM_CARETAKER_CCB_NRIPS |
		      KVM_CARETAKER_CCB_DECODES;
	if (boot_cpu_has(X86_FEATURE_RDTSCP) || boot_cpu_has(X86_FEATURE_RDPID))
		ccb->flags |= KVM_CARETAKER_CCB_TSC_AUX;
	if (boot_cpu_has(X86_FEATURE_XSAVE))
		ccb->flags |= KVM_CARETAKER_CCB_XSAVE;
	if (vcpu->arch.mp_state == KVM_MP_STATE_HALTED)
		ccb->flags |= KVM_CARETAKER_CCB_HALTED;
	if (apic_x2apic_mode(vcpu->arch.apic))
		ccb->flags |= KVM_CARETAKER_CCB_X2APIC;
	if (kvm_x86_call(get_nmi_mask)(vcpu))
		ccb->flags |= KVM_CARETAKER_CCB_NMI_MASKED;
	if (kvm_get_nr_pending_nmis(vcpu) || atomic_read(&vcpu->arch.nmi_queued))
		ccb->flags |= KVM_CARETAKER_CCB_NMI_PENDING;
	if (kvm_is_cr4_bit_set(vcpu, X86_CR4_MCE))
		ccb->flags |= KVM_CARETAKER_CCB_MCE;
	ccb->tsc_aux = to_svm(vcpu)->tsc_aux;
	ccb->xcr0_host = kvm_host.xcr0;
	ccb->xcr0_guest = vcpu->arch.xcr0;
	ccb->apic_base = vcpu->arch.apic_base;
	ccb->tsc_deadline = kvm_get_lapic_tscdeadline_msr(vcpu);
	export_timer(vcpu, ccb);
}

/**
 * caretaker_svm_export - copy a stopped vCPU into its block
 * @vcpu:	the vCPU
 * @b:		its block
 * @npt_root:	physical address of the frozen NPT
 * @why:	reason of a refusal
 *
 * Context: vcpu->mutex held, vCPU not in the guest. KVM's own state stays as it is but for the
 * pending interrupts: see caretaker_svm_unexport().
 * Return: 0, -EOPNOTSUPP or -EAGAIN.
 */
int caretaker_svm_export(struct kvm_vcpu *vcpu, struct caretaker_block *b, u64 npt_root,
			 const char **why)
{
	int r = caretaker_svm_can_export(vcpu, why);

	if (r)
		return r;
	caretaker_svm_refresh(vcpu, b, true);
	export_vmcb(vcpu, b, npt_root);
	export_cpu(vcpu, b->ccb);
	b->ccb->meta = b->va_meta;
	fpu_copy_guest_fpstate_to_uabi(&vcpu->arch.guest_fpu, b->fpu,
				       CARETAKER_FPU_PAGES * PAGE_SIZE,
				       vcpu->arch.guest_supported_xcr0 | XFEATURE_MASK_FPSSE,
				       vcpu->arch.pkru);
	/* Last, because it takes something away from KVM. */
	*why = "the LAPIC state cannot be read";
	return export_lapic(vcpu, b) ? -EOPNOTSUPP : 0;
}

/**
 * caretaker_svm_unexport - give KVM back what export took away
 * @vcpu:	the vCPU, exported and not handed over
 * @b:		its block
 *
 * Context: vcpu->mutex held.
 */
void caretaker_svm_unexport(struct kvm_vcpu *vcpu, struct caretaker_block *b)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		*(u32 *)(vcpu->arch.apic->regs + APIC_IRR + i * 0x10) |=
			*(u32 *)(b->lapic + APIC_IRR + i * 0x10);
	vcpu->arch.apic->irr_pending = true;
	if (b->ccb->flags & KVM_CARETAKER_CCB_NMI_PENDING)
		kvm_inject_nmi(vcpu);
	kvm_make_request(KVM_REQ_EVENT, vcpu);
}

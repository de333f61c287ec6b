// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: the life of a detached pCPU, from armed to halted.
 */
#include "payload.h"
#include "cpu.h"
#include "debug.h"
#include "ring.h"
#include "tables.h"
#include "telemetry.h"

#define FPU_HEADER	512	/* XSAVE header after the legacy region */
#define FPU_HEADER_SIZE	64
#define XFEATURES_ALL	(~0ULL)

/* What has to be undone before the pCPU may take an INIT. */
static bool run_own_saved;	/* host_vmsave_pa holds the payload's own state */
static bool run_guest_loaded;	/* VMLOAD of the guest was done, GIF=0, IF=1 */
static bool run_apic_on;	/* the LAPIC is enabled */
static bool run_faulted;

/* IF=1 is for the VMRUN: see payload_run_loop. */
static void run_guest_load(void)
{
	cpu_clgi();
	cpu_sti();
	cpu_vmload(ccb.gap_vmcb_pa);
	run_guest_loaded = true;
}

/* Own FS, GS, TR and LDTR, then GIF=1: from here NMIs come through the own IDT and TSS. */
static void run_own_load(void)
{
	if (run_guest_loaded)
		cpu_vmsave(ccb.gap_vmcb_pa);
	run_guest_loaded = false;
	cpu_vmload(ccb.host_vmsave_pa);
	cpu_cli();
	cpu_stgi();
}

static void run_apic_enable(void)
{
	payload_apic_enable();
	run_apic_on = true;
	/* What the host left pending comes now. */
	payload_irq_window();
}

static void run_apic_disable(void)
{
	if (!run_apic_on)
		return;
	run_apic_on = false;
	payload_apic_disable();
}

/**
 * payload_event() - an NMI or an interrupt came while GIF=1
 * @vector:	its vector
 * @rip:	where the stub returns to
 *
 * One that hits between the look at ccb.kicked and HLT must keep the CPU from halting.
 */
void payload_event(u32 vector, u64 *rip)
{
	payload_apic_event(vector);
	if (*rip >= (u64)payload_idle_window && *rip < (u64)payload_idle_window_end)
		*rip = (u64)payload_idle_window_end;
}

static void run_kicked_clear(void)
{
	__atomic_store_n(&ccb.kicked, 0, __ATOMIC_SEQ_CST);
}

/**
 * payload_window() - let pending NMIs and interrupts in
 *
 * Without this a pending event would end every VMRUN at once, for ever (APM volume 2, 15.17).
 */
void payload_window(void)
{
	run_own_load();
	payload_irq_window();
	run_guest_load();
}

/**
 * payload_idle() - halt the pCPU until something happens
 *
 * ccb.kicked is cleared before all that may be of interest is looked at, and looked at in the idle
 * window, so no wake-up is lost: a kernel sets the state before it sends the NMI, a payload sets
 * its bits before it sends the kick, and the timer is set before the halt.
 */
void payload_idle(void)
{
	run_own_load();
	run_kicked_clear();
	if (!payload_wanted()) {
		payload_timer_arm();
		payload_halt_begins();
		payload_halt_until_kicked();
		payload_halt_ends();
	}
	run_guest_load();
}

/**
 * payload_spin() - stay in a blocking exit until a kernel wants the vCPU
 *
 * Nothing else ends it, so the pCPU halts in between.
 */
void payload_spin(void)
{
	debug_crumb('S');
	run_own_load();
	for (;;) {
		run_kicked_clear();
		if (payload_state() == KVM_CARETAKER_ADOPTING)
			break;
		payload_halt_until_kicked();
	}
	run_guest_load();
}

/*
 * While the pCPU serves a guest an INIT becomes an #SX, which is survived; at the end the kernel
 * brings the pCPU back by one. It is seen with GIF=1 only (APM volume 2, 15.17, 15.30.1).
 */
static void run_init_redirect(bool on)
{
	u64 vm_cr = cpu_rdmsr(MSR_VM_CR) & ~VM_CR_R_INIT;

	cpu_wrmsr(MSR_VM_CR, on ? vm_cr | VM_CR_R_INIT : vm_cr);
}

static void run_svm_off(void)
{
	cpu_wrmsr(MSR_EFER, cpu_rdmsr(MSR_EFER) & ~EFER_SVME);
	run_init_redirect(false);
}

/* From the release on the pCPU may get an INIT at any time. */
static void __noreturn run_halt(void)
{
	debug_crumb('H');
	store_release(&ccb.pcpu, KVM_CARETAKER_PCPU_HALTED);
	payload_halt();
}

static void run_cpu_setup(void)
{
	u64 cr4 = cpu_read(cr4);

	cr4 &= ~(CPU_CR4_PGE | CPU_CR4_PCIDE | CPU_CR4_CET);
	cr4 |= CPU_CR4_MCE | CPU_CR4_OSFXSR | CPU_CR4_OSXMMEXCPT;
	if (ccb.flags & KVM_CARETAKER_CCB_XSAVE)
		cr4 |= CPU_CR4_OSXSAVE;
	cpu_write(cr4, cr4);
	cpu_write(cr3, ccb.cr3);
	cpu_write(dr7, CPU_DR7_RESET);
	asm volatile("clts");
	cpu_wrmsr(MSR_EFER, cpu_rdmsr(MSR_EFER) | EFER_SVME);
	run_init_redirect(true);
	cpu_wrmsr(MSR_VM_HSAVE_PA, ccb.hsave_pa);
	cpu_vmsave(ccb.host_vmsave_pa);
	run_own_saved = true;
}

static void run_fpu_load(const struct vmcb *vmcb)
{
	const void *image = (const void *)ccb.fpu;

	if (!(ccb.flags & KVM_CARETAKER_CCB_XSAVE)) {
		asm volatile("fxrstor64 (%0)" : : "r" (image) : "memory");
		return;
	}
	cpu_xsetbv(ccb.xcr0_host);
	asm volatile("xrstor64 (%0)" : : "r" (image), "a" ((u32)XFEATURES_ALL),
		     "d" ((u32)XFEATURES_ALL) : "memory");
	if (vmcb->cr4 & CR4_OSXSAVE)
		cpu_xsetbv(ccb.xcr0_guest);
}

/* The header is zeroed first: XSAVE itself keeps what it finds in XCOMP_BV. */
static void run_fpu_save(void)
{
	u8 *image = (u8 *)ccb.fpu;
	u32 i;

	if (!(ccb.flags & KVM_CARETAKER_CCB_XSAVE)) {
		asm volatile("fxsave64 (%0)" : : "r" (image) : "memory");
		return;
	}
	for (i = 0; i < FPU_HEADER_SIZE / 8; i++)
		((u64 *)(image + FPU_HEADER))[i] = 0;
	cpu_xsetbv(ccb.xcr0_host);
	asm volatile("xsave64 (%0)" : : "r" (image), "a" ((u32)XFEATURES_ALL),
		     "d" ((u32)XFEATURES_ALL) : "memory");
}

static void run_registers_load(const struct vmcb *vmcb)
{
	cpu_write(dr0, ccb.dr[0]);
	cpu_write(dr1, ccb.dr[1]);
	cpu_write(dr2, ccb.dr[2]);
	cpu_write(dr3, ccb.dr[3]);
	if (ccb.flags & KVM_CARETAKER_CCB_TSC_AUX)
		cpu_wrmsr(MSR_TSC_AUX, ccb.tsc_aux);
	run_fpu_load(vmcb);
}

static void run_registers_save(void)
{
	ccb.dr[0] = cpu_read(dr0);
	ccb.dr[1] = cpu_read(dr1);
	ccb.dr[2] = cpu_read(dr2);
	ccb.dr[3] = cpu_read(dr3);
	if (ccb.flags & KVM_CARETAKER_CCB_TSC_AUX)
		ccb.tsc_aux = cpu_rdmsr(MSR_TSC_AUX);
	run_fpu_save();
}

static void run_trace(u32 event, u64 cycles)
{
	payload_ring_at(event, ccb.flags & KVM_CARETAKER_CCB_HALTED ? 1 : 0, 0, cycles,
			payload_vmcb()->rip);
}

static void __noreturn run_park(void)
{
	const struct kvm_caretaker_telemetry *telemetry = payload_telemetry();
	struct vmcb *vmcb = payload_vmcb();

	debug_crumb('P');
	payload_telemetry()->open = KVM_CARETAKER_TIME_HANDOVER;
	run_own_load();
	run_apic_disable();
	run_registers_save();
	payload_event_park(vmcb);
	payload_inject_park(vmcb);
	payload_mail_return();
	payload_lapic_park(vmcb);
	ccb.exit.flags &= ~KVM_CARETAKER_EXIT_DETACHED;
	run_svm_off();
	payload_gap_ends();
	if (payload_traces(PARK))
		run_trace(KVM_CARETAKER_EVENT_PARK, telemetry->tsc_park - telemetry->tsc_kick);
	payload_move(ADOPTING, PARKED);
	run_halt();
}

/*
 * The vCPU changes hands with the move. Before it nothing of the CCB is written, for when the move
 * fails the kernel has taken the vCPU back and may be running it; and what can fault is done
 * before it, so that a kernel that sees DETACHING become FAULTED knows that the guest never ran.
 */
static bool run_begin(void)
{
	struct vmcb *vmcb = (struct vmcb *)ccb.gap_vmcb;

	run_registers_load(vmcb);
	run_apic_enable();
	if (!payload_move(DETACHING, RUNNING)) {
		run_apic_disable();
		return false;
	}
	store_release(&ccb.pcpu, KVM_CARETAKER_PCPU_GUEST);
	ccb.vmcb = ccb.gap_vmcb;
	ccb.vmcb_pa = ccb.gap_vmcb_pa;
	ccb.exit.flags |= KVM_CARETAKER_EXIT_DETACHED;
	payload_handlers_begin(vmcb);
	payload_event_begin(vmcb);
	payload_inject_begin(vmcb);
	return true;
}

/*
 * The kernel prepared the first entry (EVENTINJ, full TLB flush, nothing clean): the VMCB is
 * entered as it is, unless the guest is halted or wanted back already.
 */
static void __noreturn run_guest(void)
{
	const struct kvm_caretaker_telemetry *telemetry = payload_telemetry();

	debug_crumb('R');
	run_guest_load();
	payload_gap_begins();
	if (payload_traces(RUN))
		run_trace(KVM_CARETAKER_EVENT_RUN, telemetry->tsc_run - telemetry->tsc_stop);
	if (ccb.flags & KVM_CARETAKER_CCB_HALTED)
		payload_halted(payload_vmcb());
	if (payload_state() == KVM_CARETAKER_ADOPTING)
		run_park();
	payload_prepare(payload_vmcb());
	payload_gap_runs();
	payload_run_loop();
}

/*
 * The kernel sends an NMI after it rang; the LAPIC is soft-disabled, nothing else comes. A doorbell
 * that is seen before its NMI has to wait for it: later it would count as a stray one.
 */
static u32 run_wait_for_bell(void)
{
	u32 bell;

	do {
		payload_halt_until_kicked();
		run_kicked_clear();
		bell = load_acquire(&ccb.doorbell);
	} while (!bell);
	return bell;
}

/**
 * payload_detached() - C part of the detached entry
 *
 * Context: on the payload's own stack, IF=0, GIF=1, the host's CR3 and tables still loaded.
 */
void __noreturn payload_detached(void)
{
	run_own_saved = false;
	run_guest_loaded = false;
	run_apic_on = false;
	run_faulted = false;
	payload_tables_load();
	run_cpu_setup();
	debug_crumb('A');
	store_release(&ccb.pcpu, KVM_CARETAKER_PCPU_ARMED);
	if (run_wait_for_bell() == KVM_CARETAKER_BELL_RUN && run_begin())
		run_guest();
	run_svm_off();
	run_halt();
}

/**
 * payload_park() - the run loop's way out: a kernel wants the vCPU
 */
void __noreturn payload_park(void)
{
	run_park();
}

/* In all other states the kernel may be running it, through this payload. */
static bool run_owns_vcpu(void)
{
	u32 state = payload_state();

	return state == KVM_CARETAKER_RUNNING || state == KVM_CARETAKER_STALLED ||
	       state == KVM_CARETAKER_ADOPTING;
}

static void run_move_to_faulted(void)
{
	while (!payload_move(RUNNING, FAULTED) && !payload_move(STALLED, FAULTED) &&
	       !payload_move(ADOPTING, FAULTED) && !payload_move(DETACHING, FAULTED)) {
		u32 state = payload_state();

		if (!KVM_CARETAKER_MAY_MOVE(KVM_CARETAKER_PAYLOAD_MOVES, state,
					    KVM_CARETAKER_FAULTED))
			return;
	}
}

static void __noreturn run_fault(u64 fault, u64 rip, u64 addr)
{
	struct kvm_caretaker_telemetry *telemetry = payload_telemetry();

	debug_crumb('F');
	debug_hex(fault);
	debug_hex(rip);
	debug_hex(addr);
	if (run_faulted)
		payload_halt();
	run_faulted = true;
	/* Nobody serves the vCPU from here. */
	telemetry->open = KVM_CARETAKER_TIME_BLOCKED;
	telemetry->fault = fault;
	telemetry->fault_rip = rip;
	telemetry->fault_addr = addr;
	if (payload_traces(FAULT) && run_owns_vcpu())
		payload_ring_at(KVM_CARETAKER_EVENT_FAULT, 0, fault, addr, rip);
	if (run_own_saved)
		run_own_load();
	run_apic_disable();
	run_svm_off();
	run_move_to_faulted();
	run_halt();
}

/**
 * payload_fault_exit() - give up on a vCPU because of an exit
 * @fault:	value for telemetry.fault
 * @rip:	guest RIP
 * @addr:	value for telemetry.fault_addr
 */
void __noreturn payload_fault_exit(u64 fault, u64 rip, u64 addr)
{
	run_fault(fault, rip, addr);
}

/* One that comes when the pCPU has let go of everything finds nothing to save. */
static void run_machine_check(u64 rip)
{
	u64 addr;

	if (payload_mc_survived(&addr))
		return;
	if (ccb.pcpu == KVM_CARETAKER_PCPU_HALTED)
		payload_halt();
	run_fault(PAYLOAD_VECTOR_MC + 1, rip, addr);
}

/**
 * payload_exception() - an exception in the payload or a handler, or an event with such a vector
 * @vector:	its vector
 * @stack:	what the stub and the CPU pushed above it: error code or zero, RIP
 *
 * Survived are a machine check that needs no action, an INIT, and interrupts: the LAPIC takes
 * vectors from 16 on.
 *
 * Return: bytes from the vector to RIP.
 */
u64 payload_exception(u32 vector, u64 *stack)
{
	bool has_code = PAYLOAD_ERROR_CODE_VECTORS >> vector & 1;
	u64 *rip = stack + 1;

	if (vector == PAYLOAD_VECTOR_MC && payload_mc_came())
		run_machine_check(*rip);
	else if (payload_apic_in_service(vector))
		rip = has_code ? stack : rip;
	else if (vector != PAYLOAD_VECTOR_SX)
		run_fault(vector + 1, *rip, vector == PAYLOAD_VECTOR_PF ? cpu_read(cr2) : *stack);
	payload_event(vector, rip);
	return (u64)(rip - stack + 1) * sizeof(*stack);
}

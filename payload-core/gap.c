// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: exits while detached.
 *
 * No kernel is there to ask. Per exit: the handler of its class, else the native code, else the
 * exit blocks: RIP stays on the instruction, the vCPU stalls, and the kernel that adopts it lets
 * KVM do the instruction.
 *
 * Interrupts are delivered in x2APIC mode only.
 */
#include "payload.h"
#include "ring.h"
#include "telemetry.h"

#define MSR_TSC_DEADLINE	0x6e0

/* Fault record for an exit that no vCPU survives and that has no vector of its own. */
#define FAULT_OF_EXIT(index)	(0x100 + (index))

/* Event whose delivery the last exit interrupted: EVENTINJ in bits 31:0, error code above. */
static u64 gap_event;

/*
 * Software interrupts and the exceptions of INT3 and INTO are not injected again: RIP is still on
 * the instruction, which raises them again (APM volume 2, 15.7.2 and 15.20).
 */
static bool event_reexecutes(u32 info)
{
	u32 vector = info & VMCB_EVENT_VECTOR;

	if ((info & VMCB_EVENT_TYPE) == VMCB_EVENT_SOFT)
		return true;
	return (info & VMCB_EVENT_TYPE) == VMCB_EVENT_EXCEPTION && (vector == 3 || vector == 4);
}

static void event_take(const struct vmcb *vmcb)
{
	u32 info = vmcb->exit_int_info;

	gap_event = 0;
	if (!(info & VMCB_EVENT_VALID) || event_reexecutes(info))
		return;
	gap_event = info | (u64)vmcb->exit_int_info_err << 32;
}

/**
 * payload_event_begin() - note the event that the kernel wants injected at the first entry
 * @vmcb:	the Caretaker's own VMCB
 *
 * It is in EVENTINJ already; this is for a vCPU that is parked before it ever ran.
 */
void payload_event_begin(const struct vmcb *vmcb)
{
	gap_event = 0;
	if (vmcb->event_inj & VMCB_EVENT_VALID)
		gap_event = vmcb->event_inj | (u64)vmcb->event_inj_err << 32;
}

/**
 * payload_event_park() - leave an undelivered event to the kernel
 * @vmcb:	the Caretaker's own VMCB
 *
 * It is where a #VMEXIT leaves it, in EXITINTINFO, for KVM to queue it again. EVENTINJ is empty.
 */
void payload_event_park(struct vmcb *vmcb)
{
	vmcb->exit_int_info = gap_event;
	vmcb->exit_int_info_err = gap_event >> 32;
	vmcb->event_inj = 0;
	vmcb->event_inj_err = 0;
}

/* What came from other vCPUs and by the clock. */
static void gap_collect(void)
{
	payload_mail_take();
	payload_timer_check();
}

/**
 * payload_wanted() - whether there is something to do before the pCPU may halt
 *
 * For a guest in HLT: what comes by itself, from a kernel, another vCPU or by the clock.
 */
bool payload_wanted(void)
{
	return payload_state() == KVM_CARETAKER_ADOPTING || payload_mail_waits() ||
	       payload_timer_due();
}

/**
 * payload_prepare() - bring interrupts and timer into the next VMRUN
 * @vmcb:	VMCB in use, EVENTINJ and clean bits set
 *
 * Context: GIF=0. Whatever comes after this looked at it is a pending interrupt of the pCPU then,
 * which ends the VMRUN at once.
 */
void payload_prepare(struct vmcb *vmcb)
{
	gap_collect();
	payload_inject(vmcb);
	payload_timer_arm();
}

/*
 * Makes the VMCB fit for VMRUN. GIF=0. A kick that comes after the check is a pending NMI, which
 * ends the VMRUN at once, so that none is lost. PAYLOAD_LEAVE when a kernel wants the vCPU.
 */
static u32 gap_reenter(struct vmcb *vmcb)
{
	if (unlikely(payload_state() == KVM_CARETAKER_ADOPTING))
		return PAYLOAD_LEAVE;
	payload_reentry(vmcb, gap_event);
	vmcb->event_inj_err = gap_event >> 32;
	payload_prepare(vmcb);
	return PAYLOAD_ENTER;
}

/* RIP is still that of the exit. */
static void gap_trace(const struct vmcb *vmcb, enum kvm_caretaker_server server)
{
	if (payload_traces(EXIT))
		payload_ring_exit(vmcb, server);
}

/* What it takes to enter again is part of the exit. */
static u32 gap_enter(struct vmcb *vmcb, u32 index, enum kvm_caretaker_server server)
{
	u32 action = gap_reenter(vmcb);

	payload_exit_served(index, server, true);
	return action;
}

static u32 gap_finish(struct vmcb *vmcb, u32 index, u64 next, enum kvm_caretaker_server server)
{
	gap_trace(vmcb, server);
	payload_skip(vmcb, next);
	return gap_enter(vmcb, index, server);
}

static struct kvm_caretaker_stall *gap_stall_begin(const struct vmcb *vmcb)
{
	struct kvm_caretaker_telemetry *telemetry = payload_telemetry();
	u64 nr = telemetry->nr_stalls;
	struct kvm_caretaker_stall *stall = &telemetry->stalls[nr % KVM_CARETAKER_NR_STALLS];

	stall->reason = vmcb->exit_code;
	stall->info1 = vmcb->info1;
	stall->info2 = vmcb->info2;
	stall->rip = vmcb->rip;
	stall->tsc_end = 0;
	stall->tsc_start = telemetry->tsc_last;
	store_release(&telemetry->nr_stalls, nr + 1);
	return stall;
}

/* The move fails when a kernel asked for the vCPU meanwhile: then the stall is over at once. */
static u32 gap_block(const struct vmcb *vmcb, u32 index)
{
	struct kvm_caretaker_stall *stall;

	gap_trace(vmcb, KVM_CARETAKER_BLOCKED);
	payload_exit_pends(index, KVM_CARETAKER_BLOCKED);
	stall = gap_stall_begin(vmcb);
	if (payload_traces(STALL))
		payload_ring_at(KVM_CARETAKER_EVENT_STALL, 0, stall->reason, stall->info1,
				stall->rip);
	if (payload_move(RUNNING, STALLED))
		payload_spin();
	payload_exit_ends();
	stall->tsc_end = payload_telemetry()->tsc_last;
	if (payload_traces(RESUME))
		payload_ring_at(KVM_CARETAKER_EVENT_RESUME, 0, stall->reason,
				stall->tsc_end - stall->tsc_start, stall->rip);
	return PAYLOAD_LEAVE;
}

static bool gap_rdmsr(struct vmcb *vmcb)
{
	u32 msr = ccb.exit.gpr[KVM_CARETAKER_RCX];
	u64 value;

	if (msr == MSR_TSC_DEADLINE && (ccb.flags & KVM_CARETAKER_CCB_X2APIC)) {
		payload_rdmsr_result(vmcb, payload_deadline_read());
		return true;
	}
	if (payload_rdmsr(vmcb, KVM_CARETAKER_MSR_READ | KVM_CARETAKER_MSR_READ_GAP))
		return true;
	if (msr == 0x10)	/* TSC; KVM lets the guest's ratio be 1 only */
		value = payload_tsc() + vmcb->tsc_offset;
	else if (!payload_lapic_read(vmcb, msr, &value))
		return false;
	payload_rdmsr_result(vmcb, value);
	return true;
}

static bool gap_msr(struct vmcb *vmcb)
{
	u64 value;

	if (!(vmcb->info1 & VMCB_MSR_WRITE))
		return gap_rdmsr(vmcb);
	value = (u32)vmcb->rax | ccb.exit.gpr[KVM_CARETAKER_RDX] << 32;
	if ((u32)ccb.exit.gpr[KVM_CARETAKER_RCX] == MSR_TSC_DEADLINE) {
		if (!(ccb.flags & KVM_CARETAKER_CCB_X2APIC))
			return false;
		payload_deadline_write(vmcb, value);
		return true;
	}
	return payload_lapic_write(vmcb, ccb.exit.gpr[KVM_CARETAKER_RCX], value);
}

/* Whether the exit's instruction was done; it is then finished by advancing RIP. */
static bool gap_native(struct vmcb *vmcb, u32 index)
{
	switch (index) {
	case VMEXIT_CPUID:
		payload_cpuid_detached(vmcb);
		return true;
	case VMEXIT_MSR:
		return gap_msr(vmcb);
	case VMEXIT_VMMCALL:
		return payload_hypercall(vmcb);
	case VMEXIT_RDTSC:
		payload_rdtsc_detached(vmcb);
		return true;
	case VMEXIT_RDTSCP:
		return payload_rdtscp_detached(vmcb);
	case VMEXIT_MONITOR:
	case VMEXIT_MWAIT:
		return payload_mwait_is_nop();
	case VMEXIT_INVD:	/* KVM: NOP, and so is WBINVD with coherent DMA only */
	case VMEXIT_WBINVD:
	case VMEXIT_PAUSE:
	case VMEXIT_HLT:
		return true;
	}
	return false;
}

/**
 * payload_halted() - the guest is in HLT, until an interrupt or a kernel wants it
 * @vmcb:	VMCB in use, RIP after the HLT
 */
void payload_halted(const struct vmcb *vmcb)
{
	ccb.flags |= KVM_CARETAKER_CCB_HALTED;
	gap_collect();
	while (!payload_inject_wakes(vmcb)) {
		payload_idle();
		if (payload_state() == KVM_CARETAKER_ADOPTING)
			return;
		gap_collect();
	}
	payload_unhalt_take();
	ccb.flags &= ~KVM_CARETAKER_CCB_HALTED;
}

/* RIP is past the HLT when the pCPU halts: an adopting kernel finds the vCPU halted. */
static u32 gap_serve(struct vmcb *vmcb, u32 index, u64 next)
{
	u32 action;

	if (!gap_native(vmcb, index))
		return gap_block(vmcb, index);
	if (index != VMEXIT_HLT)
		return gap_finish(vmcb, index, next, KVM_CARETAKER_NATIVE);
	gap_trace(vmcb, KVM_CARETAKER_NATIVE);
	payload_skip(vmcb, next);
	payload_exit_pends(index, KVM_CARETAKER_NATIVE);
	payload_halted(vmcb);
	action = gap_reenter(vmcb);
	payload_exit_ends();
	return action;
}

/* While the guest ran: the exit took the exception away, so the window will not show it. */
static u32 gap_machine_check(struct vmcb *vmcb, u32 index)
{
	u64 addr;

	if (!payload_mc_survived(&addr)) {
		payload_exit_pends(index, KVM_CARETAKER_BLOCKED);
		payload_fault_exit(PAYLOAD_VECTOR_MC + 1, vmcb->rip, addr);
	}
	payload_apic_event(PAYLOAD_VECTOR_MC);
	gap_trace(vmcb, KVM_CARETAKER_NATIVE);
	return gap_enter(vmcb, index, KVM_CARETAKER_NATIVE);
}

/* Apart from the way of exits that have a handler and whose end is known. */
static noinline u32 gap_memory(struct vmcb *vmcb, u32 index)
{
	u64 next = 0;

	if (payload_has_handler(vmcb, index) && !payload_must_not_finish(vmcb))
		next = payload_mmio_begin(vmcb);
	return next ? payload_handler(vmcb, index, next) : gap_block(vmcb, index);
}

/* Not offered to handlers: where it ends is known for this one instruction only. */
static noinline u32 gap_cr4(struct vmcb *vmcb, u32 index)
{
	u64 next = payload_must_not_finish(vmcb) ? 0 : payload_cr4_begin(vmcb);
	u32 action;

	if (!next)
		return gap_block(vmcb, index);
	action = gap_finish(vmcb, index, next, KVM_CARETAKER_NATIVE);
	payload_cr4_end(vmcb);
	return action;
}

/* Exits that belong to no instruction of the guest, and those that nothing is known about. */
static u32 gap_other(struct vmcb *vmcb, u32 index)
{
	switch (vmcb->exit_code) {
	case VMEXIT_INTR:
	case VMEXIT_NMI:
	case VMEXIT_SMI:
	case VMEXIT_INIT:	/* becomes an #SX in the window */
		gap_trace(vmcb, KVM_CARETAKER_NATIVE);
		payload_window();
		return gap_enter(vmcb, index, KVM_CARETAKER_NATIVE);
	case VMEXIT_VINTR:
		gap_trace(vmcb, KVM_CARETAKER_NATIVE);
		payload_inject_look();
		return gap_enter(vmcb, index, KVM_CARETAKER_NATIVE);
	case VMEXIT_IRET:
		gap_trace(vmcb, KVM_CARETAKER_NATIVE);
		payload_nmi_iret(vmcb);
		return gap_enter(vmcb, index, KVM_CARETAKER_NATIVE);
	case VMEXIT_CR4_READ:
	case VMEXIT_CR4_WRITE:
		return gap_cr4(vmcb, index);
	case VMEXIT_EXCP_MC:
		return gap_machine_check(vmcb, index);
	case VMEXIT_SHUTDOWN:
	case VMEXIT_INVALID:
		payload_exit_pends(index, KVM_CARETAKER_BLOCKED);
		payload_fault_exit(FAULT_OF_EXIT(index), vmcb->rip, vmcb->info1);
	}
	if (index == KVM_CARETAKER_REASON_NPF)
		return gap_memory(vmcb, index);
	return gap_block(vmcb, index);
}

/**
 * payload_exit_detached() - serve or block one exit
 *
 * Called by the run loop after each #VMEXIT, GPRs stored, GIF=0. An instruction that is
 * single-stepped, or that exited in the middle of event delivery, is not finished here: the first
 * needs a #DB after it, the second cannot be.
 *
 * Return: enum payload_action; PAYLOAD_LEAVE means park.
 */
u32 payload_exit_detached(void)
{
	struct vmcb *vmcb = payload_exit_begins();
	u32 index = payload_reason_index(vmcb->exit_code);
	u64 next = payload_next_rip(vmcb, index);

	event_take(vmcb);
	payload_nmi_progress(vmcb);
	if (unlikely(!next || payload_must_not_finish(vmcb)))
		return gap_other(vmcb, index);
	if (payload_has_handler(vmcb, index))
		return payload_handler(vmcb, index, next);
	return gap_serve(vmcb, index, next);
}

static inline void gap_requests(struct vmcb *vmcb, bool handled)
{
	if (likely(!ccb.exit.requests))
		return;
	payload_mmio_end(vmcb, handled);
	payload_emit_requested();
	payload_inject_requested();
}

/**
 * payload_handled_detached() - the handler said HANDLED
 *
 * Context: as payload_handled_attached().
 * Return: PAYLOAD_ENTER or PAYLOAD_LEAVE.
 */
u32 payload_handled_detached(void)
{
	struct vmcb *vmcb = payload_vmcb();

	gap_requests(vmcb, true);
	vmcb->rax = ccb.exit.gpr[KVM_CARETAKER_RAX];
	return gap_finish(vmcb, payload_call.index, payload_call.next, KVM_CARETAKER_HANDLER);
}

/**
 * payload_verdict_detached() - act on what the handler said when it is not HANDLED
 * @verdict:	enum kvm_caretaker_verdict, or any other value
 *
 * Context: as payload_verdict_attached(). FORWARD blocks: there is no KVM to forward to.
 * Return: PAYLOAD_ENTER or PAYLOAD_LEAVE.
 */
u32 payload_verdict_detached(u32 verdict)
{
	gap_requests(payload_vmcb(), false);
	payload_verdict_edge();
	if (verdict == KVM_CARETAKER_NEXT)
		return gap_serve(payload_vmcb(), payload_call.index, payload_call.next);
	if (verdict == KVM_CARETAKER_FUEL)
		payload_telemetry()->fuel_out++;
	return gap_block(payload_vmcb(), payload_call.index);
}

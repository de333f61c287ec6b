// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: interrupts into the guest while detached.
 *
 * An interrupt of IRR is injected with EVENTINJ as soon as its class is above PPR's and the guest
 * takes interrupts. Until then a virtual interrupt with its priority is requested and intercepted:
 * the exit says that the guest takes it now, also after a write to CR8, which does not exit
 * (AMD64 APM volume 2, 15.21.4).
 *
 * NMI: from its injection on further ones are masked until the guest's IRET is done. IRET is
 * intercepted before it is executed; at the first exit with another RIP it is over. While an NMI
 * waits for that, or for the end of an interrupt shadow or of the delivery of another event, the
 * pCPU's timer sees to it that there is an exit soon.
 */
#include "ring.h"

#define NMI_STATE	(KVM_CARETAKER_CCB_NMI_PENDING | KVM_CARETAKER_CCB_NMI_MASKED)

/* Something changed that may make an interrupt deliverable. */
static bool inject_look;
/* KVM_HC_KICK_CPU: the next HLT, or the one the guest is in, ends. */
static bool inject_unhalt;
/* An IRET that ends an NMI is about to be executed. */
static bool nmi_iret;
static u64 nmi_iret_rip;

/**
 * payload_inject_look() - have the next entry look for interrupts
 *
 * To be called for all that sets a bit in IRR or lowers PPR, other than a write to CR8.
 */
void payload_inject_look(void)
{
	inject_look = true;
}

static bool intercepted(const struct vmcb *vmcb, u32 code)
{
	return vmcb->intercepts[code / 32] >> code % 32 & 1;
}

static void intercept_set(struct vmcb *vmcb, u32 code, bool on)
{
	u32 bit = 1U << code % 32;

	if (intercepted(vmcb, code) == on)
		return;
	vmcb->intercepts[code / 32] ^= bit;
	vmcb->clean &= ~VMCB_CLEAN_INTERCEPTS;
}

static void window_close(struct vmcb *vmcb)
{
	if (!intercepted(vmcb, VMEXIT_VINTR))
		return;
	vmcb->int_ctl &= ~(VMCB_V_IRQ | VMCB_V_PRIO);
	intercept_set(vmcb, VMEXIT_VINTR, false);
}

static void window_open(struct vmcb *vmcb, u32 vector)
{
	vmcb->int_ctl |= VMCB_V_IRQ | (vector >> 4) << VMCB_V_PRIO_SHIFT;
	vmcb->int_vector = vector;
	intercept_set(vmcb, VMEXIT_VINTR, true);
}

static void event_put(struct vmcb *vmcb, u32 event)
{
	vmcb->event_inj = VMCB_EVENT_VALID | event;
	vmcb->event_inj_err = 0;
	payload_telemetry()->injected++;
	if (payload_traces(INJECT))
		payload_ring_at(KVM_CARETAKER_EVENT_INJECT, 0, vmcb->event_inj, 0, vmcb->rip);
}

/**
 * payload_nmi_raise() - an NMI for the guest
 *
 * One more while one waits is lost, as in hardware.
 */
void payload_nmi_raise(void)
{
	ccb.flags |= KVM_CARETAKER_CCB_NMI_PENDING;
}

/**
 * payload_nmi_iret() - IRET is about to end an NMI
 * @vmcb:	VMCB in use
 */
void payload_nmi_iret(const struct vmcb *vmcb)
{
	nmi_iret = true;
	nmi_iret_rip = vmcb->rip;
}

/**
 * payload_nmi_progress() - the guest ran: an IRET that was about to be executed may be over
 * @vmcb:	VMCB in use
 */
void payload_nmi_progress(const struct vmcb *vmcb)
{
	if (likely(!nmi_iret) || vmcb->rip == nmi_iret_rip)
		return;
	nmi_iret = false;
	ccb.flags &= ~KVM_CARETAKER_CCB_NMI_MASKED;
}

static void nmi_inject(struct vmcb *vmcb)
{
	if ((ccb.flags & KVM_CARETAKER_CCB_NMI_MASKED) && !nmi_iret)
		return;		/* IRET exits */
	if (nmi_iret || (vmcb->event_inj & VMCB_EVENT_VALID) ||
	    (vmcb->int_state & VMCB_INT_SHADOW)) {
		payload_timer_soon();
		return;
	}
	ccb.flags &= ~KVM_CARETAKER_CCB_NMI_PENDING;
	ccb.flags |= KVM_CARETAKER_CCB_NMI_MASKED;
	event_put(vmcb, VMCB_EVENT_NMI);
}

static void nmi_prepare(struct vmcb *vmcb)
{
	if (ccb.flags & KVM_CARETAKER_CCB_NMI_PENDING)
		nmi_inject(vmcb);
	intercept_set(vmcb, VMEXIT_IRET,
		      (ccb.flags & KVM_CARETAKER_CCB_NMI_MASKED) && !nmi_iret);
}

/**
 * payload_unhalt() - end the next HLT, or the one that the guest is in
 */
void payload_unhalt(void)
{
	inject_unhalt = true;
}

/**
 * payload_unhalt_take() - use that up
 *
 * Return: whether there was something to use up.
 */
bool payload_unhalt_take(void)
{
	bool unhalt = inject_unhalt;

	inject_unhalt = false;
	return unhalt;
}

/**
 * payload_inject_requested() - make the interrupts pending that a handler asked for
 */
void payload_inject_requested(void)
{
	struct kvm_caretaker_exit *exit = &ccb.exit;
	u32 i, bits;

	for (i = 0; i < 8; i++) {
		bits = exit->irr[i];
		exit->irr[i] = 0;
		for (; bits; bits &= bits - 1)
			payload_lapic_raise(i * 32 + __builtin_ctz(bits));
	}
	exit->requests &= ~KVM_CARETAKER_REQUEST_IRQ;
}

static bool inject_now(const struct vmcb *vmcb)
{
	return !(vmcb->event_inj & VMCB_EVENT_VALID) && (vmcb->rflags & RFLAGS_IF) &&
	       !(vmcb->int_state & VMCB_INT_SHADOW);
}

/**
 * payload_inject() - inject an NMI or the highest interrupt, or ask for an exit when it is taken
 * @vmcb:	VMCB in use, EVENTINJ and clean bits as for the next VMRUN
 *
 * An interrupt that the processor priority holds back waits for the EOI, which exits, or for TPR.
 * A CPU that said "now" although TPR still holds it is asked again at the next exit only: some
 * emulators let a priority equal to TPR pass, and the guest would not get on.
 */
void payload_inject(struct vmcb *vmcb)
{
	bool told = vmcb->exit_code == VMEXIT_VINTR;
	u32 vector;

	if (unlikely(ccb.flags & NMI_STATE))
		nmi_prepare(vmcb);
	if (likely(!inject_look))
		return;
	inject_look = false;
	window_close(vmcb);
	vector = payload_lapic_deliverable(vmcb);
	if (vector && inject_now(vmcb)) {
		payload_lapic_accept(vector);
		event_put(vmcb, VMCB_EVENT_INTR | vector);
		inject_look = true;
		return;
	}
	if (!vector)
		vector = payload_lapic_held_by_tpr();
	else
		told = false;
	inject_look = vector && told;
	if (vector && !told)
		window_open(vmcb, vector);
}

/**
 * payload_inject_wakes() - whether a guest in HLT has something to wake up for
 * @vmcb:	VMCB in use, RIP after the HLT
 */
bool payload_inject_wakes(const struct vmcb *vmcb)
{
	if (inject_unhalt || (ccb.flags & NMI_STATE) == KVM_CARETAKER_CCB_NMI_PENDING)
		return true;
	return (vmcb->rflags & RFLAGS_IF) && payload_lapic_deliverable(vmcb);
}

/**
 * payload_inject_begin() - take the state of interrupts over from the kernel
 * @vmcb:	VMCB in use, with EVENTINJ for the first entry
 */
void payload_inject_begin(struct vmcb *vmcb)
{
	u32 event = vmcb->event_inj;

	vmcb->exit_code = 0;	/* that of an exit to KVM */
	inject_look = true;
	inject_unhalt = false;
	nmi_iret = false;
	if ((event & VMCB_EVENT_VALID) && (event & VMCB_EVENT_TYPE) == VMCB_EVENT_NMI)
		ccb.flags |= KVM_CARETAKER_CCB_NMI_MASKED;
}

/**
 * payload_inject_park() - leave no request for a window to the kernel
 * @vmcb:	VMCB in use
 *
 * An NMI whose IRET is not over is in progress: the kernel intercepts it once more.
 */
void payload_inject_park(struct vmcb *vmcb)
{
	window_close(vmcb);
	intercept_set(vmcb, VMEXIT_IRET, false);
}

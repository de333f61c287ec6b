// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: interrupts into the guest while detached.
 *
 * An interrupt of IRR is injected with EVENTINJ as soon as its class is above PPR's and the guest
 * takes interrupts. Until then a virtual interrupt with its priority is requested and intercepted:
 * the exit says that the guest takes it now, also after a write to CR8, which does not exit
 * (AMD64 APM volume 2, 15.21.4).
 */
#include "payload.h"

#define INTERCEPT_VINTR_WORD	(VMEXIT_VINTR / 32)
#define INTERCEPT_VINTR		(1U << VMEXIT_VINTR % 32)

/* Something changed that may make an interrupt deliverable. */
static bool inject_look;

/**
 * payload_inject_look() - have the next entry look for interrupts
 *
 * To be called for all that sets a bit in IRR or lowers PPR, other than a write to CR8.
 */
void payload_inject_look(void)
{
	inject_look = true;
}

static void window_close(struct vmcb *vmcb)
{
	if (!(vmcb->intercepts[INTERCEPT_VINTR_WORD] & INTERCEPT_VINTR))
		return;
	vmcb->int_ctl &= ~(VMCB_V_IRQ | VMCB_V_PRIO);
	vmcb->intercepts[INTERCEPT_VINTR_WORD] &= ~INTERCEPT_VINTR;
	vmcb->clean &= ~VMCB_CLEAN_INTERCEPTS;
}

static void window_open(struct vmcb *vmcb, u32 vector)
{
	vmcb->int_ctl |= VMCB_V_IRQ | (vector >> 4) << VMCB_V_PRIO_SHIFT;
	vmcb->int_vector = vector;
	vmcb->intercepts[INTERCEPT_VINTR_WORD] |= INTERCEPT_VINTR;
	vmcb->clean &= ~VMCB_CLEAN_INTERCEPTS;
}

static bool inject_now(const struct vmcb *vmcb)
{
	return !(vmcb->event_inj & VMCB_EVENT_VALID) && (vmcb->rflags & RFLAGS_IF) &&
	       !(vmcb->int_state & VMCB_INT_SHADOW);
}

/**
 * payload_inject() - inject the highest interrupt, or ask for an exit when the guest takes it
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

	if (likely(!inject_look))
		return;
	inject_look = false;
	window_close(vmcb);
	vector = payload_lapic_deliverable(vmcb);
	if (vector && inject_now(vmcb)) {
		payload_lapic_accept(vector);
		vmcb->event_inj = VMCB_EVENT_VALID | VMCB_EVENT_INTR | vector;
		vmcb->event_inj_err = 0;
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
 * payload_inject_wakes() - whether a guest in HLT has an interrupt to take
 * @vmcb:	VMCB in use, RIP after the HLT
 */
bool payload_inject_wakes(const struct vmcb *vmcb)
{
	return (vmcb->rflags & RFLAGS_IF) && payload_lapic_deliverable(vmcb);
}

/**
 * payload_inject_park() - leave no request for a window to the kernel
 * @vmcb:	VMCB in use
 */
void payload_inject_park(struct vmcb *vmcb)
{
	window_close(vmcb);
}

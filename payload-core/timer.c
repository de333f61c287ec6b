// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: the guest's LAPIC timer while detached.
 *
 * Limit: the pCPU's own timer is not used. Expiry is seen at exits and while the guest is in HLT,
 * so a guest that neither exits nor halts gets its tick late. Writes that start or change a
 * one-shot or periodic timer block; one that runs at detach is kept.
 */
#include "payload.h"

/* The expiries that were missed count as one, as for KVM: no storm after a long stall. */
static u64 timer_next(u64 now)
{
	u64 period = ccb.timer_period;

	if (!period)
		return 0;
	return ccb.timer_expiry + ((now - ccb.timer_expiry) / period + 1) * period;
}

/**
 * payload_timer_check() - let the guest's timer fire if it is due
 *
 * Return: true when it fired.
 */
bool payload_timer_check(void)
{
	u64 now;

	if (likely(!ccb.timer_expiry))
		return false;
	now = payload_tsc();
	if (likely(now < ccb.timer_expiry))
		return false;
	ccb.timer_expiry = timer_next(now);
	ccb.tsc_deadline = 0;
	payload_lapic_timer_fires();
	return true;
}

/**
 * payload_deadline_read() - RDMSR of TSC_DEADLINE
 * @vmcb:	VMCB in use
 *
 * Return: guest TSC at which the timer fires, 0 when it is not armed or not in this mode.
 */
u64 payload_deadline_read(const struct vmcb *vmcb)
{
	if (!payload_lapic_deadline_mode() || !ccb.timer_expiry)
		return 0;
	return ccb.timer_expiry + vmcb->tsc_offset;
}

/**
 * payload_deadline_write() - WRMSR of TSC_DEADLINE
 * @vmcb:	VMCB in use
 * @value:	guest TSC, 0 disarms
 *
 * A host TSC before its own zero (the guest's TSC began above it) is past: it becomes 1, for 0
 * means not running. A deadline in the past fires at the next entry.
 * In another mode the write does nothing (AMD64 APM volume 2, 16.4.1).
 */
void payload_deadline_write(const struct vmcb *vmcb, u64 value)
{
	u64 now = payload_tsc() + vmcb->tsc_offset;

	if (!payload_lapic_deadline_mode())
		return;
	ccb.tsc_deadline = value;
	ccb.timer_period = 0;
	ccb.timer_expiry = 0;
	if (value)
		ccb.timer_expiry = value > now ? value - vmcb->tsc_offset : 1;
}

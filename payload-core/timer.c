// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: the guest's LAPIC timer while detached.
 *
 * All modes end in one number, ccb.timer_expiry: the host TSC at which the timer fires. The own
 * LAPIC timer of the pCPU (apic.c) sees to it that somebody looks then. Registers and their
 * side effects are those of KVM's LAPIC, and so is the shortest period.
 */
#include "cpuid.h"
#include "lapic.h"

#define CPUID_1_ECX_DEADLINE	(1U << 24)
#define PERIOD_MIN_NS		200000ULL	/* KVM: min_timer_period_us */
#define NS_PER_MS		1000000ULL
#define SOON_PER_MS		10		/* "soon" is a tenth of a millisecond */

/* Host TSC at which an exit is wanted, 0 for none. */
static u64 timer_soon;

/* In two steps: the product of 64 and 32 bits does not fit. */
static u64 timer_cycles(u64 ns)
{
	return ns / NS_PER_MS * ccb.tsc_khz + ns % NS_PER_MS * ccb.tsc_khz / NS_PER_MS;
}

static u64 timer_ns(u64 cycles)
{
	return cycles / ccb.tsc_khz * NS_PER_MS + cycles % ccb.tsc_khz * NS_PER_MS / ccb.tsc_khz;
}

/* Without both frequencies nothing that counts ticks can be served. */
static bool timer_counts(void)
{
	return ccb.tsc_khz && ccb.apic_cycle_ns;
}

static u32 timer_mode(void)
{
	return *lapic_reg(LAPIC_LVTT) & LVTT_MODE;
}

static u32 timer_divider(void)
{
	u32 tdcr = *lapic_reg(LAPIC_TDCR);

	return 1U << ((((tdcr & 3) | (tdcr & 8) >> 1) + 1) & 7);
}

static u64 timer_tick_ns(void)
{
	return (u64)ccb.apic_cycle_ns * timer_divider();
}

/* From TMICT to zero, in the present mode. */
static u64 timer_period_ns(void)
{
	u64 ns = *lapic_reg(LAPIC_TMICT) * timer_tick_ns();

	if (ns && timer_mode() == LVTT_PERIODIC && ns < PERIOD_MIN_NS)
		ns = PERIOD_MIN_NS;
	return ns;
}

static void timer_period_update(void)
{
	ccb.timer_period = timer_mode() == LVTT_PERIODIC ? timer_cycles(timer_period_ns()) : 0;
}

static u64 timer_left(u64 now)
{
	return ccb.timer_expiry > now ? ccb.timer_expiry - now : 0;
}

static void timer_stop(void)
{
	ccb.timer_expiry = 0;
	ccb.timer_period = 0;
	ccb.tsc_deadline = 0;
}

/* The expiries that were missed count as one, as for KVM: no storm after a long stall. */
static u64 timer_next(u64 now)
{
	u64 period = ccb.timer_period;

	if (!period)
		return 0;
	return ccb.timer_expiry + ((now - ccb.timer_expiry) / period + 1) * period;
}

/**
 * payload_timer_due() - whether the guest's timer is to fire now
 */
bool payload_timer_due(void)
{
	return ccb.timer_expiry && payload_tsc() >= ccb.timer_expiry;
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
	payload_telemetry()->timer_fired++;
	payload_lapic_timer_fires();
	return true;
}

/**
 * payload_timer_soon() - have the next VMRUN end soon, whatever the guest does
 */
void payload_timer_soon(void)
{
	timer_soon = payload_tsc() + ccb.tsc_khz / SOON_PER_MS + 1;
}

/**
 * payload_timer_arm() - set the pCPU's own timer before a VMRUN or a halt
 */
void payload_timer_arm(void)
{
	u64 target = ccb.timer_expiry;

	if (unlikely(timer_soon)) {
		if (!target || timer_soon < target)
			target = timer_soon;
		timer_soon = 0;
	}
	if (target)
		payload_apic_timer(target);
}

/* The mode bits that KVM lets the guest set: deadline mode only if its CPUID has it. */
static bool timer_modes(u32 *modes)
{
	const struct kvm_caretaker_cpuid *leaf = payload_cpuid_find(1, 0);

	if (!leaf)
		return false;
	*modes = leaf->ecx & CPUID_1_ECX_DEADLINE ? LVTT_MODE : LVTT_PERIODIC;
	return true;
}

/* To or from deadline mode the timer stops; between the others it runs on. */
static void timer_mode_changed(u32 from, u32 to)
{
	if (from == to)
		return;
	if (from != LVTT_DEADLINE && to != LVTT_DEADLINE) {
		timer_period_update();
		return;
	}
	timer_stop();
	*lapic_reg(LAPIC_TMICT) = 0;
}

/**
 * payload_timer_lvt_write() - write LVTT
 * @value:	value to write
 *
 * Return: false when it cannot be served here: the reserved mode, no CPUID leaf to know the modes.
 */
bool payload_timer_lvt_write(u32 value)
{
	u32 from = timer_mode(), modes;

	if (!timer_modes(&modes) || !timer_counts() || from == LVTT_MODE)
		return false;
	value &= LVT_MASKED | LVT_PENDING | LVT_VECTOR | modes;
	if ((value & LVTT_MODE) == LVTT_MODE)
		return false;
	if (!lapic_enabled())
		value |= LVT_MASKED;
	*lapic_reg(LAPIC_LVTT) = value;
	timer_mode_changed(from, value & LVTT_MODE);
	return true;
}

/**
 * payload_timer_count_write() - write TMICT: start a one-shot or periodic timer, 0 stops it
 * @value:	value to write
 *
 * Ignored in deadline mode.
 * Return: false when it cannot be served here.
 */
bool payload_timer_count_write(u32 value)
{
	if (timer_mode() == LVTT_DEADLINE)
		return true;
	if (timer_mode() == LVTT_MODE || !timer_counts())
		return false;
	timer_stop();
	*lapic_reg(LAPIC_TMICT) = value;
	if (!value)
		return true;
	timer_period_update();
	ccb.timer_expiry = payload_tsc() + timer_cycles(timer_period_ns());
	return true;
}

/**
 * payload_timer_divider_write() - write TDCR
 * @value:	value to write
 *
 * A running timer goes on with the ticks that it has left, at their new length.
 * Return: false when it cannot be served here.
 */
bool payload_timer_divider_write(u32 value)
{
	u64 now = payload_tsc();
	u32 old = timer_divider();

	if (timer_mode() == LVTT_MODE || !timer_counts())
		return false;
	*lapic_reg(LAPIC_TDCR) = value & TDCR_BITS;
	if (timer_divider() == old || timer_mode() == LVTT_DEADLINE)
		return true;
	timer_period_update();
	if (ccb.timer_expiry)
		ccb.timer_expiry = now + timer_left(now) * timer_divider() / old;
	return true;
}

/**
 * payload_timer_count_read() - read TMCCT
 * @value:	where the value goes
 *
 * Return: false when it cannot be served here, @value untouched.
 */
bool payload_timer_count_read(u64 *value)
{
	u64 period;

	if (timer_mode() == LVTT_MODE || !timer_counts())
		return false;
	*value = 0;
	if (timer_mode() == LVTT_DEADLINE)
		return true;
	payload_timer_check();
	period = timer_period_ns();
	if (period && ccb.timer_expiry)
		*value = timer_ns(timer_left(payload_tsc())) % period / timer_tick_ns();
	return true;
}

/**
 * payload_deadline_read() - RDMSR of TSC_DEADLINE
 *
 * Return: guest TSC at which the timer fires, 0 when it is not armed or not in this mode.
 */
u64 payload_deadline_read(void)
{
	return payload_lapic_deadline_mode() && ccb.timer_expiry ? ccb.tsc_deadline : 0;
}

/**
 * payload_deadline_write() - WRMSR of TSC_DEADLINE
 * @vmcb:	VMCB in use
 * @value:	guest TSC, 0 disarms
 *
 * A deadline in the past fires at the next entry: as a host TSC it becomes 1, for 0 means not
 * running. One that the host's TSC does not reach becomes the last value.
 * In another mode the write does nothing (AMD64 APM volume 2, 16.4.1).
 */
void payload_deadline_write(const struct vmcb *vmcb, u64 value)
{
	u64 host = payload_tsc(), now = host + vmcb->tsc_offset;

	if (!payload_lapic_deadline_mode())
		return;
	timer_stop();
	ccb.tsc_deadline = value;
	if (!value)
		return;
	if (value <= now)
		ccb.timer_expiry = 1;
	else
		ccb.timer_expiry = value - now < ~host ? host + (value - now) : ~0ULL;
}

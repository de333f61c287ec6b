// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: the pCPU's own LAPIC while detached.
 *
 * The host left it soft-disabled. While a guest runs detached it is enabled for two vectors: its
 * timer, which ends a VMRUN or a halt in time for the guest's own timer, and kicks by the payloads
 * of the other vCPUs of the VM. All else is counted, acknowledged and survived.
 *
 * Timer: TSC-deadline where the CPU has it; else one-shot, divider 1, in steps of at most a second.
 */
#include "lapic.h"
#include "ring.h"
#include "tables.h"

#define STEP_SECONDS_KHZ	1000	/* a second in cycles is so many times its kHz */

/* Host TSC for which the timer is set, 0 when it is not running. */
static u64 apic_armed;

/* Its registers may be looked at. */
static bool apic_on;

static bool apic_deadline_mode(void)
{
	return !ccb.host_apic_khz;
}

static void apic_lvt_mask(u32 offset)
{
	payload_host_write(offset, payload_host_read(offset) | LVT_MASKED);
}

/* Entries that a CPU does not have must not be touched (AMD64 APM volume 2, 16.3.2 and 16.3.6). */
static void apic_lvts_mask(void)
{
	u32 version = payload_host_read(LAPIC_VERSION);
	u32 last = VERSION_LAST_LVT(version), i;

	apic_lvt_mask(LAPIC_LVT0);
	apic_lvt_mask(LAPIC_LVT1);
	if (last >= 3)
		apic_lvt_mask(LAPIC_LVT_ERROR);
	if (last >= 4)
		apic_lvt_mask(LAPIC_LVT_PMC);
	if (last >= 5)
		apic_lvt_mask(LAPIC_LVT_THERMAL);
	if (last >= 6)
		apic_lvt_mask(LAPIC_LVT_CMCI);
	if (!(version & VERSION_EXT))
		return;
	last = EXT_NR_LVTS(payload_host_read(LAPIC_EXT));
	for (i = 0; i < last; i++)
		apic_lvt_mask(LAPIC_EXT_LVT + i * 16);
}

static void apic_timer_stop(void)
{
	apic_armed = 0;
	if (apic_deadline_mode())
		payload_host_deadline(0);
	else
		payload_host_write(LAPIC_TMICT, 0);
}

/**
 * payload_apic_enable() - take the pCPU's LAPIC into use
 *
 * Up to here all of its entries were masked, because it was soft-disabled (AMD64 APM volume 2,
 * 16.4.7); from here on they are because their bits say so. The timer is not running.
 */
void payload_apic_enable(void)
{
	payload_host_write(LAPIC_TPR, 0);
	payload_host_write(LAPIC_SVR, SVR_ENABLED | KVM_CARETAKER_VECTOR_SPURIOUS);
	apic_lvts_mask();
	payload_host_write(LAPIC_TDCR, TDCR_BY_1);
	payload_host_write(LAPIC_LVTT, KVM_CARETAKER_VECTOR_TIMER |
			   (apic_deadline_mode() ? LVTT_DEADLINE : LVTT_ONESHOT));
	apic_timer_stop();
	apic_on = true;
}

/**
 * payload_apic_disable() - leave the pCPU's LAPIC as the host did: soft-disabled, nothing armed
 */
void payload_apic_disable(void)
{
	apic_on = false;
	apic_timer_stop();
	payload_host_write(LAPIC_LVTT, LVT_MASKED | KVM_CARETAKER_VECTOR_TIMER);
	payload_host_write(LAPIC_SVR, KVM_CARETAKER_VECTOR_SPURIOUS);
}

/* Rounded up, so that the timer is not early; if it is, it is set once more. */
static u32 apic_ticks(u64 cycles)
{
	u64 ticks = cycles * ccb.host_apic_khz / ccb.tsc_khz + 1;

	return ticks < 0xffffffff ? ticks : 0xffffffff;
}

static void apic_timer_set(u64 target)
{
	u64 now = payload_tsc(), left = target > now ? target - now : 0;
	u64 step = (u64)ccb.tsc_khz * STEP_SECONDS_KHZ;

	if (left > step)
		left = step;
	apic_armed = now + left;
	payload_host_write(LAPIC_TMICT, apic_ticks(left));
}

/**
 * payload_apic_timer() - have an interrupt come not later than at a time
 * @target:	host TSC, not 0
 *
 * A timer that is set for an earlier time is left alone: it fires early, once, and is set again
 * then. Guests move their deadline away much more often than nearer.
 */
void payload_apic_timer(u64 target)
{
	if (apic_armed && apic_armed <= target)
		return;
	if (!apic_deadline_mode()) {
		apic_timer_set(target);
		return;
	}
	apic_armed = target;
	payload_host_deadline(target);
}

/**
 * payload_apic_kick() - have another pCPU look into its mailbox
 * @apic_id:	its APIC ID
 */
void payload_apic_kick(u32 apic_id)
{
	payload_host_ipi(apic_id, KVM_CARETAKER_VECTOR_KICK);
}

/*
 * Only events that hit a vCPU of the payload's count: before, an NMI is the kernel's way to say
 * that it rang the doorbell, later, that it wants the vCPU; what the host left pending is its own.
 */
static void apic_stray(u32 vector)
{
	struct kvm_caretaker_telemetry *telemetry = payload_telemetry();
	u32 state = payload_state();

	if (state != KVM_CARETAKER_RUNNING && state != KVM_CARETAKER_STALLED)
		return;
	telemetry->stray_vector = vector;
	telemetry->stray_tsc = payload_tsc();
	store_release(&telemetry->stray, telemetry->stray + 1);
	if (payload_traces(STRAY))
		payload_ring_at(KVM_CARETAKER_EVENT_STRAY, 0, vector, 0, 0);
}

/**
 * payload_apic_in_service() - whether an interrupt of the pCPU's LAPIC has had no EOI yet
 * @vector:	its vector
 *
 * Return: false also while the LAPIC is not in use here.
 */
bool payload_apic_in_service(u32 vector)
{
	return apic_on && payload_host_read(LAPIC_ISR + vector / 32 * 16) >> vector % 32 & 1;
}

/*
 * A spurious interrupt is never in service (AMD64 APM volume 2, 16.4.7), but another CPU, or an
 * entry of the LVT, can send that vector as well: without an EOI nothing would come any more. The
 * LAPIC takes vectors of exceptions from 16 on, too; exceptions themselves have no EOI.
 */
static bool apic_wants_eoi(u32 vector)
{
	if (vector == PAYLOAD_VECTOR_NMI)
		return false;
	if (vector < PAYLOAD_NR_EXCEPTIONS || vector == KVM_CARETAKER_VECTOR_SPURIOUS)
		return payload_apic_in_service(vector);
	return true;
}

/**
 * payload_apic_event() - an NMI or interrupt came, or another event that was survived
 * @vector:	its vector
 *
 * Context: interrupt stub, IF=0.
 */
void payload_apic_event(u32 vector)
{
	switch (vector) {
	case KVM_CARETAKER_VECTOR_TIMER:
		apic_armed = 0;
		payload_telemetry()->timer_irqs++;
		break;
	case KVM_CARETAKER_VECTOR_KICK:
		break;
	default:
		apic_stray(vector);
	}
	if (apic_wants_eoi(vector))
		payload_host_write(LAPIC_EOI, 0);
	__atomic_store_n(&ccb.kicked, 1, __ATOMIC_SEQ_CST);
}

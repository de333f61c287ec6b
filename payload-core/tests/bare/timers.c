// SPDX-License-Identifier: GPL-2.0
/*
 * Bare-metal test of the payload core: the guest's timer and HLT while detached.
 */
#include "test.h"

#define MS	((u64)tsc_khz())
#define LAPIC_REG(offset) (*(u32 *)(arena->lapic + (offset)))
#define GPR(n)	C.exit.gpr[n]

static void cpuid_deadline(void)
{
	struct kvm_caretaker_cpuid *leaf = &arena->meta.cpuid[KVM_CARETAKER_CPUID_HASH(1)];

	leaf->ecx = 1 << 24;
}

/* A guest with a timer: how it is started, whether it halts. */
bool detach_timer(u32 lvtt, u32 tdcr, u32 tmict, bool halts)
{
	setup_detached(guest_timer, KVM_CARETAKER_CCB_X2APIC);
	cpuid_deadline();
	GPR(10) = tdcr;
	GPR(11) = lvtt;
	GPR(12) = tmict;
	GPR(13) = halts;
	if (!arm())
		return false;
	run();
	return true;
}

static bool no_trace(void)
{
	bool ok = check("ISR", LAPIC_REG(0x110) | LAPIC_REG(0x120), 0);

	ok &= check("V_IRQ", arena->gap_vmcb.int_ctl & VMCB_V_IRQ, 0);
	ok &= check("stalls", arena->telemetry.nr_stalls, 0);
	ok &= check("stray", arena->telemetry.stray, 0);
	return ok;
}

/* Counts are exact: no interrupt is lost or comes twice, and none is left at the end. */
static bool ticks(u32 count, u64 distance)
{
	bool ok;

	setup_detached(guest_ticks, KVM_CARETAKER_CCB_X2APIC);
	LAPIC_REG(0x320) = 0x40040;
	GPR(KVM_CARETAKER_RBX) = count;
	GPR(KVM_CARETAKER_RSI) = distance;
	ok = arm();
	run();
	ok = ok && wait_state(RUNNING) && wait_counter(count);
	ok = ok && wait_for("flags", &C.flags, KVM_CARETAKER_CCB_XSAVE |
			    KVM_CARETAKER_CCB_X2APIC | KVM_CARETAKER_CCB_HALTED);
	delay(5 * MS);
	ok = ok && adopt(KVM_CARETAKER_RUNNING);
	ok &= check("timer interrupts", GPR(8), count);
	ok &= check("self-IPIs", guest_count(), count);
	ok &= check("expiries", arena->telemetry.timer_fired, count);
	ok &= check("IRR", LAPIC_REG(0x210) | LAPIC_REG(0x220), 0);
	ok &= check("event", arena->gap_vmcb.exit_int_info & VMCB_EVENT_VALID, 0);
	ok &= check("expiry", C.timer_expiry, 0);
	return ok & no_trace();
}

static void test_ticks(void)
{
	report("deadline timer interrupts and self-IPIs in HLT", ticks(10, 2 * MS));
}

/* The shorter the distance, the nearer is the expiry to the moment of halting. */
static void test_lost_wakeup(void)
{
	bool ok = true;
	u32 i;

	for (i = 0; ok && i < 10; i++)
		ok = ticks(400, (MS >> 8) << i % 5);
	report("4000 expiries around the moment of halting wake the guest", ok);
}

static bool timer(u32 lvtt, u32 tmict, bool halts, u64 count)
{
	bool ok = detach_timer(lvtt, 0xb, tmict, halts);

	ok = ok && wait_value("ticks", &guest_ticked, count);
	ok = ok && adopt(KVM_CARETAKER_RUNNING);
	ok &= check("expiries", arena->telemetry.timer_fired >= guest_ticked, 1);
	ok &= check("own interrupts", arena->telemetry.timer_irqs > 0, 1);
	return ok & no_trace();
}

static void test_no_exits(void)
{
	report("timer interrupts a guest that never exits", timer(0x20041, 1000000, false, 50));
}

static void test_periodic_hlt(void)
{
	bool ok = timer(0x20041, 1000000, true, 50);

	ok &= check("halts", arena->telemetry.halts > 0, 1);
	report("periodic timer wakes a guest in HLT", ok);
}

/* The count that is left at park is what the kernel starts its timer from. */
static void test_park_timer(void)
{
	bool ok = detach_timer(0x41, 0xa, 0xf0000000, false) && wait_counter(1000);

	ok = ok && adopt(KVM_CARETAKER_RUNNING);
	ok &= check("expiry ahead", C.timer_expiry > now(), 1);
	ok &= check("TMICT", LAPIC_REG(0x380), 0xf0000000);
	ok &= check("LVTT", LAPIC_REG(0x320), 0x41);
	ok &= check("ticks", guest_ticked, 0);
	report("running one-shot timer is left to the kernel", ok);
}

static bool long_deadline(u64 ms)
{
	u64 expiry;
	bool ok;

	setup_detached(guest_timer, KVM_CARETAKER_CCB_X2APIC);
	GPR(12) = 0;
	GPR(13) = 1;
	LAPIC_REG(0x320) = 0x40041;
	ok = arm();
	expiry = now() + ms * MS;
	C.timer_expiry = expiry;
	run();
	ok = ok && wait_value("ticks", &guest_ticked, 1);
	ok &= check("not early", now() >= expiry, 1);
	ok = ok && adopt(KVM_CARETAKER_RUNNING);
	ok &= check("own interrupts", arena->telemetry.timer_irqs > 0, 1);
	return ok & no_trace();
}

/*
 * Longer than one step of the own timer, and shorter than it could count. On a machine that stands
 * still in between the second step may find the time over: then there was one, as without steps,
 * and the next try is longer.
 */
static void test_long_deadline(void)
{
	static const u32 tries[] = { 1500, 3000, 4000, 4000, 4000 };
	bool ok, steps = false;
	u32 i;

	for (i = 0, ok = true; ok && !steps && i < sizeof(tries) / sizeof(tries[0]); i++) {
		ok = long_deadline(tries[i]);
		steps = arena->telemetry.timer_irqs >= 2;
	}
	report("expiry far ahead is reached in steps", ok & check("more than one step", steps, 1));
}

/* A LAPIC that was left enabled takes them: nothing may come after the pCPU let go. */
static void test_quiet_after_park(void)
{
	bool ok = detach_timer(0x20041, 0xb, 300000, false);
	u64 irqs;

	ok = ok && wait_value("ticks", &guest_ticked, 5);
	ok = ok && adopt(KVM_CARETAKER_RUNNING);
	irqs = arena->telemetry.timer_irqs;
	ipi(0x40f1);
	delay(20 * MS);
	ok &= check("own interrupts", arena->telemetry.timer_irqs, irqs);
	ok &= check("pcpu", C.pcpu, KVM_CARETAKER_PCPU_HALTED);
	report("parked pCPU has its timer stopped", ok);
}

void test_timers(void)
{
	test_ticks();
	test_lost_wakeup();
	test_no_exits();
	test_periodic_hlt();
	test_park_timer();
	test_long_deadline();
	test_quiet_after_park();
	x2apic_set(true);
	report("x2APIC host: deadline timer in HLT", ticks(100, MS / 4));
	report("x2APIC host: timer without exits", timer(0x20041, 1000000, false, 20));
	x2apic_set(false);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the payload core: the pCPU's own LAPIC.
 */
#include "harness.h"

#define HOST(offset)	h.host[(offset) / 16]
#define SECOND		(HARNESS_TSC_KHZ * 1000ULL)

static void begin(u32 khz)
{
	ccb.host_apic_khz = khz;
	ccb.state = KVM_CARETAKER_RUNNING;
	memset(h.host, 0, sizeof(h.host));
	h.host_deadline = 77;
	HOST(0x380) = 77;
}

static void test_enable(void)
{
	begin(1000000);
	HOST(0x30) = 0x50014;
	HOST(0x80) = 0x20;
	HOST(0x340) = 0x400;
	HOST(0x2f0) = HOST(0x500) = 1;
	payload_apic_enable();
	EXPECT_EQ(HOST(0xf0), 0x1ff);
	EXPECT_EQ(HOST(0x80), 0);
	EXPECT_EQ(HOST(0x320), 0xf0);
	EXPECT_EQ(HOST(0x3e0), 0xb);
	EXPECT_EQ(HOST(0x380), 0);
	EXPECT_EQ(h.host_deadline, 77);
	EXPECT(HOST(0x330) & HOST(0x350) & HOST(0x360) & HOST(0x370) & 0x10000);
	EXPECT_EQ(HOST(0x340), 0x10400);
	EXPECT_EQ(HOST(0x2f0), 1);
	EXPECT_EQ(HOST(0x500), 1);
}

static void test_enable_few(void)
{
	begin(1000000);
	HOST(0x30) = 0x20010;
	payload_apic_enable();
	EXPECT_EQ(HOST(0x370) | HOST(0x340) | HOST(0x330) | HOST(0x2f0), 0);
	EXPECT_EQ(HOST(0x350), 0x10000);
}

static void test_enable_all(void)
{
	begin(0);
	HOST(0x30) = 0x80060010;
	HOST(0x400) = 0x40007;
	payload_apic_enable();
	EXPECT_EQ(HOST(0x2f0), 0x10000);
	EXPECT(HOST(0x500) & HOST(0x510) & HOST(0x520) & HOST(0x530) & 0x10000);
	EXPECT_EQ(HOST(0x540), 0);
	EXPECT_EQ(HOST(0x320), 0x400f0);
	EXPECT_EQ(h.host_deadline, 0);
	EXPECT_EQ(HOST(0x380), 77);
}

static void test_disable(void)
{
	begin(1000000);
	payload_apic_enable();
	payload_apic_timer(5000);
	payload_apic_disable();
	EXPECT_EQ(HOST(0xf0), 0xff);
	EXPECT_EQ(HOST(0x320), 0x100f0);
	EXPECT_EQ(HOST(0x380), 0);
	begin(0);
	payload_apic_enable();
	payload_apic_timer(5000);
	payload_apic_disable();
	EXPECT_EQ(h.host_deadline, 0);
}

/* 2 GHz TSC, 1 GHz timer */
static void test_ticks(void)
{
	begin(1000000);
	payload_apic_enable();
	h.tsc = 1000;
	payload_apic_timer(1010 + 8000);
	EXPECT_EQ(HOST(0x380), 4001);
}

static void test_past(void)
{
	begin(1000000);
	payload_apic_enable();
	h.tsc = 1000000;
	payload_apic_timer(1);
	EXPECT_EQ(HOST(0x380), 1);
}

static void test_steps(void)
{
	u64 target = 10 * SECOND + 1000;
	u32 i;

	begin(1000000);
	payload_apic_enable();
	for (i = 0; i < 10; i++) {
		payload_apic_timer(target);
		EXPECT_EQ(HOST(0x380), 1000000001);
		h.tsc += SECOND;
		payload_apic_event(0xf0);
	}
	payload_apic_timer(target);
	EXPECT(HOST(0x380) < 1000);
	EXPECT_EQ(h.telemetry.timer_irqs, 10);
}

static void test_fast_timer(void)
{
	begin(0xffffffff);
	payload_apic_enable();
	payload_apic_timer(~0ULL);
	EXPECT_EQ(HOST(0x380), 0xffffffff);
}

static void test_lazy(void)
{
	begin(0);
	payload_apic_enable();
	payload_apic_timer(5000);
	EXPECT_EQ(h.host_deadline, 5000);
	payload_apic_timer(6000);
	EXPECT_EQ(h.host_deadline, 5000);
	payload_apic_timer(4000);
	EXPECT_EQ(h.host_deadline, 4000);
	payload_apic_event(0xf0);
	payload_apic_timer(6000);
	EXPECT_EQ(h.host_deadline, 6000);
}

/* The guest's expiry, or an earlier "soon", which counts for one entry. */
static void test_arm(void)
{
	begin(0);
	payload_apic_enable();
	payload_timer_arm();
	EXPECT_EQ(h.host_deadline, 0);
	ccb.timer_expiry = SECOND;
	payload_timer_soon();
	payload_timer_arm();
	EXPECT(h.host_deadline > h.tsc && h.host_deadline <= h.tsc + 200001);
	payload_apic_event(0xf0);
	payload_timer_arm();
	EXPECT_EQ(h.host_deadline, SECOND);
}

/* The LAPIC's own, and every other vector */
static void test_events(void)
{
	u32 vector, stray = 0;

	begin(0);
	for (vector = 32; vector < 256; vector++) {
		HOST(0xb0) = 1;
		ccb.kicked = 0;
		payload_apic_event(vector);
		EXPECT_EQ(HOST(0xb0), vector == 0xff);
		EXPECT_EQ(ccb.kicked, 1);
		stray += vector != 0xf0 && vector != 0xf1;
		EXPECT_EQ(h.telemetry.stray, stray);
		if (vector != 0xf0 && vector != 0xf1)
			EXPECT_EQ(h.telemetry.stray_vector, vector);
	}
	EXPECT(h.telemetry.stray_tsc);
	HOST(0xb0) = 1;
	payload_apic_event(2);
	EXPECT_EQ(HOST(0xb0), 1);
	EXPECT_EQ(h.telemetry.stray_vector, 2);
}

/* Kicks of the kernel, and what the host left */
static void test_not_stray(void)
{
	static const u32 states[] = {
		KVM_CARETAKER_EMPTY, KVM_CARETAKER_ATTACHED, KVM_CARETAKER_DETACHING,
		KVM_CARETAKER_ADOPTING, KVM_CARETAKER_PARKED, KVM_CARETAKER_FAULTED,
	};
	u32 i;

	begin(0);
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		ccb.state = states[i];
		ccb.kicked = 0;
		payload_apic_event(2);
		payload_apic_event(0x33);
		EXPECT_EQ(ccb.kicked, 1);
	}
	EXPECT_EQ(h.telemetry.stray, 0);
	ccb.state = KVM_CARETAKER_STALLED;
	payload_apic_event(2);
	EXPECT_EQ(h.telemetry.stray, 1);
}

const struct test tests_apic[] = {
	{ "apic: enabled with all entries masked but the timer", test_enable },
	{ "apic: entries that the CPU does not have are left alone", test_enable_few },
	{ "apic: CMCI and extended entries are masked, deadline mode", test_enable_all },
	{ "apic: disabled with nothing armed", test_disable },
	{ "apic: timer ticks", test_ticks },
	{ "apic: time in the past is one tick away", test_past },
	{ "apic: long time in steps of a second", test_steps },
	{ "apic: count does not overflow", test_fast_timer },
	{ "apic: timer is set only for an earlier time", test_lazy },
	{ "apic: guest's expiry or an earlier wish", test_arm },
	{ "apic: every vector is counted and acknowledged, but spurious", test_events },
	{ "apic: kicks of the kernel are not stray", test_not_stray },
	{ NULL, NULL },
};

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

#define EOI_NONE 0x5a

static bool in_service(u32 vector)
{
	return HOST(0x100 + vector / 32 * 16) >> vector % 32 & 1;
}

/* An event with a vector: delivered by the LAPIC and in service there, or in some other way */
static void event(u32 vector, bool serviced, bool eoi, u32 stray)
{
	HOST(0x100 + vector / 32 * 16) = (u32)serviced << vector % 32;
	HOST(0xb0) = EOI_NONE;
	ccb.kicked = 0;
	payload_apic_event(vector);
	EXPECT_EQ(HOST(0xb0), eoi ? 0 : EOI_NONE);
	EXPECT_EQ(in_service(vector), serviced);	/* EOI alone ends it */
	EXPECT_EQ(ccb.kicked, 1);
	EXPECT_EQ(h.telemetry.stray, stray);
	if (vector != 0xf0 && vector != 0xf1)
		EXPECT_EQ(h.telemetry.stray_vector, vector);
	HOST(0x100 + vector / 32 * 16) = 0;
}

/* The LAPIC's own, and every other vector of 15 priority classes: what is in service has an end */
static void test_events(void)
{
	u32 vector, stray = 0;

	begin(0);
	payload_apic_enable();
	for (vector = 16; vector < 256; vector++) {
		stray += vector != 0xf0 && vector != 0xf1;
		event(vector, true, true, stray);
	}
	EXPECT(h.telemetry.stray_tsc);
}

/* What the LAPIC has not put in service: its spurious vector, NMI, #MC, a redirected INIT */
static void test_events_without_end(void)
{
	static const u32 vectors[] = { 0xff, 2, 18, 30 };
	u32 i;

	begin(0);
	payload_apic_enable();
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		event(vectors[i], false, false, i + 1);
}

/* Then its registers may not even be mapped. */
static void test_events_while_off(void)
{
	begin(0);
	payload_apic_enable();
	payload_apic_disable();
	HOST(0x170) = 1U << 31;
	EXPECT(!payload_apic_in_service(0xff));
	payload_apic_enable();
	EXPECT(payload_apic_in_service(0xff) && !payload_apic_in_service(0xfe));
	HOST(0x100) = 1 << 18;
	EXPECT(payload_apic_in_service(18) && !payload_apic_in_service(14));
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
	{ "apic: every vector that is in service is counted and acknowledged", test_events },
	{ "apic: spurious, NMI, #MC, INIT are counted and have no EOI", test_events_without_end },
	{ "apic: nothing is in service while it is off", test_events_while_off },
	{ "apic: kicks of the kernel are not stray", test_not_stray },
	{ NULL, NULL },
};

// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the payload core: the guest's LAPIC timer while detached.
 */
#include "harness.h"

#define EVENT(v)	(VMCB_EVENT_VALID | (v))
#define ONESHOT		0
#define PERIODIC	0x20000
#define DEADLINE	0x40000

static void begin(u32 mode)
{
	ccb.flags |= KVM_CARETAKER_CCB_X2APIC;
	h.vmcb.int_state = 0;
	h.vmcb.rflags |= RFLAGS_IF;
	h.vmcb.event_inj = 0;
	*lapic_at(0x320) = mode | 0xec;
}

/* Leaf 1 as a guest has it that may use deadline mode, or not */
static void leaf_1(bool deadline)
{
	cpuid_add(1, 0, 0, 0);
	h.meta.cpuid[KVM_CARETAKER_CPUID_HASH(1)].ecx = deadline ? 1 << 24 : 0;
}

static bool write(u32 msr, u64 value)
{
	return payload_lapic_write(&h.vmcb, msr, value);
}

static u64 count(void)
{
	u64 value = ~0ULL;

	EXPECT(payload_lapic_read(&h.vmcb, 0x839, &value));
	return value;
}

static void test_deadline(void)
{
	begin(DEADLINE);
	h.vmcb.tsc_offset = -1000;
	h.tsc = 50000;
	EXPECT_EQ(wrmsr(0x6e0, 50000), PAYLOAD_ENTER);
	EXPECT_EQ(ccb.timer_expiry, 51000);
	EXPECT_EQ(h.vmcb.event_inj, 0);
	EXPECT_EQ(payload_deadline_read(), 50000);
	h.tsc = 51000;
	exit_detached(VMEXIT_PAUSE);
	EXPECT_EQ(h.vmcb.event_inj, EVENT(0xec));
	EXPECT_EQ(ccb.timer_expiry, 0);
	EXPECT_EQ(payload_deadline_read(), 0);
	wrmsr(0x80b, 0);
	EXPECT_EQ(h.vmcb.event_inj, 0);
}

static void test_deadline_past(void)
{
	begin(DEADLINE);
	h.vmcb.tsc_offset = 1000000;
	wrmsr(0x6e0, 5);
	EXPECT_EQ(h.vmcb.event_inj, EVENT(0xec));
	EXPECT_EQ(ccb.timer_expiry, 0);
}

/* ~0 - 999 wraps as a host TSC, the others are above the sign bit. */
static void test_deadline_far(void)
{
	static const u64 far[] = { ~0ULL - 999, ~0ULL, 1ULL << 63, (1ULL << 63) - 1 };
	u32 i;

	for (i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		harness_reset();
		begin(DEADLINE);
		h.vmcb.tsc_offset = -1000;
		h.tsc = 50000;
		EXPECT_EQ(wrmsr(0x6e0, far[i]), PAYLOAD_ENTER);
		EXPECT_EQ(payload_deadline_read(), far[i]);
		h.tsc = 1ULL << 62;
		exit_detached(VMEXIT_PAUSE);
		EXPECT_EQ(h.vmcb.event_inj, 0);
		EXPECT_EQ(payload_deadline_read(), far[i]);
	}
}

static void test_deadline_off(void)
{
	begin(DEADLINE);
	wrmsr(0x6e0, 1000000);
	wrmsr(0x6e0, 0);
	EXPECT_EQ(ccb.timer_expiry, 0);
	*lapic_at(0x320) = 0xec;
	EXPECT_EQ(wrmsr(0x6e0, 5), PAYLOAD_ENTER);
	EXPECT_EQ(ccb.timer_expiry, 0);
}

static void test_masked(void)
{
	begin(DEADLINE);
	*lapic_at(0x320) |= 1 << 16;
	wrmsr(0x6e0, 5);
	EXPECT_EQ(h.vmcb.event_inj, 0);
	EXPECT(!lapic_bit(0x200, 0xec));
	EXPECT_EQ(ccb.timer_expiry, 0);
}

static void test_periodic(void)
{
	begin(DEADLINE);
	*lapic_at(0x320) = 0x20000 | 0xec;
	ccb.timer_expiry = 1000;
	ccb.timer_period = 500;
	h.tsc = 2740;
	exit_detached(VMEXIT_PAUSE);
	EXPECT_EQ(h.vmcb.event_inj, EVENT(0xec));
	EXPECT_EQ(ccb.timer_expiry, 3000);
	exit_detached(VMEXIT_PAUSE);
	EXPECT(!lapic_bit(0x200, 0xec));
}

/* 2 GHz TSC, 1 ns per tick of a divider of 1: two cycles per tick */
static void test_oneshot(void)
{
	begin(ONESHOT);
	*lapic_at(0x3e0) = 0xb;
	h.tsc = 1000000 - 10;	/* #VMEXIT reads it, too */
	EXPECT_EQ(wrmsr(0x838, 50000), PAYLOAD_ENTER);
	EXPECT_EQ(ccb.timer_expiry, 1000010 + 100000);
	EXPECT_EQ(ccb.timer_period, 0);
	EXPECT_EQ(*lapic_at(0x380), 50000);
	h.tsc = 1000010 + 40000 - 20;
	EXPECT_EQ(count(), 30000);
	h.tsc = 1000010 + 100000;
	exit_detached(VMEXIT_PAUSE);
	EXPECT_EQ(h.vmcb.event_inj, EVENT(0xec));
	EXPECT_EQ(ccb.timer_expiry, 0);
	EXPECT_EQ(count(), 0);
	EXPECT_EQ(h.telemetry.timer_fired, 1);
}

static void test_divider(void)
{
	static const struct { u32 tdcr, divider; } dividers[] = {
		{ 0, 2 }, { 1, 4 }, { 2, 8 }, { 3, 16 }, { 8, 32 }, { 9, 64 }, { 10, 128 },
		{ 11, 1 },
	};
	u32 i;

	for (i = 0; i < 8; i++) {
		harness_reset();
		begin(ONESHOT);
		EXPECT(write(0x83e, 0xfffffff4 | dividers[i].tdcr));
		EXPECT_EQ(*lapic_at(0x3e0), dividers[i].tdcr);
		EXPECT(write(0x838, 1000));
		EXPECT_EQ(ccb.timer_expiry - h.tsc, 2000 * dividers[i].divider);
	}
}

static void test_divider_running(void)
{
	begin(ONESHOT);
	*lapic_at(0x3e0) = 0xb;
	write(0x838, 100000);
	h.tsc = ccb.timer_expiry - 1000 - 20;
	EXPECT(write(0x83e, 3));
	EXPECT_EQ(ccb.timer_expiry - h.tsc, 1010 * 16);
	h.tsc = ccb.timer_expiry + 1000;
	exit_detached(VMEXIT_PAUSE);
	EXPECT(write(0x83e, 0xb));
	EXPECT_EQ(ccb.timer_expiry, 0);
}

static void test_periodic_start(void)
{
	begin(PERIODIC);
	*lapic_at(0x3e0) = 3;
	EXPECT(write(0x838, 62500));	/* 16 ns per tick: 1 ms */
	EXPECT_EQ(ccb.timer_period, 2000000);
	EXPECT_EQ(ccb.timer_expiry, h.tsc + 2000000);
	h.tsc += 2500000;
	exit_detached(VMEXIT_PAUSE);
	EXPECT_EQ(h.vmcb.event_inj, EVENT(0xec));
	EXPECT(count() > 46800 && count() < 46875);
	EXPECT(write(0x838, 0));
	EXPECT_EQ(ccb.timer_expiry, 0);
	EXPECT_EQ(ccb.timer_period, 0);
	EXPECT_EQ(count(), 0);
}

/* As KVM does: no guest makes the pCPU do nothing but ticks. */
static void test_shortest_period(void)
{
	begin(PERIODIC);
	*lapic_at(0x3e0) = 0xb;
	EXPECT(write(0x838, 10));
	EXPECT_EQ(ccb.timer_period, 400000);
	begin(ONESHOT);
	EXPECT(write(0x838, 10));
	EXPECT_EQ(ccb.timer_expiry, h.tsc + 20);
}

static void test_modes(void)
{
	begin(ONESHOT);
	leaf_1(true);
	*lapic_at(0x3e0) = 0xb;
	write(0x838, 1000000);
	EXPECT(write(0x832, PERIODIC | 0x1eb));
	EXPECT_EQ(*lapic_at(0x320), PERIODIC | 0xeb);
	EXPECT_EQ(ccb.timer_period, 2000000);
	EXPECT(ccb.timer_expiry && *lapic_at(0x380) == 1000000);
	EXPECT(write(0x832, ONESHOT | 0xeb));
	EXPECT(ccb.timer_expiry && !ccb.timer_period);
	EXPECT(write(0x832, DEADLINE | 0xeb));
	EXPECT(!ccb.timer_expiry && !*lapic_at(0x380));
	EXPECT(write(0x838, 77));	/* ignored */
	EXPECT(!ccb.timer_expiry && !*lapic_at(0x380));
	EXPECT_EQ(count(), 0);
	wrmsr(0x6e0, 1000000000);
	EXPECT(ccb.timer_expiry);
	EXPECT(write(0x832, DEADLINE | 0x100ec));
	EXPECT(ccb.timer_expiry);
	EXPECT(write(0x832, ONESHOT | 0xec));
	EXPECT(!ccb.timer_expiry && !ccb.tsc_deadline);
	EXPECT(!write(0x832, 0x600ec));
	EXPECT_EQ(*lapic_at(0x320), ONESHOT | 0xec);
}

static void test_modes_of_cpuid(void)
{
	begin(ONESHOT);
	EXPECT(!write(0x832, 0xec));
	leaf_1(false);
	EXPECT(write(0x832, 0xffffffff));
	EXPECT_EQ(*lapic_at(0x320), PERIODIC | 0x110ff);
}

static void test_lvt_disabled(void)
{
	begin(ONESHOT);
	leaf_1(true);
	*lapic_at(0xf0) = 0xff;
	EXPECT(write(0x832, 0xec));
	EXPECT_EQ(*lapic_at(0x320), 0x100ec);
}

static void test_unknown_frequency(void)
{
	u64 value;

	begin(ONESHOT);
	leaf_1(true);
	ccb.apic_cycle_ns = 0;
	EXPECT(!write(0x838, 5) && !write(0x83e, 0) && !write(0x832, 0xec));
	EXPECT(!payload_lapic_read(&h.vmcb, 0x839, &value));
	ccb.apic_cycle_ns = 1;
	ccb.tsc_khz = 0;
	EXPECT(!write(0x838, 5) && !payload_lapic_read(&h.vmcb, 0x839, &value));
}

static void wait_for_expiry(void)
{
	if (h.idles > 1)
		ccb.state = KVM_CARETAKER_ADOPTING;
	h.tsc = ccb.timer_expiry;
}

static void test_hlt(void)
{
	begin(DEADLINE);
	wrmsr(0x6e0, 1000000000);
	h.on_idle = wait_for_expiry;
	EXPECT_EQ(exit_detached(VMEXIT_HLT), PAYLOAD_ENTER);
	EXPECT_EQ(h.idles, 1);
	EXPECT_EQ(h.vmcb.event_inj, EVENT(0xec));
	EXPECT(!(ccb.flags & KVM_CARETAKER_CCB_HALTED));
}

static void test_longest(void)
{
	begin(ONESHOT);
	*lapic_at(0x3e0) = 10;
	ccb.apic_cycle_ns = 40;
	EXPECT(write(0x838, 0xffffffff));
	EXPECT_EQ(ccb.timer_expiry - h.tsc, 0xffffffffULL * 128 * 40 * 2);
	EXPECT(count() > 0xfffffff0);
}

const struct test tests_timer[] = {
	{ "timer: deadline fires once, with the TSC offset", test_deadline },
	{ "timer: deadline in the past fires at once", test_deadline_past },
	{ "timer: deadline beyond the host's TSC never fires", test_deadline_far },
	{ "timer: deadline 0 disarms, ignored in other modes", test_deadline_off },
	{ "timer: masked LVT drops the interrupt", test_masked },
	{ "timer: missed periods are one interrupt", test_periodic },
	{ "timer: one-shot counts down and fires once", test_oneshot },
	{ "timer: dividers", test_divider },
	{ "timer: new divider stretches what is left", test_divider_running },
	{ "timer: periodic starts, counts, stops", test_periodic_start },
	{ "timer: shortest period is that of KVM", test_shortest_period },
	{ "timer: mode changes keep or stop it as in KVM", test_modes },
	{ "timer: modes are those of the guest's CPUID", test_modes_of_cpuid },
	{ "timer: LVT stays masked while soft-disabled", test_lvt_disabled },
	{ "timer: nothing is counted with unknown frequencies", test_unknown_frequency },
	{ "timer: expiry ends HLT", test_hlt },
	{ "timer: longest count", test_longest },
	{ NULL, NULL },
};

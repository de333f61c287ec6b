// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the payload core: interrupts between vCPUs while detached.
 */
#include "harness.h"

#define NR	5
#define SELF	2
#define ALL	0x1f
#define BOX(n)	h.peers.box[n]
#define LOGICAL	0x800
#define NMI	0x400
#define LOWEST	0x100
#define TO(id)	((u64)(u32)(id) << 32)

/* Takes what was sent: a bit for each vCPU that got vector 0x41 and nothing else. */
static u32 received(void)
{
	u32 i, who = 0;

	for (i = 0; i < NR; i++) {
		if (!BOX(i).pending)
			continue;
		EXPECT_EQ(BOX(i).pending, KVM_CARETAKER_PEND_IRQ);
		EXPECT_EQ(BOX(i).irr[2], 2);
		BOX(i).pending = BOX(i).irr[2] = 0;
		who |= 1 << i;
	}
	if (lapic_bit(0x200, 0x41)) {
		*lapic_at(0x220) = 0;
		who |= 1 << SELF;
	}
	return who;
}

static bool icr(u64 value)
{
	return payload_lapic_write(&h.vmcb, 0x830, value);
}

static void test_destinations(void)
{
	static const struct { u64 icr; u32 who; } sends[] = {
		{ TO(0), 0x01 }, { TO(SELF), 0x04 }, { TO(4), 0x10 },
		{ TO(5), 0 }, { TO(0xff), 0 }, { TO(0xfffffffe), 0 },	/* nobody there */
		{ TO(0xffffffff), ALL }, { TO(0xffffffff) | LOGICAL, ALL },
		{ 0x40000, 0x04 }, { 0x80000, ALL }, { 0xc0000, ALL & ~0x04 },
		{ 0x40000 | TO(4), 0x04 }, { 0xc0000 | LOGICAL, ALL & ~0x04 },
		{ TO(0x1) | LOGICAL, 0x01 }, { TO(0x1a) | LOGICAL, 0x1a },
		{ TO(0xffff) | LOGICAL, ALL }, { TO(0xffe0) | LOGICAL, 0 }, { LOGICAL, 0 },
		{ TO(0x10001) | LOGICAL, 0 }, { TO(0x4000) | 0x4000, 0 }, { TO(3) | 0x4000, 0x08 },
		{ TO(3) | 0x1000, 0x08 },	/* BUSY is ignored */
		{ TO(3) | LOWEST, 0x08 },
	};
	u32 i;

	peers_set(NR, SELF);
	for (i = 0; i < sizeof(sends) / sizeof(sends[0]); i++) {
		u64 value = ~0ULL;

		EXPECT(icr(sends[i].icr | 0x41));
		EXPECT_EQ(received(), sends[i].who);
		EXPECT(payload_lapic_read(&h.vmcb, 0x830, &value));
		EXPECT_EQ(value, (sends[i].icr & ~0x1000ULL) | 0x41);
	}
}

/* vCPUs 0, 1 and 16, 17 */
static void test_clusters(void)
{
	peers_set(4, 0);
	BOX(2).x2apic_id = 16;
	BOX(3).x2apic_id = 17;
	EXPECT(icr(TO(0x10003) | LOGICAL | 0x41));
	EXPECT(!BOX(1).pending && BOX(2).pending && BOX(3).pending);
	EXPECT_EQ(h.kicks, 2);
	EXPECT(icr(TO(0x00002) | LOGICAL | 0x41));
	EXPECT(BOX(1).pending && !lapic_bit(0x200, 0x41));
}

/* The vector picks among the bits, also among those that nobody has, as KVM's hash does. */
static void test_lowest(void)
{
	static const struct { u32 dest, vector, who; } sends[] = {
		{ 0x1b, 0x40, 0 }, { 0x1b, 0x41, 1 }, { 0x1b, 0x42, 3 }, { 0x1b, 0x43, 4 },
		{ 0x10, 0x45, 4 }, { 0x30, 0x40, 4 }, { 0x30, 0x41, NR }, { 0x8002, 0x42, 1 },
		{ 0, 0x41, NR },
	};
	u32 i, j;

	for (i = 0; i < sizeof(sends) / sizeof(sends[0]); i++) {
		harness_reset();
		peers_set(NR, SELF);
		EXPECT(icr(TO(sends[i].dest) | LOGICAL | LOWEST | sends[i].vector));
		for (j = 0; j < NR; j++)
			EXPECT_EQ(!!BOX(j).pending, j == sends[i].who);
	}
	EXPECT(!icr(0xc0000 | LOWEST | 0x41));
	EXPECT(!icr(TO(0xffffffff) | LOWEST | 0x41));
}

/* SMI, read, INIT, SIPI, ExtINT, level-triggered, reserved bits */
static void test_refused(void)
{
	static const u64 values[] = {
		0x200, 0x300, 0x500, 0x600, 0x700, 0x8000, 0xc400, 0x2000, 0x10000, 0x20000,
		0x100000, 0x80000000,
	};
	u32 i;

	peers_set(NR, SELF);
	*lapic_at(0x300) = 77;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		EXPECT(!icr(TO(3) | values[i] | 0x41));
	EXPECT_EQ(received() | h.kicks | h.telemetry.ipi_sent, 0);
	EXPECT_EQ(*lapic_at(0x300), 77);
}

/* All or nothing */
static void test_closed(void)
{
	peers_set(NR, SELF);
	BOX(4).open = 0;
	EXPECT(!icr(TO(4) | 0x41) && !icr(TO(0x1a) | LOGICAL | 0x41) && !icr(0x80000 | 0x41));
	EXPECT(!icr(TO(0xffffffff) | 0x41) && !icr(0xc0000 | 0x41));
	EXPECT_EQ(received() | h.kicks | h.telemetry.ipi_sent, 0);
	EXPECT(icr(TO(0xb) | LOGICAL | 0x41) && icr(TO(5) | 0x41) && icr(0x40000 | 0x41));
	EXPECT_EQ(received(), 0xf);
	BOX(SELF).open = 0;	/* it is running here, so it takes what it sends itself */
	EXPECT(icr(TO(SELF) | 0x41));
	EXPECT_EQ(received(), 0x4);
}

/* A box that was never filled may be that of any vCPU. */
static void test_unknown(void)
{
	peers_set(NR, SELF);
	BOX(4) = (struct kvm_caretaker_mailbox){ 0 };
	EXPECT(!icr(TO(4) | 0x41) && !icr(TO(1) | LOGICAL | 0x41) && !icr(0xc0000 | 0x41));
	EXPECT_EQ(received(), 0);
	EXPECT(icr(TO(1) | 0x41) && icr(TO(SELF) | 0x41) && icr(0x40000 | 0x41));
	EXPECT_EQ(received(), 0x6);
}

static void test_alone(void)
{
	ccb.flags |= KVM_CARETAKER_CCB_X2APIC;
	*lapic_at(0xd0) = 0x30000 | 1 << 4;	/* ID 0x34 */
	EXPECT(icr(TO(0x34) | 0x41));
	EXPECT(lapic_bit(0x200, 0x41));
	*lapic_at(0x220) = 0;
	EXPECT(icr(0x40000 | 0x41));
	EXPECT(lapic_bit(0x200, 0x41));
	EXPECT(!icr(TO(0x35) | 0x41) && !icr(0x80000 | 0x41) && !icr(TO(0xffffffff) | 0x41));
	harness_reset();
	peers_set(1, 0);
	EXPECT(icr(TO(0) | 0x41) && lapic_bit(0x200, 0x41));
	EXPECT(icr(0xc0000 | 0x41) && icr(TO(1) | 0x41));
	EXPECT_EQ(h.kicks, 0);
}

/* Numbers that a broken page could hold must not lead out of it. */
static void test_bad_page(void)
{
	peers_set(NR, SELF);
	h.peers.nr = 0xffffffff;
	ccb.self = 63;
	EXPECT(!icr(TO(1) | 0x41));
	payload_mail_take();
	EXPECT(!payload_mail_waits());
	ccb.self = 62;
	EXPECT(icr(TO(1) | 0x41));
}

static void test_kick_once(void)
{
	peers_set(NR, SELF);
	EXPECT(icr(TO(3) | 0x41));
	EXPECT_EQ(h.kicks, 1);
	EXPECT_EQ(h.kicked_id, 0x13);
	EXPECT(icr(TO(3) | 0xe3) && icr(TO(3) | NMI));
	EXPECT_EQ(h.kicks, 1);
	EXPECT_EQ(BOX(3).pending, KVM_CARETAKER_PEND_IRQ | KVM_CARETAKER_PEND_NMI);
	EXPECT_EQ(BOX(3).irr[2], 2);
	EXPECT_EQ(BOX(3).irr[7], 8);
	EXPECT_EQ(h.telemetry.ipi_sent, 3);
	EXPECT_EQ(h.telemetry.ipi_kicks, 1);
}

static void begin_receiver(void)
{
	peers_set(NR, SELF);
	h.vmcb.rflags |= RFLAGS_IF;
	h.vmcb.int_state = 0;
	h.vmcb.event_inj = 0;
	BOX(SELF).irr[2] = 2;
	BOX(SELF).irr[7] = 8;
	BOX(SELF).pending = KVM_CARETAKER_PEND_IRQ;
	*lapic_at(0x180 + 0x70) = 8;
}

static void test_receive(void)
{
	begin_receiver();
	EXPECT_EQ(exit_detached(VMEXIT_INTR), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.event_inj, VMCB_EVENT_VALID | 0xe3);
	EXPECT(lapic_bit(0x100, 0xe3) && lapic_bit(0x200, 0x41) && !lapic_bit(0x180, 0xe3));
	EXPECT(!BOX(SELF).pending && !BOX(SELF).irr[2] && !BOX(SELF).irr[7]);
	EXPECT_EQ(h.telemetry.ipi_received, 1);
	EXPECT_EQ(h.telemetry.injected, 1);
}

static void test_receive_disabled(void)
{
	begin_receiver();
	*lapic_at(0xf0) = 0xff;
	EXPECT_EQ(exit_detached(VMEXIT_INTR), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.event_inj, 0);
	EXPECT(!lapic_bit(0x200, 0xe3) && !BOX(SELF).irr[7]);
}

static void post_to_self(void)
{
	EXPECT(!payload_wanted());
	BOX(SELF).irr[2] = 2;
	BOX(SELF).pending = KVM_CARETAKER_PEND_IRQ;
	EXPECT(payload_wanted());
}

static void test_wakes(void)
{
	begin_receiver();
	BOX(SELF) = (struct kvm_caretaker_mailbox){ .x2apic_id = SELF, .open = 1 };
	h.on_idle = post_to_self;
	EXPECT_EQ(exit_detached(VMEXIT_HLT), PAYLOAD_ENTER);
	EXPECT_EQ(h.idles, 1);
	EXPECT_EQ(h.vmcb.event_inj, VMCB_EVENT_VALID | 0x41);
}

static void post_unhalt(void)
{
	BOX(SELF).pending = KVM_CARETAKER_PEND_UNHALT;
}

/* It ends one HLT, with interrupts off as well, and none that has ended by itself. */
static void test_unhalt(void)
{
	peers_set(NR, SELF);
	h.on_idle = post_unhalt;
	EXPECT_EQ(exit_detached(VMEXIT_HLT), PAYLOAD_ENTER);
	EXPECT_EQ(h.idles, 1);
	post_unhalt();
	EXPECT_EQ(exit_detached(VMEXIT_PAUSE), PAYLOAD_ENTER);
	EXPECT_EQ(exit_detached(VMEXIT_HLT), PAYLOAD_ENTER);
	EXPECT_EQ(h.idles, 1);
	EXPECT_EQ(exit_detached(VMEXIT_HLT), PAYLOAD_ENTER);
	EXPECT_EQ(h.idles, 2);
}

static void test_unhalt_returned(void)
{
	peers_set(NR, SELF);
	post_unhalt();
	EXPECT_EQ(exit_detached(VMEXIT_PAUSE), PAYLOAD_ENTER);
	EXPECT_EQ(BOX(SELF).pending, 0);
	payload_mail_return();
	EXPECT_EQ(BOX(SELF).pending, KVM_CARETAKER_PEND_UNHALT);
	BOX(SELF).pending = 0;
	payload_mail_return();
	EXPECT_EQ(BOX(SELF).pending, 0);
}

/* Served as one exit: WRMSR of the ICR, RIP after it, or on it when it blocks */
static void test_exit(void)
{
	peers_set(NR, SELF);
	EXPECT_EQ(wrmsr(0x830, TO(3) | 0x41), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rip, 0x401002);
	BOX(3).open = 0;
	EXPECT_EQ(wrmsr(0x830, TO(3) | 0x41), PAYLOAD_LEAVE);
	EXPECT_EQ(h.vmcb.rip, 0x401002);
	EXPECT_EQ(h.spins, 1);
}

/* The last cluster of KVM's table ends with the highest ID. */
static void test_last_cluster(void)
{
	peers_set(2, 0);
	BOX(1).x2apic_id = 0x104;
	EXPECT(icr(TO(0x100030) | LOGICAL | LOWEST | 0x41));
	EXPECT(BOX(1).pending);
	BOX(1).pending = 0;
	EXPECT(icr(TO(0x110001) | LOGICAL | 0x41));
	EXPECT(!BOX(1).pending);
}

const struct test tests_ipi[] = {
	{ "ipi: destinations", test_destinations },
	{ "ipi: clusters", test_clusters },
	{ "ipi: lowest priority picks by vector", test_lowest },
	{ "ipi: other delivery modes are refused and change nothing", test_refused },
	{ "ipi: closed destination keeps all from being sent", test_closed },
	{ "ipi: unknown vCPU keeps all but known single ones from being sent", test_unknown },
	{ "ipi: vCPU without peers reaches itself", test_alone },
	{ "ipi: broken page is not left", test_bad_page },
	{ "ipi: one kick as long as something waits", test_kick_once },
	{ "ipi: mailbox is emptied into IRR as edges", test_receive },
	{ "ipi: soft-disabled LAPIC drops them", test_receive_disabled },
	{ "ipi: mail ends HLT", test_wakes },
	{ "ipi: unhalt ends one HLT", test_unhalt },
	{ "ipi: unused unhalt is left to the kernel", test_unhalt_returned },
	{ "ipi: ICR write is an exit that is served or blocks", test_exit },
	{ "ipi: last cluster is cut", test_last_cluster },
	{ NULL, NULL },
};

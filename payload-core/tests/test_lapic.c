// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the payload core: x2APIC registers while detached.
 */
#include "harness.h"

static bool reads(u32 msr, u64 wanted)
{
	u64 value = ~wanted;

	return payload_lapic_read(&h.vmcb, msr, &value) && value == wanted;
}

static bool refuses(u32 msr)
{
	u64 value = 0x5a5a;

	return !payload_lapic_read(&h.vmcb, msr, &value) && value == 0x5a5a;
}

static void x2apic(void)
{
	ccb.flags |= KVM_CARETAKER_CCB_X2APIC;
}

static void test_off(void)
{
	EXPECT(refuses(0x802));
	EXPECT(!payload_lapic_write(&h.vmcb, 0x80b, 0));
}

static void test_reads(void)
{
	static const u32 offsets[] = {
		0x20, 0x30, 0xd0, 0xf0, 0x100, 0x170, 0x180, 0x1f0, 0x200, 0x270, 0x280, 0x320,
		0x330, 0x340, 0x350, 0x360, 0x370, 0x380, 0x3e0,
	};
	u32 i;

	x2apic();
	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		*lapic_at(offsets[i]) = 0x80000000 + i;
		EXPECT(reads(0x800 + offsets[i] / 16, 0x80000000 + i));
	}
}

/* Write-only, reserved, not in x2APIC mode (ARBPRI, DFR, ICR2), beyond the range */
static void test_refused_reads(void)
{
	static const u32 msrs[] = {
		0x800, 0x801, 0x804, 0x809, 0x80b, 0x80e, 0x829, 0x82f, 0x831, 0x83a, 0x83f, 0x840,
		0x8ff, 0x7ff, 0x900,
	};
	u32 i;

	x2apic();
	for (i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
		EXPECT(refuses(msrs[i]));
}

static void test_icr(void)
{
	x2apic();
	*lapic_at(0x300) = 0x000040fd;
	*lapic_at(0x310) = 0x00000003;
	EXPECT(reads(0x830, 0x00000003000040fd));
}

static void test_tpr(void)
{
	x2apic();
	h.vmcb.int_ctl = 1 << 24;
	EXPECT(payload_lapic_write(&h.vmcb, 0x808, 0x57));
	EXPECT_EQ(h.vmcb.int_ctl, 1 << 24 | 5);
	EXPECT(reads(0x808, 0x57));
	EXPECT(!payload_lapic_write(&h.vmcb, 0x808, 0x100));
	EXPECT(reads(0x808, 0x57));
}

/* MOV to CR8 does not exit: V_TPR is newer. */
static void test_tpr_by_cr8(void)
{
	x2apic();
	payload_lapic_write(&h.vmcb, 0x808, 0x57);
	h.vmcb.int_ctl = 9;
	EXPECT(reads(0x808, 0x90));
	payload_lapic_park(&h.vmcb);
	EXPECT_EQ(*lapic_at(0x80), 0x90);
}

static void test_ppr(void)
{
	x2apic();
	EXPECT(reads(0x80a, 0));
	payload_lapic_write(&h.vmcb, 0x808, 0x43);
	EXPECT(reads(0x80a, 0x43));
	lapic_bit_set(0x100, 0x47);
	EXPECT(reads(0x80a, 0x43));
	lapic_bit_set(0x100, 0xec);
	EXPECT(reads(0x80a, 0xe0));
}

static void test_eoi(void)
{
	x2apic();
	lapic_bit_set(0x100, 0x31);
	lapic_bit_set(0x100, 0xec);
	EXPECT(payload_lapic_write(&h.vmcb, 0x80b, 0));
	EXPECT(!lapic_bit(0x100, 0xec) && lapic_bit(0x100, 0x31));
	EXPECT(payload_lapic_write(&h.vmcb, 0x80b, 0));
	EXPECT(!lapic_bit(0x100, 0x31));
	EXPECT(payload_lapic_write(&h.vmcb, 0x80b, 0));
}

static void test_eoi_refused(void)
{
	x2apic();
	lapic_bit_set(0x100, 0x31);
	EXPECT(!payload_lapic_write(&h.vmcb, 0x80b, 1));
	EXPECT(lapic_bit(0x100, 0x31));
	lapic_bit_set(0x180, 0x31);
	EXPECT(!payload_lapic_write(&h.vmcb, 0x80b, 0));
	EXPECT(lapic_bit(0x100, 0x31));
}

static void test_self_ipi(void)
{
	x2apic();
	lapic_bit_set(0x180, 0x41);
	EXPECT(payload_lapic_write(&h.vmcb, 0x83f, 0x41));
	EXPECT(lapic_bit(0x200, 0x41) && !lapic_bit(0x180, 0x41));
	EXPECT(!payload_lapic_write(&h.vmcb, 0x83f, 0x141));
	EXPECT_EQ(h.telemetry.ipi_sent, 1);
}

/* What each write leaves in its register, and nowhere else. */
static void test_plain_writes(void)
{
	static const struct { u32 msr; u64 value; u32 left; } writes[] = {
		{ 0x80f, 0xfffffdff, 0x3ff & ~0x200U },
		{ 0x80f, 0x1155, 0x155 },
		{ 0x828, 0, 0 },
		{ 0x833, 0xffffffff, 0x117ff },
		{ 0x834, 0xffffffff, 0x117ff },
		{ 0x835, 0xffffffff, 0x1f7ff },
		{ 0x836, 0x8700, 0x8700 },
		{ 0x837, 0xffffffff, 0x110ff },
	};
	u8 before[sizeof(h.lapic)];
	u32 i;

	x2apic();
	for (i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		memcpy(before, h.lapic, sizeof(before));
		EXPECT(payload_lapic_write(&h.vmcb, writes[i].msr, writes[i].value));
		EXPECT_EQ(*lapic_at((writes[i].msr & 0xff) * 16), writes[i].left);
		memcpy(before + (writes[i].msr & 0xff) * 16, &writes[i].left, 4);
		EXPECT(!memcmp(before, h.lapic, sizeof(before)));
	}
}

static void test_cmci(void)
{
	x2apic();
	*lapic_at(0x30) = 0x50014;
	EXPECT(refuses(0x82f) && !payload_lapic_write(&h.vmcb, 0x82f, 0));
	*lapic_at(0x30) = 0x60014;
	EXPECT(payload_lapic_write(&h.vmcb, 0x82f, 0xffffffff));
	EXPECT(reads(0x82f, 0x117ff));
}

static void test_directed_eoi(void)
{
	x2apic();
	*lapic_at(0x30) = 1 << 24;
	EXPECT(payload_lapic_write(&h.vmcb, 0x80f, 0xffffffff));
	EXPECT(reads(0x80f, 0x13ff));
}

/* The mask bits stay set, and nothing gets in. */
static void test_disabled(void)
{
	x2apic();
	*lapic_at(0xf0) = 0xff;
	EXPECT(payload_lapic_write(&h.vmcb, 0x835, 0x700));
	EXPECT(reads(0x835, 0x10700));
	EXPECT(payload_lapic_write(&h.vmcb, 0x83f, 0x41));
	EXPECT(!lapic_bit(0x200, 0x41));
	EXPECT(!payload_lapic_write(&h.vmcb, 0x80f, 0x1ff));
	EXPECT(reads(0x80f, 0xff));
	*lapic_at(0xf0) = 0x1ff;
	EXPECT(!payload_lapic_write(&h.vmcb, 0x80f, 0xff));
}

/* What raises #GP in KVM: read-only and unknown registers, reserved bits */
static void test_refused_writes(void)
{
	static const u32 served[] = {
		0x808, 0x80b, 0x80f, 0x830, 0x832, 0x833, 0x834, 0x835, 0x836, 0x837, 0x838, 0x83e,
		0x83f,
	};
	u8 before[sizeof(h.lapic)];
	u32 msr, i = 0;

	x2apic();
	memcpy(before, h.lapic, sizeof(before));
	for (msr = 0x7f0; msr < 0x910; msr++) {
		if (i < sizeof(served) / sizeof(served[0]) && msr == served[i])
			i++;
		else
			EXPECT(!payload_lapic_write(&h.vmcb, msr, 0x40));
		if (msr != 0x830)
			EXPECT(!payload_lapic_write(&h.vmcb, msr, 0x100000000));
	}
	EXPECT(!memcmp(before, h.lapic, sizeof(before)));
}

const struct test tests_lapic[] = {
	{ "lapic: nothing is served in xAPIC mode", test_off },
	{ "lapic: plain registers read back", test_reads },
	{ "lapic: write-only and reserved registers are refused", test_refused_reads },
	{ "lapic: ICR is 64 bits from two registers", test_icr },
	{ "lapic: TPR reaches V_TPR, reserved bits refused", test_tpr },
	{ "lapic: TPR follows CR8, also when parked", test_tpr_by_cr8 },
	{ "lapic: PPR is the higher of TPR and ISR", test_ppr },
	{ "lapic: EOI ends the highest vector in service", test_eoi },
	{ "lapic: EOI of a level interrupt or with a value is refused", test_eoi_refused },
	{ "lapic: self-IPI pends as an edge", test_self_ipi },
	{ "lapic: plain writes keep the bits that exist", test_plain_writes },
	{ "lapic: CMCI entry only if the version says so", test_cmci },
	{ "lapic: directed EOI only if the version says so", test_directed_eoi },
	{ "lapic: soft-disabled stays so, masked and closed", test_disabled },
	{ "lapic: all other writes are refused and change nothing", test_refused_writes },
	{ NULL, NULL },
};

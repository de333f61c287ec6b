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

static void bit_set(u32 bank, u32 vector)
{
	*lapic_at(bank + vector / 32 * 16) |= 1U << (vector & 31);
}

static bool bit_get(u32 bank, u32 vector)
{
	return *lapic_at(bank + vector / 32 * 16) >> (vector & 31) & 1;
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

static void test_timer_count(void)
{
	x2apic();
	*lapic_at(0x390) = 99;
	EXPECT(refuses(0x839));
	*lapic_at(0x320) = 0x400ec;
	EXPECT(reads(0x839, 0));
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
	bit_set(0x100, 0x47);
	EXPECT(reads(0x80a, 0x43));
	bit_set(0x100, 0xec);
	EXPECT(reads(0x80a, 0xe0));
}

static void test_eoi(void)
{
	x2apic();
	bit_set(0x100, 0x31);
	bit_set(0x100, 0xec);
	EXPECT(payload_lapic_write(&h.vmcb, 0x80b, 0));
	EXPECT(!bit_get(0x100, 0xec) && bit_get(0x100, 0x31));
	EXPECT(payload_lapic_write(&h.vmcb, 0x80b, 0));
	EXPECT(!bit_get(0x100, 0x31));
	EXPECT(payload_lapic_write(&h.vmcb, 0x80b, 0));
}

static void test_eoi_refused(void)
{
	x2apic();
	bit_set(0x100, 0x31);
	EXPECT(!payload_lapic_write(&h.vmcb, 0x80b, 1));
	EXPECT(bit_get(0x100, 0x31));
	bit_set(0x180, 0x31);
	EXPECT(!payload_lapic_write(&h.vmcb, 0x80b, 0));
	EXPECT(bit_get(0x100, 0x31));
}

static void test_refused_writes(void)
{
	u8 before[sizeof(h.lapic)];
	u32 msr;

	x2apic();
	memcpy(before, h.lapic, sizeof(before));
	for (msr = 0x7f0; msr < 0x910; msr++)
		if (msr != 0x808 && msr != 0x80b && msr != 0x83f)
			EXPECT(!payload_lapic_write(&h.vmcb, msr, 0x40));
	EXPECT(!memcmp(before, h.lapic, sizeof(before)));
}

const struct test tests_lapic[] = {
	{ "lapic: nothing is served in xAPIC mode", test_off },
	{ "lapic: plain registers read back", test_reads },
	{ "lapic: write-only and reserved registers are refused", test_refused_reads },
	{ "lapic: ICR is 64 bits from two registers", test_icr },
	{ "lapic: timer count only in TSC-deadline mode", test_timer_count },
	{ "lapic: TPR reaches V_TPR, reserved bits refused", test_tpr },
	{ "lapic: TPR follows CR8, also when parked", test_tpr_by_cr8 },
	{ "lapic: PPR is the higher of TPR and ISR", test_ppr },
	{ "lapic: EOI ends the highest vector in service", test_eoi },
	{ "lapic: EOI of a level interrupt or with a value is refused", test_eoi_refused },
	{ "lapic: all other writes are refused and change nothing", test_refused_writes },
	{ NULL, NULL },
};

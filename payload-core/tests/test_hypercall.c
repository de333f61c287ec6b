// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the payload core: KVM's hypercalls while detached.
 */
#include "harness.h"

#define NR		5
#define SELF		2
#define RIP		0x401000
#define ALL_FEATURES	(1 << 7 | 1 << 11 | 1 << 13)
#define EPERM		(-1)
#define EINVAL		(-22)

static void begin(u32 features)
{
	harness_reset();
	peers_set(NR, SELF);
	cpuid_add(0x40000000, 0, 0, 0);
	h.meta.cpuid[KVM_CARETAKER_CPUID_HASH(0x40000000)].ebx = 0x4b4d564b;
	h.meta.cpuid[KVM_CARETAKER_CPUID_HASH(0x40000000)].ecx = 0x564b4d56;
	h.meta.cpuid[KVM_CARETAKER_CPUID_HASH(0x40000000)].edx = 0x4d;
	cpuid_add(0x40000001, 0, 0, features);
	h.vmcb.efer = EFER_LMA;
	h.vmcb.cs_attributes = CS_LONG;
}

static u32 call(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
	h.vmcb.rip = RIP;
	h.vmcb.rax = nr;
	GPR(RBX) = a0;
	GPR(RCX) = a1;
	GPR(RDX) = a2;
	GPR(RSI) = a3;
	return exit_detached(VMEXIT_VMMCALL);
}

static void served(u32 action, u64 result)
{
	EXPECT_EQ(action, PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rax, result);
	EXPECT_EQ(h.vmcb.rip, RIP + 3);
}

static void blocked(u32 action, u64 nr)
{
	EXPECT_EQ(action, PAYLOAD_LEAVE);
	EXPECT_EQ(h.vmcb.rax, nr);
	EXPECT_EQ(h.vmcb.rip, RIP);
	EXPECT_EQ(h.spins, 1);
	EXPECT_EQ(h.kicks, 0);
}

static u32 got(u32 pending)
{
	u32 i, who = 0;

	for (i = 0; i < NR; i++) {
		if (h.peers.box[i].pending == pending)
			who |= 1 << i;
		h.peers.box[i].pending = 0;
	}
	return who;
}

static void test_plain(void)
{
	begin(ALL_FEATURES);
	served(call(1, 0, 0, 0, 0), 0);
	served(call(11, 3, 0, 0, 0), 0);
	EXPECT_EQ(h.kicks, 0);
}

static void test_blocks(void)
{
	static const u64 numbers[] = { 0, 2, 3, 4, 6, 7, 8, 9, 12, 13, 0x100000001, ~0ULL };
	u32 i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		begin(ALL_FEATURES);
		blocked(call(numbers[i], 0, 0, 0, 0), numbers[i]);
	}
}

static void test_features(void)
{
	static const struct { u32 nr, bit; } calls[] = { { 5, 7 }, { 10, 11 }, { 11, 13 } };
	u32 i;

	for (i = 0; i < 3; i++) {
		begin(ALL_FEATURES & ~(1 << calls[i].bit));
		blocked(call(calls[i].nr, 1, 1, 0, 0x41), calls[i].nr);
		begin(1 << calls[i].bit);
		EXPECT_EQ(call(calls[i].nr, 1, 1, 0, 0x41), PAYLOAD_ENTER);
	}
}

/* Without KVM's signature, or with that of another hypervisor first, nothing is known. */
static void test_signature(void)
{
	begin(ALL_FEATURES);
	h.meta.cpuid[KVM_CARETAKER_CPUID_HASH(0x40000000)].ebx = 0x7263694d;
	blocked(call(1, 0, 0, 0, 0), 1);
	begin(ALL_FEATURES);
	h.meta.cpuid[KVM_CARETAKER_CPUID_HASH(0x40000000)].flags = 0;
	blocked(call(1, 0, 0, 0, 0), 1);
}

static void test_user_mode(void)
{
	begin(ALL_FEATURES);
	h.vmcb.cpl = 3;
	served(call(10, 1, 0, 0, 0x41), (u64)EPERM);
	served(call(99, 0, 0, 0, 0), (u64)EPERM);
	EXPECT_EQ(h.kicks, 0);
	h.vmcb.cs_attributes = 0;
	served(call(1, 0, 0, 0, 0), (u32)EPERM);
}

static void test_kick(void)
{
	begin(ALL_FEATURES);
	served(call(5, 0, 3, 0, 0), 0);
	EXPECT_EQ(h.kicks, 1);
	EXPECT_EQ(got(KVM_CARETAKER_PEND_UNHALT), 1 << 3);
	served(call(5, 0, 0xdead00000001, 0, 0), 0);	/* an int in KVM */
	EXPECT_EQ(got(KVM_CARETAKER_PEND_UNHALT), 1 << 1);
	served(call(5, 0, 77, 0, 0), 0);
	EXPECT_EQ(got(KVM_CARETAKER_PEND_UNHALT), 0);
	served(call(5, 0, SELF, 0, 0), 0);
	EXPECT_EQ(exit_detached(VMEXIT_HLT), PAYLOAD_ENTER);
	EXPECT_EQ(h.idles, 0);
	h.kicks = 0;
	blocked(call(5, 0, 0xff, 0, 0), 5);
	begin(ALL_FEATURES);
	blocked(call(5, 0, 0xffffffff, 0, 0), 5);
}

static void test_send_ipi(void)
{
	begin(ALL_FEATURES);
	served(call(10, 0x1b, 0, 0, 0x41), 4);
	EXPECT_EQ(got(KVM_CARETAKER_PEND_IRQ), 0x1b);
	served(call(10, 0xff, 0, 0, 0x141), 5);		/* lowest priority: to all */
	EXPECT_EQ(got(KVM_CARETAKER_PEND_IRQ), 0x1b);
	EXPECT(lapic_bit(0x100, 0x41) || lapic_bit(0x200, 0x41));
	served(call(10, 0x3, 0, 3, 0x400), 2);
	EXPECT_EQ(got(KVM_CARETAKER_PEND_NMI), 0x18);
	served(call(10, 0, 0, 0, 0x41), 0);
	h.peers.box[4].x2apic_id = 65;
	served(call(10, 0, 3, 0, 0x41), 1);		/* 64 and 65 */
	EXPECT_EQ(got(KVM_CARETAKER_PEND_IRQ), 1 << 4);
	served(call(10, ~0ULL, 1, 0xffffffffffffffc0, 0x41), 1);	/* the second begins at 0 */
	EXPECT_EQ(got(KVM_CARETAKER_PEND_IRQ), 1 << 0);
	h.peers.box[4].x2apic_id = 4;
	served(call(10, ~0ULL, 0, 0xfffffffe, 0x41), 0);
}

static void test_send_ipi_32(void)
{
	begin(ALL_FEATURES);
	h.vmcb.cs_attributes = 0;
	h.peers.box[4].x2apic_id = 33;
	served(call(0xdead0000000aULL, 0xff00000000000001, 2, 0, 0x41), 2);
	EXPECT_EQ(got(KVM_CARETAKER_PEND_IRQ), 0x11);
}

static void test_send_ipi_refused(void)
{
	begin(ALL_FEATURES);
	served(call(10, 1, 0, 0, 0x841), (u64)EINVAL);
	served(call(10, 1, 0, 0, 0x40041), (u64)EINVAL);
	EXPECT_EQ(h.kicks, 0);
	blocked(call(10, 1, 0, 0, 0x541), 10);
	begin(ALL_FEATURES);
	blocked(call(10, 1, 0, 0, 0x8041), 10);
	begin(ALL_FEATURES);
	h.peers.box[1].open = 0;
	blocked(call(10, 3, 0, 0, 0x41), 10);
	EXPECT_EQ(got(KVM_CARETAKER_PEND_IRQ), 0);
	begin(ALL_FEATURES);
	h.peers.box[4] = (struct kvm_caretaker_mailbox){ 0 };
	blocked(call(10, 3, 0, 0, 0x41), 10);
}

/* The LAPIC of the vCPU itself is known to be off: it does not count. */
static void test_send_ipi_disabled(void)
{
	begin(ALL_FEATURES);
	*lapic_at(0xf0) = 0xff;
	served(call(10, 0x7, 0, 0, 0x41), 2);
}

const struct test tests_hypercall[] = {
	{ "hypercall: poll and yield return 0", test_plain },
	{ "hypercall: others block", test_blocks },
	{ "hypercall: blocks without the feature bit", test_features },
	{ "hypercall: blocks without KVM's signature", test_signature },
	{ "hypercall: user mode gets EPERM", test_user_mode },
	{ "hypercall: kick reaches the mailbox, or itself", test_kick },
	{ "hypercall: IPIs by bitmap", test_send_ipi },
	{ "hypercall: 32-bit registers outside 64-bit mode", test_send_ipi_32 },
	{ "hypercall: refused IPIs", test_send_ipi_refused },
	{ "hypercall: soft-disabled LAPIC does not count", test_send_ipi_disabled },
	{ NULL, NULL },
};

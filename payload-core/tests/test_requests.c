// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the payload core: what handlers ask for by kfuncs.
 */
#include "harness.h"

#define RIP	0x401000
#define VECTOR	0x61

static u32 answer;
static u64 seen_offset;

/* As the compiled code of bpf_caretaker_inject() does it. */
static u32 handler_injects(u64 *cell)
{
	struct kvm_caretaker_exit *exit = (void *)*cell;

	seen_offset = exit->tsc_offset;
	exit->irr[VECTOR / 32] |= 1U << (VECTOR & 31);
	exit->requests |= KVM_CARETAKER_REQUEST_IRQ;
	return answer;
}

static void handler_answers(u32 class, u32 verdict)
{
	answer = verdict;
	handler_set(class, handler_injects);
}

static void expect_left_to_kvm(void)
{
	EXPECT_EQ(ccb.exit.requests, KVM_CARETAKER_REQUEST_IRQ);
	EXPECT_EQ(ccb.exit.irr[VECTOR / 32], 1U << (VECTOR & 31));
	EXPECT_EQ(ccb.seen, 7);
}

static void expect_taken(void)
{
	EXPECT_EQ(ccb.exit.requests, 0);
	EXPECT_EQ(ccb.exit.irr[VECTOR / 32], 0);
}

static void test_offset(void)
{
	handler_answers(KVM_CARETAKER_CLASS_CPUID, KVM_CARETAKER_HANDLED);
	h.vmcb.tsc_offset = -1234567ULL;
	exit_attached(VMEXIT_CPUID);
	EXPECT_EQ(seen_offset, -1234567ULL);
}

static void test_attached_handled(void)
{
	handler_answers(KVM_CARETAKER_CLASS_CPUID, KVM_CARETAKER_HANDLED);
	EXPECT_EQ(exit_attached(VMEXIT_CPUID), PAYLOAD_LEAVE);
	EXPECT_EQ(h.vmcb.exit_code, VMEXIT_INTR);
	EXPECT_EQ(h.vmcb.rip, RIP + 2);
	EXPECT_EQ(EXITS(VMEXIT_CPUID, HANDLER), 1);
	EXPECT_EQ(EXITS(VMEXIT_CPUID, KVM), 0);
	EXPECT_EQ(EXITS(VMEXIT_INTR, KVM), 1);
	expect_left_to_kvm();
}

static void test_attached_native(void)
{
	cpuid_add(0xaa, 0, 0, 0x500);
	handler_answers(KVM_CARETAKER_CLASS_CPUID, KVM_CARETAKER_NEXT);
	EXPECT_EQ(exit_attached(VMEXIT_CPUID), PAYLOAD_LEAVE);
	EXPECT_EQ(h.vmcb.exit_code, VMEXIT_INTR);
	EXPECT_EQ(h.vmcb.rax, 0x500);
	EXPECT_EQ(EXITS(VMEXIT_CPUID, NATIVE), 1);
	expect_left_to_kvm();
}

static void test_attached_forwarded(void)
{
	handler_answers(KVM_CARETAKER_CLASS_HLT, KVM_CARETAKER_FORWARD);
	EXPECT_EQ(exit_attached(VMEXIT_HLT), PAYLOAD_LEAVE);
	EXPECT_EQ(h.vmcb.exit_code, VMEXIT_HLT);
	EXPECT_EQ(h.vmcb.rip, RIP);
	EXPECT_EQ(EXITS(VMEXIT_HLT, KVM), 1);
	expect_left_to_kvm();
}

static void gap_begin(void)
{
	ccb.flags |= KVM_CARETAKER_CCB_X2APIC;
	h.vmcb.int_state = 0;
	h.vmcb.event_inj = 0;
}

static void test_gap_injected(void)
{
	gap_begin();
	handler_answers(KVM_CARETAKER_CLASS_CPUID, KVM_CARETAKER_HANDLED);
	h.vmcb.rflags |= RFLAGS_IF;
	EXPECT_EQ(exit_detached(VMEXIT_CPUID), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.event_inj, VMCB_EVENT_VALID | VMCB_EVENT_INTR | VECTOR);
	EXPECT(lapic_bit(0x100, VECTOR) && !lapic_bit(0x200, VECTOR));
	expect_taken();
}

static void test_gap_pending(void)
{
	gap_begin();
	lapic_bit_set(0x180, VECTOR);
	handler_answers(KVM_CARETAKER_CLASS_CPUID, KVM_CARETAKER_HANDLED);
	EXPECT_EQ(exit_detached(VMEXIT_CPUID), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.event_inj, 0);
	EXPECT(lapic_bit(0x200, VECTOR) && !lapic_bit(0x180, VECTOR));
	expect_taken();
}

static void test_gap_off(void)
{
	gap_begin();
	*lapic_at(0xf0) = 0xff;
	handler_answers(KVM_CARETAKER_CLASS_CPUID, KVM_CARETAKER_HANDLED);
	EXPECT_EQ(exit_detached(VMEXIT_CPUID), PAYLOAD_ENTER);
	EXPECT(!lapic_bit(0x200, VECTOR));
	expect_taken();
}

static void test_gap_wakes(void)
{
	gap_begin();
	handler_answers(KVM_CARETAKER_CLASS_HLT, KVM_CARETAKER_NEXT);
	h.vmcb.rflags |= RFLAGS_IF;
	EXPECT_EQ(exit_detached(VMEXIT_HLT), PAYLOAD_ENTER);
	EXPECT_EQ(h.idles, 0);
	EXPECT_EQ(h.vmcb.rip, RIP + 1);
	EXPECT_EQ(h.vmcb.event_inj, VMCB_EVENT_VALID | VMCB_EVENT_INTR | VECTOR);
}

static void test_gap_blocks(void)
{
	gap_begin();
	handler_answers(KVM_CARETAKER_CLASS_IO, KVM_CARETAKER_BLOCK);
	h.vmcb.info2 = RIP + 1;
	EXPECT_EQ(exit_detached(VMEXIT_IOIO), PAYLOAD_LEAVE);
	EXPECT_EQ(h.spins, 1);
	EXPECT(lapic_bit(0x200, VECTOR));
	expect_taken();
}

const struct test tests_requests[] = {
	{ "handler: sees the guest's TSC offset", test_offset },
	{ "inject: attached, a handled exit goes to KVM as an interrupt", test_attached_handled },
	{ "inject: attached, so does one that is served natively", test_attached_native },
	{ "inject: attached, a forwarded exit stays what it is", test_attached_forwarded },
	{ "inject: in the gap, the guest gets the interrupt at once", test_gap_injected },
	{ "inject: in the gap, it is an edge that stays pending", test_gap_pending },
	{ "inject: in the gap, a LAPIC that is off drops it", test_gap_off },
	{ "inject: in the gap, HLT ends", test_gap_wakes },
	{ "inject: in the gap, a vCPU that blocks keeps it", test_gap_blocks },
	{ NULL, NULL },
};

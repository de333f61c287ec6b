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
	EXPECT_EQ(h.telemetry.open, KVM_CARETAKER_TIME_KVM);
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

static u32 handler_emits(u64 *cell)
{
	struct kvm_caretaker_exit *exit = (void *)*cell;

	exit->emit[0] = 0x1122334455667788;
	exit->emit_size = 8;
	exit->requests |= KVM_CARETAKER_REQUEST_EMIT;
	return answer;
}

/* The record that was written last, without its header. */
static const struct kvm_caretaker_event_bytes *event_last(void)
{
	const struct kvm_caretaker_ring_subbuf *s = &h.ring.subbuf[0];

	EXPECT_EQ(h.ring.events, 1);
	return (const void *)(s->data + s->commit - 16);
}

static void expect_emitted(void)
{
	const struct kvm_caretaker_event_bytes *e = event_last();

	EXPECT_EQ(e->id, KVM_CARETAKER_EVENT_HANDLER);
	EXPECT_EQ(e->len, 8);
	EXPECT_EQ(e->reason, VMEXIT_CPUID);
	EXPECT(!memcmp(e->data, ccb.exit.emit, 8));
	EXPECT_EQ(ccb.exit.requests, 0);
}

static void emit_begin(void)
{
	answer = KVM_CARETAKER_HANDLED;
	handler_set(KVM_CARETAKER_CLASS_CPUID, handler_emits);
	ccb.ring = (u64)&h.ring;
	ccb.events = 1U << KVM_CARETAKER_EVENT_HANDLER;
}

static void test_emit_attached(void)
{
	emit_begin();
	EXPECT_EQ(exit_attached(VMEXIT_CPUID), PAYLOAD_ENTER);
	expect_emitted();
}

static void test_emit_gap(void)
{
	emit_begin();
	EXPECT_EQ(exit_detached(VMEXIT_CPUID), PAYLOAD_ENTER);
	expect_emitted();
}

static void test_emit_off(void)
{
	emit_begin();
	ccb.events = 0;
	EXPECT_EQ(exit_attached(VMEXIT_CPUID), PAYLOAD_ENTER);
	EXPECT_EQ(h.ring.events, 0);
	EXPECT_EQ(ccb.exit.requests, 0);
}

static u64 seen_tsc[2], seen_guest[2];
static u32 seen_nr;

static u32 handler_sees_times(u64 *cell)
{
	struct kvm_caretaker_exit *exit = (void *)*cell;

	seen_tsc[seen_nr & 1] = exit->tsc;
	seen_guest[seen_nr++ & 1] = exit->guest_tsc;
	return KVM_CARETAKER_HANDLED;
}

/* Between two exits: what is not the guest's time is the first one's. */
static void test_times(void)
{
	u64 between;

	seen_nr = 0;
	handler_set(KVM_CARETAKER_CLASS_CPUID, handler_sees_times);
	exit_attached(VMEXIT_CPUID);
	between = h.tsc;
	h.tsc += 5000;
	exit_attached(VMEXIT_CPUID);
	EXPECT_EQ(seen_nr, 2);
	EXPECT(seen_tsc[0] < between && seen_tsc[1] >= between + 5000);
	EXPECT(seen_guest[1] - seen_guest[0] >= 5000);
	EXPECT_EQ(seen_tsc[1] - seen_tsc[0] - (seen_guest[1] - seen_guest[0]),
		  h.telemetry.slots[0].by[KVM_CARETAKER_HANDLER].cycles -
		  (h.telemetry.tsc_last - seen_tsc[1]));
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
	{ "handler: sees the time of the exit and the guest's", test_times },
	{ "emit: attached, the event is in the ring", test_emit_attached },
	{ "emit: in the gap, the event is in the ring", test_emit_gap },
	{ "emit: switched off, nothing is written", test_emit_off },
	{ NULL, NULL },
};

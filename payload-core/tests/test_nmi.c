// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the payload core: NMIs for the guest while detached.
 */
#include "harness.h"

#define EVENT_NMI	(VMCB_EVENT_VALID | VMCB_EVENT_NMI)
#define PENDING		KVM_CARETAKER_CCB_NMI_PENDING
#define MASKED		KVM_CARETAKER_CCB_NMI_MASKED
#define NMI_FLAGS	(ccb.flags & (PENDING | MASKED))
#define IRET_BIT	(1U << 20)
#define RIP_IRET	0x500000

static void begin(void)
{
	ccb.flags |= KVM_CARETAKER_CCB_X2APIC;
	h.vmcb.int_state = 0;
	h.vmcb.event_inj = 0;
	h.vmcb.rflags &= ~RFLAGS_IF;
	payload_inject_begin(&h.vmcb);
}

static bool iret_intercepted(void)
{
	return h.vmcb.intercepts[3] & IRET_BIT;
}

static u32 pass(void)
{
	u32 action = exit_detached(VMEXIT_INTR);

	EXPECT_EQ(action, PAYLOAD_ENTER);
	return h.vmcb.event_inj;
}

static void iret(void)
{
	h.vmcb.rip = RIP_IRET;
	EXPECT_EQ(exit_detached(VMEXIT_IRET), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rip, RIP_IRET);
}

static void test_injected(void)
{
	begin();
	payload_nmi_raise();
	EXPECT_EQ(pass(), EVENT_NMI);
	EXPECT_EQ(NMI_FLAGS, MASKED);
	EXPECT(iret_intercepted() && !(h.vmcb.clean & 1));
	EXPECT_EQ(h.telemetry.injected, 1);
	EXPECT_EQ(pass(), 0);
}

/* The second one comes after the IRET of the first, not before it and not at it. */
static void test_masked(void)
{
	begin();
	payload_nmi_raise();
	pass();
	payload_nmi_raise();
	EXPECT_EQ(pass(), 0);
	EXPECT_EQ(h.host_deadline, 0);
	iret();
	EXPECT_EQ(h.vmcb.event_inj, 0);
	EXPECT(!iret_intercepted() && !(h.vmcb.clean & 1));
	EXPECT_EQ(NMI_FLAGS, MASKED | PENDING);
	EXPECT(h.host_deadline);
	EXPECT_EQ(pass(), 0);		/* it is still about to be executed */
	h.vmcb.rip = 0x401000;
	EXPECT_EQ(pass(), EVENT_NMI);
	EXPECT_EQ(NMI_FLAGS, MASKED);
}

static void test_unmasked(void)
{
	begin();
	payload_nmi_raise();
	pass();
	iret();
	EXPECT_EQ(h.host_deadline, 0);
	h.vmcb.rip = 0x401000;
	EXPECT_EQ(pass(), 0);
	EXPECT_EQ(NMI_FLAGS, 0);
}

/* Neither leaves an exit of its own, so that one is made. */
static void test_delayed(void)
{
	begin();
	payload_nmi_raise();
	h.vmcb.int_state = 1;
	EXPECT_EQ(pass(), 0);
	EXPECT(h.host_deadline && h.host_deadline < h.tsc + 300000);
	begin();
	h.host_deadline = 0;
	payload_apic_event(0xf0);
	h.vmcb.exit_int_info = VMCB_EVENT_VALID | 0x30;
	EXPECT_EQ(pass(), VMCB_EVENT_VALID | 0x30);
	EXPECT(h.host_deadline);
	h.vmcb.exit_int_info = 0;
	EXPECT_EQ(pass(), EVENT_NMI);
}

static void test_before_interrupts(void)
{
	begin();
	h.vmcb.rflags |= RFLAGS_IF;
	payload_nmi_raise();
	payload_lapic_raise(0x41);
	EXPECT_EQ(pass(), EVENT_NMI);
	EXPECT(h.vmcb.int_ctl & VMCB_V_IRQ && lapic_bit(0x200, 0x41));
}

static void test_interrupted(void)
{
	begin();
	payload_nmi_raise();
	pass();
	h.vmcb.exit_int_info = EVENT_NMI;
	EXPECT_EQ(pass(), EVENT_NMI);
	EXPECT_EQ(NMI_FLAGS, MASKED);
	EXPECT(iret_intercepted());
}

static void test_wakes(void)
{
	begin();
	payload_nmi_raise();
	EXPECT_EQ(exit_detached(VMEXIT_HLT), PAYLOAD_ENTER);
	EXPECT_EQ(h.idles, 0);
	EXPECT_EQ(h.vmcb.event_inj, EVENT_NMI);
	payload_nmi_raise();
	EXPECT_EQ(exit_detached(VMEXIT_HLT), PAYLOAD_LEAVE);
	EXPECT_EQ(h.idles, 1);
	EXPECT_EQ(NMI_FLAGS, MASKED | PENDING);
}

static void test_from_kernel(void)
{
	begin();
	EXPECT(!iret_intercepted());
	ccb.flags |= MASKED | PENDING;
	payload_inject_begin(&h.vmcb);
	payload_prepare(&h.vmcb);
	EXPECT(iret_intercepted());
	EXPECT_EQ(pass(), 0);
	ccb.flags &= ~(MASKED | PENDING);
	h.vmcb.event_inj = EVENT_NMI;
	payload_inject_begin(&h.vmcb);
	payload_prepare(&h.vmcb);
	EXPECT_EQ(NMI_FLAGS, MASKED);
	EXPECT_EQ(h.vmcb.event_inj, EVENT_NMI);
	EXPECT(iret_intercepted());
}

static void test_to_kernel(void)
{
	begin();
	payload_nmi_raise();
	pass();
	payload_nmi_raise();
	iret();
	payload_inject_park(&h.vmcb);
	EXPECT_EQ(NMI_FLAGS, MASKED | PENDING);
	/* and back in the same image: nothing is left of the IRET */
	payload_inject_begin(&h.vmcb);
	h.vmcb.rip = 0x401000;
	EXPECT_EQ(pass(), 0);
	EXPECT(iret_intercepted());
}

static void test_by_icr(void)
{
	begin();
	peers_set(3, 1);
	EXPECT_EQ(wrmsr(0x830, 0x80400), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.event_inj, EVENT_NMI);
	EXPECT_EQ(h.peers.box[0].pending, KVM_CARETAKER_PEND_NMI);
	EXPECT_EQ(h.peers.box[2].pending, KVM_CARETAKER_PEND_NMI);
	EXPECT_EQ(h.peers.box[1].pending, 0);
	h.peers.box[1].pending = KVM_CARETAKER_PEND_NMI;
	EXPECT_EQ(pass(), 0);
	EXPECT_EQ(NMI_FLAGS, MASKED | PENDING);
}

const struct test tests_nmi[] = {
	{ "nmi: injected once, with IF=0, then masked", test_injected },
	{ "nmi: next one waits until IRET was executed", test_masked },
	{ "nmi: IRET ends the mask", test_unmasked },
	{ "nmi: shadow and event in delivery go first, with an exit soon", test_delayed },
	{ "nmi: goes before interrupts", test_before_interrupts },
	{ "nmi: interrupted delivery is repeated", test_interrupted },
	{ "nmi: ends HLT unless masked", test_wakes },
	{ "nmi: state of the kernel is taken over", test_from_kernel },
	{ "nmi: state goes back to the kernel, nothing else is kept", test_to_kernel },
	{ "nmi: sent to all by the ICR", test_by_icr },
	{ NULL, NULL },
};

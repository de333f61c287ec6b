// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the payload core: interrupts while detached.
 */
#include "harness.h"

#define WINDOW_BIT	(1U << 4)
#define EVENT(v)	(VMCB_EVENT_VALID | (v))

static void begin(void)
{
	ccb.flags |= KVM_CARETAKER_CCB_X2APIC;
	h.vmcb.int_state = 0;
	h.vmcb.rflags |= RFLAGS_IF;
	h.vmcb.event_inj = 0;
	*lapic_at(0x320) = 0x40000 | 0xec;
}

static bool window(u32 vector)
{
	bool irq = h.vmcb.int_ctl & VMCB_V_IRQ;

	EXPECT_EQ(irq, !!(h.vmcb.intercepts[3] & WINDOW_BIT));
	EXPECT(!(h.vmcb.clean & 1) || !irq || h.vmcb.exit_code != VMEXIT_MSR);
	return irq && (h.vmcb.int_ctl >> 16 & 0xf) == vector >> 4;
}

static bool no_window(void)
{
	return !(h.vmcb.int_ctl & VMCB_V_IRQ) && !(h.vmcb.intercepts[3] & WINDOW_BIT);
}

static void test_self_ipi(void)
{
	begin();
	EXPECT_EQ(wrmsr(0x83f, 0x41), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.event_inj, EVENT(0x41));
	EXPECT(lapic_bit(0x100, 0x41) && !lapic_bit(0x200, 0x41));
	EXPECT_EQ(exit_detached(VMEXIT_PAUSE), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.event_inj, 0);
}

static void test_priority(void)
{
	begin();
	wrmsr(0x83f, 0x51);
	wrmsr(0x83f, 0x58);	/* the same class waits for the EOI */
	EXPECT_EQ(h.vmcb.event_inj, 0);
	EXPECT(no_window() && lapic_bit(0x200, 0x58));
	wrmsr(0x83f, 0x61);
	EXPECT_EQ(h.vmcb.event_inj, EVENT(0x61));
	wrmsr(0x80b, 0);
	EXPECT_EQ(h.vmcb.event_inj, 0);
	wrmsr(0x80b, 0);
	EXPECT_EQ(h.vmcb.event_inj, EVENT(0x58));
}

/* Those below 16 do not exist and stay pending, as in KVM; each class nests in lower ones. */
static void test_all_vectors(void)
{
	u32 vector, class, i;

	for (vector = 0; vector < 256; vector++) {
		harness_reset();
		begin();
		class = vector >> 4;
		wrmsr(0x83f, vector);
		EXPECT_EQ(h.vmcb.event_inj, class ? EVENT(vector) : 0);
		EXPECT_EQ(lapic_bit(0x200, vector), !class);
		EXPECT_EQ(lapic_bit(0x100, vector), !!class);
		if (!class)
			continue;
		wrmsr(0x83f, class * 16 + 15);	/* the same class, and the one below */
		wrmsr(0x83f, class * 16 - 1);
		EXPECT_EQ(h.vmcb.event_inj, 0);
		if (class < 15) {
			wrmsr(0x83f, 0xff);
			EXPECT_EQ(h.vmcb.event_inj, EVENT(0xff));
			wrmsr(0x80b, 0);
			EXPECT_EQ(h.vmcb.event_inj, 0);
		}
		wrmsr(0x80b, 0);
		EXPECT(!lapic_bit(0x100, vector) || vector == class * 16 + 15);
		EXPECT_EQ(h.vmcb.event_inj, EVENT(class * 16 + 15));
		wrmsr(0x80b, 0);
		EXPECT_EQ(h.vmcb.event_inj, class > 1 ? EVENT(class * 16 - 1) : 0);
		wrmsr(0x80b, 0);
		for (i = 0; i < 256; i++)
			EXPECT(!lapic_bit(0x100, i));
	}
}

/* A class passes when it is above TPR's: 15 lets nothing in, and 0 all that exists. */
static void test_all_priorities(void)
{
	u32 tpr, class;

	for (tpr = 0; tpr < 16; tpr++) {
		for (class = 1; class < 16; class++) {
			harness_reset();
			begin();
			h.vmcb.int_ctl |= tpr;
			wrmsr(0x83f, class * 16);
			EXPECT_EQ(h.vmcb.event_inj, class > tpr ? EVENT(class * 16) : 0);
			EXPECT(class > tpr ? no_window() : window(class * 16));
		}
	}
}

static void test_window(void)
{
	begin();
	h.vmcb.rflags &= ~RFLAGS_IF;
	wrmsr(0x83f, 0x41);
	EXPECT_EQ(h.vmcb.event_inj, 0);
	EXPECT(window(0x41) && !(h.vmcb.clean & 1));
	exit_detached(VMEXIT_PAUSE);
	EXPECT(window(0x41));
	h.vmcb.rflags |= RFLAGS_IF;
	EXPECT_EQ(exit_detached(VMEXIT_VINTR), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.event_inj, EVENT(0x41));
	EXPECT(no_window() && !(h.vmcb.clean & 1));
}

static void test_shadow(void)
{
	begin();
	*lapic_at(0x220) = 2;
	payload_inject_look();
	h.vmcb.int_state = 1;
	exit_detached(VMEXIT_NMI);
	EXPECT_EQ(h.vmcb.event_inj, 0);
	EXPECT(window(0x41));
}

static void test_event_first(void)
{
	begin();
	*lapic_at(0x220) = 2;
	payload_inject_look();
	h.vmcb.exit_int_info = EVENT(0x33);
	exit_detached(VMEXIT_NMI);
	EXPECT_EQ(h.vmcb.event_inj, EVENT(0x33));
	EXPECT(window(0x41) && lapic_bit(0x200, 0x41));
}

/* The second exit is that of a CPU that lets an equal priority pass. */
static void test_tpr(void)
{
	begin();
	h.vmcb.int_ctl |= 4;
	wrmsr(0x83f, 0x41);
	EXPECT_EQ(h.vmcb.event_inj, 0);
	EXPECT(window(0x41));
	exit_detached(VMEXIT_VINTR);
	EXPECT_EQ(h.vmcb.event_inj, 0);
	EXPECT(no_window());
	exit_detached(VMEXIT_PAUSE);
	EXPECT(window(0x41));
	h.vmcb.int_ctl &= ~0xfU;
	exit_detached(VMEXIT_VINTR);
	EXPECT_EQ(h.vmcb.event_inj, EVENT(0x41));
}

/* Its last exit to KVM was for a window: that says nothing about the first entry here. */
static void test_begin(void)
{
	begin();
	*lapic_at(0x220) = 2;
	h.vmcb.int_ctl |= 4;
	h.vmcb.exit_code = VMEXIT_VINTR;
	payload_inject_begin(&h.vmcb);
	payload_prepare(&h.vmcb);
	EXPECT(window(0x41));
}

static void test_park(void)
{
	begin();
	h.vmcb.rflags &= ~RFLAGS_IF;
	wrmsr(0x83f, 0x41);
	EXPECT(window(0x41));
	payload_inject_park(&h.vmcb);
	EXPECT(no_window() && lapic_bit(0x200, 0x41) && !lapic_bit(0x100, 0x41));
}

static void test_hlt_wakes(void)
{
	begin();
	*lapic_at(0x220) = 2;
	payload_inject_look();
	EXPECT_EQ(exit_detached(VMEXIT_HLT), PAYLOAD_ENTER);
	EXPECT_EQ(h.idles, 0);
	EXPECT(!(ccb.flags & KVM_CARETAKER_CCB_HALTED));
	EXPECT_EQ(h.vmcb.event_inj, EVENT(0x41));
}

static void test_hlt_masked(void)
{
	begin();
	h.vmcb.rflags &= ~RFLAGS_IF;
	*lapic_at(0x220) = 2;
	EXPECT_EQ(exit_detached(VMEXIT_HLT), PAYLOAD_LEAVE);
	EXPECT_EQ(h.idles, 1);
	EXPECT(ccb.flags & KVM_CARETAKER_CCB_HALTED);
}

const struct test tests_inject[] = {
	{ "inject: self-IPI is injected once", test_self_ipi },
	{ "inject: priority classes nest, EOI brings the next", test_priority },
	{ "inject: each of 256 vectors is injected and ended", test_all_vectors },
	{ "inject: each priority class against each TPR", test_all_priorities },
	{ "inject: IF=0 asks for a window", test_window },
	{ "inject: interrupt shadow asks for a window", test_shadow },
	{ "inject: interrupted event goes first", test_event_first },
	{ "inject: TPR holds back, no loop on an early window", test_tpr },
	{ "inject: first entry asks for a window", test_begin },
	{ "inject: park leaves the interrupt in IRR and no window", test_park },
	{ "inject: HLT with a deliverable interrupt does not halt", test_hlt_wakes },
	{ "inject: HLT with IF=0 halts", test_hlt_masked },
	{ NULL, NULL },
};

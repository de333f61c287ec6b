// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the payload core: exits while detached.
 */
#include "harness.h"

#define RIP		0x401000
#define EVENT_IRQ	(VMCB_EVENT_VALID | VMCB_EVENT_INTR | 0x30)
#define EVENT_PF	(VMCB_EVENT_VALID | VMCB_EVENT_EXCEPTION | VMCB_EVENT_HAS_ERROR | 14)
#define EVENT_INT3	(VMCB_EVENT_VALID | VMCB_EVENT_EXCEPTION | 3)
#define EVENT_SOFT	(VMCB_EVENT_VALID | VMCB_EVENT_SOFT | 0x80)

static u32 handler_handled(u64 *cell)
{
	((struct kvm_caretaker_exit *)*cell)->gpr[KVM_CARETAKER_RAX] = 0x77;
	return KVM_CARETAKER_HANDLED;
}

static u32 handler_forward(u64 *cell)
{
	((struct kvm_caretaker_exit *)*cell)->gpr[KVM_CARETAKER_RBX] = 0x77;
	return KVM_CARETAKER_FORWARD;
}

static u32 handler_next(u64 *cell)
{
	((struct kvm_caretaker_exit *)*cell)->gpr[KVM_CARETAKER_RBX] = 0x77;
	return KVM_CARETAKER_NEXT;
}

static u32 handler_fuel(u64 *cell)
{
	(void)cell;
	return KVM_CARETAKER_FUEL;
}

static u32 handler_unknown(u64 *cell)
{
	(void)cell;
	return 5;
}

static void adopt(void)
{
	ccb.state = KVM_CARETAKER_ADOPTING;
}

static void expect_blocked(u32 action, u32 index)
{
	struct kvm_caretaker_stall *stall = &h.telemetry.stalls[0];

	EXPECT_EQ(action, PAYLOAD_LEAVE);
	EXPECT_EQ(GAP_EXITS(index, BLOCKED), 1);
	EXPECT_EQ(h.spins, 1);
	EXPECT_EQ(h.vmcb.rip, RIP);
	EXPECT_EQ(h.telemetry.nr_stalls, 1);
	EXPECT_EQ(stall->reason, h.vmcb.exit_code);
	EXPECT_EQ(stall->rip, RIP);
	EXPECT(stall->tsc_start && stall->tsc_end > stall->tsc_start);
}

static void test_cpuid(void)
{
	cpuid_add(0xaa, 0, 0, 0x500);
	EXPECT_EQ(exit_detached(VMEXIT_CPUID), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rax, 0x500);
	EXPECT_EQ(h.vmcb.rip, RIP + 2);
	EXPECT_EQ(GAP_EXITS(VMEXIT_CPUID, NATIVE), 1);
	EXPECT_EQ(EXITS(VMEXIT_CPUID, NATIVE), 0);
}

#define CR4_OTHER	(1ULL << 5 | 1ULL << 9)		/* PAE, OSFXSR */
#define NOT_SERVED	0
#define CR4_TOLD	(KVM_CARETAKER_CCB_DECODES | KVM_CARETAKER_CCB_MCE)

static const struct cr4_case {
	const char *what;
	u32 flags;
	u64 now, value, info1;
	u32 length;
} cr4_cases[] = {
	{ "PGE off", CR4_TOLD, CR4_PGE | CR4_MCE, CR4_MCE,
	  VMCB_CR_VALID | KVM_CARETAKER_RCX, 3 },
	{ "PGE on", CR4_TOLD, CR4_MCE, CR4_PGE | CR4_MCE,
	  VMCB_CR_VALID | KVM_CARETAKER_RCX, 3 },
	{ "nothing changes", CR4_TOLD, CR4_PGE | CR4_MCE,
	  CR4_PGE | CR4_MCE, VMCB_CR_VALID | KVM_CARETAKER_RCX, 3 },
	{ "from RAX", CR4_TOLD, CR4_PGE | CR4_MCE, CR4_MCE,
	  VMCB_CR_VALID | KVM_CARETAKER_RAX, 3 },
	{ "from RSP", CR4_TOLD, CR4_PGE | CR4_MCE, CR4_MCE,
	  VMCB_CR_VALID | KVM_CARETAKER_RSP, 3 },
	{ "from R8", CR4_TOLD, CR4_PGE | CR4_MCE, CR4_MCE,
	  VMCB_CR_VALID | 8, 4 },
	{ "by next_rip", CR4_TOLD | KVM_CARETAKER_CCB_NRIPS,
	  CR4_PGE | CR4_MCE, CR4_MCE, VMCB_CR_VALID | KVM_CARETAKER_RCX, 7 },
	{ "a guest without MCE", KVM_CARETAKER_CCB_DECODES, CR4_PGE | CR4_MCE, 0,
	  VMCB_CR_VALID | KVM_CARETAKER_RCX, 3 },
	{ "MCE off", CR4_TOLD, CR4_PGE | CR4_MCE, CR4_PGE,
	  VMCB_CR_VALID | KVM_CARETAKER_RCX, NOT_SERVED },
	{ "MCE on", KVM_CARETAKER_CCB_DECODES, CR4_PGE | CR4_MCE, CR4_PGE | CR4_MCE,
	  VMCB_CR_VALID | KVM_CARETAKER_RCX, NOT_SERVED },
	{ "another bit", CR4_TOLD, CR4_PGE | CR4_MCE,
	  CR4_MCE | 1ULL << 20, VMCB_CR_VALID | KVM_CARETAKER_RCX, NOT_SERVED },
	{ "a high bit", CR4_TOLD, CR4_PGE | CR4_MCE,
	  CR4_MCE | 1ULL << 63, VMCB_CR_VALID | KVM_CARETAKER_RCX, NOT_SERVED },
	{ "no register told", CR4_TOLD, CR4_PGE | CR4_MCE,
	  CR4_MCE, KVM_CARETAKER_RCX, NOT_SERVED },
	{ "no decode assists", KVM_CARETAKER_CCB_MCE, CR4_PGE | CR4_MCE, CR4_MCE,
	  VMCB_CR_VALID | KVM_CARETAKER_RCX, NOT_SERVED },
};

static u32 cr4_write(const struct cr4_case *c)
{
	u32 gpr = c->info1 & VMCB_CR_GPR, i;

	for (i = 0; i < 16; i++)
		ccb.exit.gpr[i] = ~0ULL;
	h.vmcb.rax = ~0ULL;
	h.vmcb.rsp = ~0ULL;
	if (gpr == KVM_CARETAKER_RAX)
		h.vmcb.rax = CR4_OTHER | c->value;
	else if (gpr == KVM_CARETAKER_RSP)
		h.vmcb.rsp = CR4_OTHER | c->value;
	else
		ccb.exit.gpr[gpr] = CR4_OTHER | c->value;
	ccb.flags |= c->flags;
	h.vmcb.cr4 = CR4_OTHER | c->now;
	h.vmcb.info1 = c->info1;
	h.vmcb.next_rip = RIP + 7;
	return exit_detached(VMEXIT_CR4_WRITE);
}

static void test_cr4(void)
{
	const struct cr4_case *c;

	for (c = cr4_cases; c < cr4_cases + sizeof(cr4_cases) / sizeof(*c); c++) {
		u32 action;

		harness_reset();
		h.vmcb.rip = RIP;
		action = cr4_write(c);
		if (c->length == NOT_SERVED) {
			expect_blocked(action, VMEXIT_CR4_WRITE);
			EXPECT_EQ(h.vmcb.cr4, CR4_OTHER | c->now);
			continue;
		}
		EXPECT_EQ(action, PAYLOAD_ENTER);
		EXPECT_EQ(h.vmcb.rip, RIP + c->length);
		EXPECT_EQ(h.vmcb.cr4, CR4_OTHER | CR4_MCE | (c->value & CR4_PGE));
		EXPECT_EQ(h.vmcb.flush & 0xff, VMCB_FLUSH_ALL);
		EXPECT_EQ(h.vmcb.clean, VMCB_CLEAN_REENTRY & ~VMCB_CLEAN_CR);
		EXPECT_EQ(GAP_EXITS(VMEXIT_CR4_WRITE, NATIVE), 1);
		/* Once */
		h.vmcb.next_rip = RIP + 9;
		EXPECT_EQ(exit_detached(VMEXIT_PAUSE), PAYLOAD_ENTER);
		EXPECT_EQ(h.vmcb.flush & 0xff, 0);
		EXPECT_EQ(h.vmcb.clean, VMCB_CLEAN_REENTRY);
	}
}

static void cr4_read(u32 flags, u64 info1)
{
	u32 i;

	for (i = 0; i < 16; i++)
		ccb.exit.gpr[i] = i;
	h.vmcb.rax = KVM_CARETAKER_RAX;
	h.vmcb.rsp = KVM_CARETAKER_RSP;
	h.vmcb.rip = RIP;
	ccb.flags |= flags;
	h.vmcb.cr4 = CR4_OTHER | CR4_PGE | CR4_MCE;
	h.vmcb.info1 = info1;
}

/* @reg has @value, all others what they had */
static void expect_gprs(u32 reg, u64 value)
{
	u32 i;

	for (i = 0; i < 16; i++) {
		u64 now = i == KVM_CARETAKER_RAX ? h.vmcb.rax :
			  i == KVM_CARETAKER_RSP ? h.vmcb.rsp : ccb.exit.gpr[i];

		EXPECT_EQ(now, i == reg ? value : i);
	}
}

static void test_cr4_read(void)
{
	static const u32 regs[] = {
		KVM_CARETAKER_RAX, KVM_CARETAKER_RCX, KVM_CARETAKER_RSP, 8, 15,
	};
	u32 i, mce;

	for (i = 0; i < 2 * sizeof(regs) / sizeof(regs[0]); i++) {
		u32 reg = regs[i / 2];

		mce = i & 1 ? KVM_CARETAKER_CCB_MCE : 0;
		harness_reset();
		cr4_read(KVM_CARETAKER_CCB_DECODES | mce, VMCB_CR_VALID | reg);
		EXPECT_EQ(exit_detached(VMEXIT_CR4_READ), PAYLOAD_ENTER);
		EXPECT_EQ(h.vmcb.rip, RIP + (reg < 8 ? 3 : 4));
		expect_gprs(reg, CR4_OTHER | CR4_PGE | (mce ? CR4_MCE : 0));
		EXPECT_EQ(h.vmcb.cr4, CR4_OTHER | CR4_PGE | CR4_MCE);
		EXPECT_EQ(h.vmcb.flush & 0xff, 0);
		EXPECT_EQ(h.vmcb.clean, VMCB_CLEAN_REENTRY);
		EXPECT_EQ(GAP_EXITS(VMEXIT_CR4_READ, NATIVE), 1);
	}
}

static void test_cr4_read_unknown(void)
{
	cr4_read(KVM_CARETAKER_CCB_DECODES, KVM_CARETAKER_RCX);
	expect_blocked(exit_detached(VMEXIT_CR4_READ), VMEXIT_CR4_READ);
	expect_gprs(16, 0);
	harness_reset();
	cr4_read(0, VMCB_CR_VALID | KVM_CARETAKER_RCX);
	expect_blocked(exit_detached(VMEXIT_CR4_READ), VMEXIT_CR4_READ);
	expect_gprs(16, 0);
}

static void test_cr4_single_step(void)
{
	h.vmcb.rflags |= RFLAGS_TF;
	expect_blocked(cr4_write(&cr4_cases[0]), VMEXIT_CR4_WRITE);
}

static void test_cr4_no_handler(void)
{
	handler_set(KVM_CARETAKER_CLASS_OTHER, handler_handled);
	EXPECT_EQ(cr4_write(&cr4_cases[0]), PAYLOAD_ENTER);
	EXPECT_EQ(GAP_EXITS(VMEXIT_CR4_WRITE, NATIVE), 1);
	EXPECT_EQ(GAP_EXITS(VMEXIT_CR4_WRITE, HANDLER), 0);
}

static void test_rdmsr(void)
{
	msr_add(0x1b, KVM_CARETAKER_MSR_READ_GAP, 0xfee00d00);
	GPR(RCX) = 0x1b;
	EXPECT_EQ(exit_detached(VMEXIT_MSR), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rax, 0xfee00d00);
}

static void test_tsc(void)
{
	GPR(RCX) = 0x10;
	h.vmcb.tsc_offset = 0xffffffff00000000;
	h.tsc = 0x500000000 - 20;	/* #VMEXIT reads it, too */
	EXPECT_EQ(exit_detached(VMEXIT_MSR), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rax, 0);
	EXPECT_EQ(GPR(RDX), 4);
}

static void test_rdtsc(void)
{
	h.vmcb.tsc_offset = 0x500000000;
	h.tsc = 0x1000;
	EXPECT_EQ(exit_detached(VMEXIT_RDTSC), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rax, 0x1014);
	EXPECT_EQ(GPR(RDX), 5);
	EXPECT_EQ(h.vmcb.rip, RIP + 2);
}

/* KVM raises #UD in a guest that has no RDTSCP. */
static void test_rdtscp(void)
{
	cpuid_add(0x80000001, 0, 0, 0);
	h.meta.cpuid[KVM_CARETAKER_CPUID_HASH(0x80000001)].edx = ~(1 << 27);
	expect_blocked(exit_detached(VMEXIT_RDTSCP), VMEXIT_RDTSCP);
	ccb.state = KVM_CARETAKER_RUNNING;
	h.tsc = 0x1000;
	h.meta.cpuid[KVM_CARETAKER_CPUID_HASH(0x80000001)].edx = 1 << 27;
	ccb.tsc_aux = 0x1234;
	EXPECT_EQ(exit_detached(VMEXIT_RDTSCP), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rax, 0x1014);
	EXPECT_EQ(GPR(RCX), 0x1234);
	EXPECT_EQ(h.vmcb.rip, RIP + 3);
}

/* The registers stay as they are. */
static void test_nops(void)
{
	static const struct { u32 code, length; } nops[] = {
		{ VMEXIT_INVD, 2 }, { VMEXIT_WBINVD, 2 },
		{ VMEXIT_MONITOR, 3 }, { VMEXIT_MWAIT, 3 },
	};
	u32 i;

	for (i = 0; i < sizeof(nops) / sizeof(nops[0]); i++) {
		harness_reset();
		cpuid_add(1, 0, 0, 0);
		h.meta.cpuid[KVM_CARETAKER_CPUID_HASH(1)].ecx = 1 << 3;
		EXPECT_EQ(exit_detached(nops[i].code), PAYLOAD_ENTER);
		EXPECT_EQ(h.vmcb.rip, RIP + nops[i].length);
		EXPECT_EQ(h.vmcb.rax, 0xdead0000000000aa);
		EXPECT_EQ(GPR(RCX), 0xa1);
	}
}

static void test_x2apic_msrs(void)
{
	ccb.flags |= KVM_CARETAKER_CCB_X2APIC;
	*lapic_at(0x20) = 3;
	GPR(RCX) = 0x802;
	EXPECT_EQ(exit_detached(VMEXIT_MSR), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rax, 3);
	EXPECT_EQ(GPR(RDX), 0);
	GPR(RCX) = 0x808;
	GPR(RDX) = 0xffffffff00000000;
	h.vmcb.rax = 0xffffffff00000020;
	h.vmcb.info1 = VMCB_MSR_WRITE;
	EXPECT_EQ(exit_detached(VMEXIT_MSR), PAYLOAD_ENTER);
	EXPECT_EQ(*lapic_at(0x80), 0x20);
	EXPECT_EQ(h.vmcb.rip, RIP + 4);
}

/* The deadline is kept as a host TSC; a write in another LVTT mode does nothing. */
static void test_deadline(void)
{
	ccb.flags |= KVM_CARETAKER_CCB_X2APIC;
	*lapic_at(0x320) = 0x400ec;
	h.vmcb.tsc_offset = -0x1000;
	h.tsc = 0x2000;
	GPR(RCX) = 0x6e0;
	GPR(RDX) = 0xdead00000001;
	h.vmcb.rax = 0xffffffff00002000;
	h.vmcb.info1 = VMCB_MSR_WRITE;
	EXPECT_EQ(exit_detached(VMEXIT_MSR), PAYLOAD_ENTER);
	EXPECT_EQ(ccb.timer_expiry, 0x100003000);
	h.vmcb.info1 = 0;
	EXPECT_EQ(exit_detached(VMEXIT_MSR), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rax, 0x2000);
	EXPECT_EQ(GPR(RDX), 1);
	GPR(RDX) = 0;
	h.vmcb.rax = 0;
	h.vmcb.info1 = VMCB_MSR_WRITE;
	EXPECT_EQ(exit_detached(VMEXIT_MSR), PAYLOAD_ENTER);
	EXPECT_EQ(ccb.timer_expiry, 0);
	*lapic_at(0x320) = 0x200ec;
	h.vmcb.rax = 5;
	EXPECT_EQ(exit_detached(VMEXIT_MSR), PAYLOAD_ENTER);
	EXPECT_EQ(ccb.timer_expiry, 0);
	EXPECT_EQ(payload_deadline_read(), 0);
}

static void test_wrmsr_blocks(void)
{
	GPR(RCX) = 0x123;
	h.vmcb.info1 = VMCB_MSR_WRITE;
	expect_blocked(exit_detached(VMEXIT_MSR), VMEXIT_MSR);
}

static void test_rdmsr_blocks(void)
{
	GPR(RCX) = 0x123;
	expect_blocked(exit_detached(VMEXIT_MSR), VMEXIT_MSR);
}

static void test_unknown_blocks(void)
{
	static const u64 codes[] = {
		0, 0x40, 0x65, VMEXIT_RDTSCP, VMEXIT_IOIO, VMEXIT_VMMCALL, VMEXIT_NPF, 0x41f,
		VMEXIT_XSETBV, VMEXIT_MONITOR, VMEXIT_MWAIT, VMEXIT_RDPMC,
	};
	u32 i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		harness_reset();
		h.vmcb.info2 = RIP + 1;
		expect_blocked(exit_detached(codes[i]), payload_reason_index(codes[i]));
		EXPECT_EQ(h.vmcb.rax, 0xdead0000000000aa);
	}
}

static void test_hlt(void)
{
	EXPECT_EQ(exit_detached(VMEXIT_HLT), PAYLOAD_LEAVE);
	EXPECT_EQ(h.idles, 1);
	EXPECT_EQ(h.spins, 0);
	EXPECT_EQ(h.vmcb.rip, RIP + 1);
	EXPECT(ccb.flags & KVM_CARETAKER_CCB_HALTED);
	EXPECT_EQ(GAP_EXITS(VMEXIT_HLT, NATIVE), 1);
}

static void test_pause(void)
{
	EXPECT_EQ(exit_detached(VMEXIT_PAUSE), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rip, RIP + 2);
}

/* The exit is served, then the vCPU goes. */
static void test_adopting(void)
{
	cpuid_add(0xaa, 0, 0, 0x500);
	ccb.state = KVM_CARETAKER_ADOPTING;
	EXPECT_EQ(exit_detached(VMEXIT_CPUID), PAYLOAD_LEAVE);
	EXPECT_EQ(h.vmcb.rip, RIP + 2);
	EXPECT_EQ(h.vmcb.rax, 0x500);
}

static void test_adopting_blocking(void)
{
	ccb.state = KVM_CARETAKER_ADOPTING;
	EXPECT_EQ(exit_detached(VMEXIT_IOIO), PAYLOAD_LEAVE);
	EXPECT_EQ(h.spins, 0);
	EXPECT_EQ(ccb.state, KVM_CARETAKER_ADOPTING);
	EXPECT_EQ(h.telemetry.nr_stalls, 1);
	EXPECT(h.telemetry.stalls[0].tsc_end > h.telemetry.stalls[0].tsc_start);
}

static void test_nmi(void)
{
	EXPECT_EQ(exit_detached(VMEXIT_NMI), PAYLOAD_ENTER);
	EXPECT_EQ(exit_detached(VMEXIT_INTR), PAYLOAD_ENTER);
	EXPECT_EQ(exit_detached(VMEXIT_SMI), PAYLOAD_ENTER);
	EXPECT_EQ(exit_detached(VMEXIT_INIT), PAYLOAD_ENTER);
	EXPECT_EQ(h.windows, 4);
	EXPECT_EQ(h.fault, 0);
	EXPECT_EQ(h.vmcb.rip, RIP);
	EXPECT_EQ(h.vmcb.int_state, 3);
	h.on_window = adopt;
	EXPECT_EQ(exit_detached(VMEXIT_NMI), PAYLOAD_LEAVE);
	EXPECT_EQ(h.windows, 5);
}

static void test_handled(void)
{
	handler_set(KVM_CARETAKER_CLASS_IO, handler_handled);
	h.vmcb.info2 = RIP + 1;
	EXPECT_EQ(exit_detached(VMEXIT_IOIO), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rax, 0x77);
	EXPECT_EQ(h.vmcb.rip, RIP + 1);
	EXPECT_EQ(GAP_EXITS(VMEXIT_IOIO, HANDLER), 1);
}

static void test_forward_blocks(void)
{
	static u32 (*const handlers[])(u64 *) = {
		handler_forward, handler_fuel, handler_unknown, handler_next,
	};
	u32 i;

	for (i = 0; i < 4; i++) {
		harness_reset();
		handler_set(KVM_CARETAKER_CLASS_IO, handlers[i]);
		h.vmcb.info2 = RIP + 1;
		expect_blocked(exit_detached(VMEXIT_IOIO), VMEXIT_IOIO);
		EXPECT_EQ(GPR(RBX), 0xa3);
		EXPECT_EQ(h.telemetry.fuel_out, handlers[i] == handler_fuel);
	}
}

static void test_next_native(void)
{
	handler_set(KVM_CARETAKER_CLASS_HLT, handler_next);
	EXPECT_EQ(exit_detached(VMEXIT_HLT), PAYLOAD_LEAVE);
	EXPECT_EQ(h.idles, 1);
	EXPECT_EQ(GPR(RBX), 0xa3);
}

static void test_event_reinjected(void)
{
	h.vmcb.exit_int_info = EVENT_PF;
	h.vmcb.exit_int_info_err = 0x15;
	EXPECT_EQ(exit_detached(VMEXIT_NMI), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.event_inj, EVENT_PF);
	EXPECT_EQ(h.vmcb.event_inj_err, 0x15);
	h.vmcb.exit_int_info = 0;
	EXPECT_EQ(exit_detached(VMEXIT_PAUSE), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.event_inj, 0);
}

static void test_event_reexecuted(void)
{
	h.vmcb.exit_int_info = EVENT_SOFT;
	EXPECT_EQ(exit_detached(VMEXIT_NMI), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.event_inj, 0);
	h.vmcb.exit_int_info = EVENT_INT3;
	EXPECT_EQ(exit_detached(VMEXIT_NMI), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.event_inj, 0);
}

static void test_event_blocked(void)
{
	cpuid_add(0xaa, 0, 0, 0);
	h.vmcb.exit_int_info = EVENT_IRQ;
	expect_blocked(exit_detached(VMEXIT_NPF), KVM_CARETAKER_REASON_NPF);
	payload_event_park(&h.vmcb);
	EXPECT_EQ(h.vmcb.exit_int_info, EVENT_IRQ);
	EXPECT_EQ(h.vmcb.event_inj, 0);
}

static void test_event_parked(void)
{
	h.on_window = adopt;
	h.vmcb.exit_int_info = EVENT_PF;
	h.vmcb.exit_int_info_err = 0x15;
	EXPECT_EQ(exit_detached(VMEXIT_NMI), PAYLOAD_LEAVE);
	payload_event_park(&h.vmcb);
	EXPECT_EQ(h.vmcb.exit_int_info, EVENT_PF);
	EXPECT_EQ(h.vmcb.exit_int_info_err, 0x15);
	EXPECT_EQ(h.vmcb.event_inj, 0);
}

static void test_event_never_ran(void)
{
	h.vmcb.event_inj = EVENT_PF;
	h.vmcb.event_inj_err = 0x15;
	payload_event_begin(&h.vmcb);
	payload_event_park(&h.vmcb);
	EXPECT_EQ(h.vmcb.exit_int_info, EVENT_PF);
	EXPECT_EQ(h.vmcb.exit_int_info_err, 0x15);
	EXPECT_EQ(h.vmcb.event_inj, 0);
	payload_event_begin(&h.vmcb);
	payload_event_park(&h.vmcb);
	EXPECT_EQ(h.vmcb.exit_int_info, 0);
}

static void test_event_soft_parked(void)
{
	h.on_window = adopt;
	h.vmcb.exit_int_info = EVENT_SOFT;
	exit_detached(VMEXIT_NMI);
	payload_event_park(&h.vmcb);
	EXPECT_EQ(h.vmcb.exit_int_info, 0);
}

static void test_single_step(void)
{
	h.vmcb.rflags |= RFLAGS_TF;
	cpuid_add(0xaa, 0, 0, 0);
	expect_blocked(exit_detached(VMEXIT_CPUID), VMEXIT_CPUID);
}

static void test_faults(void)
{
	static const struct { u64 code, fault; } exits[] = {
		{ VMEXIT_SHUTDOWN, 0x17f },
		{ VMEXIT_INVALID, 0x1ff },
	};
	u32 i;

	for (i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
		harness_reset();
		exit_detached(exits[i].code);
		EXPECT_EQ(h.fault, exits[i].fault);
		EXPECT_EQ(h.fault_rip, RIP);
		EXPECT_EQ(h.telemetry.nr_stalls, 0);
	}
}

static void test_stall_ring(void)
{
	u32 i;

	for (i = 0; i < KVM_CARETAKER_NR_STALLS + 3; i++) {
		ccb.state = KVM_CARETAKER_RUNNING;
		h.vmcb.info1 = i;
		exit_detached(VMEXIT_IOIO);
	}
	EXPECT_EQ(h.telemetry.nr_stalls, KVM_CARETAKER_NR_STALLS + 3);
	EXPECT_EQ(h.telemetry.stalls[0].info1, KVM_CARETAKER_NR_STALLS);
	EXPECT_EQ(h.telemetry.stalls[2].info1, KVM_CARETAKER_NR_STALLS + 2);
	EXPECT_EQ(h.telemetry.stalls[3].info1, 3);
	EXPECT_EQ(h.telemetry.stalls[63].info1, 63);
}

const struct test tests_gap[] = {
	{ "gap: CPUID is served and counted as gap exit", test_cpuid },
	{ "gap: RDMSR by the gap policy", test_rdmsr },
	{ "gap: RDMSR of the TSC applies the offset", test_tsc },
	{ "gap: RDTSC applies the offset", test_rdtsc },
	{ "gap: RDTSCP if the guest has it, with TSC_AUX", test_rdtscp },
	{ "gap: WBINVD, INVD, MONITOR, MWAIT do nothing", test_nops },
	{ "gap: x2APIC registers through RDMSR and WRMSR", test_x2apic_msrs },
	{ "gap: TSC_DEADLINE is noted for the kernel that adopts", test_deadline },
	{ "gap: other WRMSR blocks", test_wrmsr_blocks },
	{ "gap: other RDMSR blocks", test_rdmsr_blocks },
	{ "gap: everything unknown blocks with RIP on it", test_unknown_blocks },
	{ "gap: HLT halts past the instruction", test_hlt },
	{ "gap: PAUSE is skipped", test_pause },
	{ "gap: vCPU wanted back after a served exit", test_adopting },
	{ "gap: vCPU wanted back during a blocking exit", test_adopting_blocking },
	{ "gap: NMI, INTR, SMI and INIT open a window and change nothing", test_nmi },
	{ "gap: CR4.PGE is switched, once with a flush; all else of CR4 blocks", test_cr4 },
	{ "gap: CR4 is read as the guest knows it", test_cr4_read },
	{ "gap: a read of CR4 to a register that nobody names blocks", test_cr4_read_unknown },
	{ "gap: CR4.PGE when single-stepped blocks", test_cr4_single_step },
	{ "gap: handlers are not asked about CR4", test_cr4_no_handler },
	{ "gap: HANDLED re-enters", test_handled },
	{ "gap: FORWARD, FUEL, unknown, NEXT with nobody left block", test_forward_blocks },
	{ "gap: NEXT tries native", test_next_native },
	{ "gap: interrupted event is injected once again", test_event_reinjected },
	{ "gap: software interrupt and INT3 are executed again", test_event_reexecuted },
	{ "gap: event survives a blocking exit", test_event_blocked },
	{ "gap: event is handed to the kernel in EXITINTINFO", test_event_parked },
	{ "gap: event of a vCPU that never ran is handed back", test_event_never_ran },
	{ "gap: software interrupt is not handed over", test_event_soft_parked },
	{ "gap: single step blocks", test_single_step },
	{ "gap: shutdown and an invalid VMCB fault", test_faults },
	{ "gap: stall ring wraps", test_stall_ring },
	{ NULL, NULL },
};

// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the payload core: exits while attached, verdicts.
 */
#include "harness.h"

#define RIP		0x401000
#define LEAF		0x40000001

u32 seen_fuel;
static u32 seen_reason;

static u32 handler_writes(u64 *cell, u32 verdict)
{
	struct kvm_caretaker_exit *exit = (void *)*cell;
	u32 i;

	seen_reason = exit->reason;
	for (i = 0; i < 16; i++)
		exit->gpr[i] = 0xbad0 + i;
	exit->rip = 0xbad;
	exit->rflags = 0xbad;
	return verdict;
}

static u32 handler_handled(u64 *cell)
{
	return handler_writes(cell, KVM_CARETAKER_HANDLED);
}

static u32 handler_next(u64 *cell)
{
	return handler_writes(cell, KVM_CARETAKER_NEXT);
}

static u32 handler_forward(u64 *cell)
{
	return handler_writes(cell, KVM_CARETAKER_FORWARD);
}

static u32 handler_block(u64 *cell)
{
	return handler_writes(cell, KVM_CARETAKER_BLOCK);
}

static u32 handler_fuel(u64 *cell)
{
	return handler_writes(cell, KVM_CARETAKER_FUEL);
}

static u32 handler_unknown(u64 *cell)
{
	return handler_writes(cell, 0x80000000);
}

/* Fuel arrives in R12; the rest of the context as the hardware said it. */
u32 handler_looks(u64 *cell);
u32 handler_looks_fuel(u64 *cell);
asm(".text; handler_looks_fuel: mov %r12d, seen_fuel(%rip); jmp handler_looks");

u32 handler_looks(u64 *cell)
{
	struct kvm_caretaker_exit *exit = (void *)*cell;

	EXPECT_EQ((u64)exit, (u64)&ccb.exit);
	EXPECT_EQ(exit->reason, VMEXIT_IOIO);
	EXPECT_EQ(exit->info1, 0x03f80010);
	EXPECT_EQ(exit->info2, RIP + 5);
	EXPECT_EQ(exit->rip, RIP);
	EXPECT_EQ(exit->rflags, 2);
	EXPECT_EQ(exit->cr4, 0x20);
	EXPECT_EQ(exit->gpr[KVM_CARETAKER_RAX], 0xdead0000000000aa);
	EXPECT_EQ(exit->gpr[KVM_CARETAKER_RSP], 0x9000);
	return KVM_CARETAKER_HANDLED;
}

static bool gprs_kept(void)
{
	u32 i;

	for (i = 0; i < 16; i++) {
		if (i == KVM_CARETAKER_RAX || i == KVM_CARETAKER_RSP)
			continue;
		if (ccb.exit.gpr[i] != 0xa0 + i)
			return false;
	}
	return h.vmcb.rax == 0xdead0000000000aa && h.vmcb.rsp == 0x9000;
}

static void expect_forwarded(u32 action, u32 index)
{
	EXPECT_EQ(action, PAYLOAD_LEAVE);
	EXPECT_EQ(EXITS(index, KVM), 1);
	EXPECT_EQ(ccb.seen, 7);
	EXPECT_EQ(h.vmcb.rip, RIP);
	EXPECT_EQ(h.vmcb.flush, 0x0301);
	EXPECT_EQ(h.vmcb.int_state, 3);
	EXPECT(gprs_kept());
}

static void test_cpuid_served(void)
{
	cpuid_add(LEAF, 0, 0, 0x500);
	h.vmcb.rax = 0xdead000000000000 | LEAF;
	EXPECT_EQ(exit_attached(VMEXIT_CPUID), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rax, 0x500);
	EXPECT_EQ(GPR(RBX), 0x501);
	EXPECT_EQ(GPR(RCX), 0x502);
	EXPECT_EQ(GPR(RDX), 0x503);
	EXPECT_EQ(EXITS(VMEXIT_CPUID, NATIVE), 1);
	EXPECT_EQ(EXITS(VMEXIT_CPUID, KVM), 0);
}

/* What KVM asked for once must not happen at the next entry, and what is cached stays valid. */
static void test_reentry(void)
{
	cpuid_add(0xaa, 0, 0, 0);
	exit_attached(VMEXIT_CPUID);
	EXPECT_EQ(h.vmcb.rip, RIP + 2);
	EXPECT_EQ(h.vmcb.flush, 0x0100);
	EXPECT_EQ(h.vmcb.event_inj, 0);
	EXPECT_EQ(h.vmcb.int_state, 2);
	EXPECT_EQ(h.vmcb.next_rip, 0);
	EXPECT_EQ(h.vmcb.clean, VMCB_CLEAN_REENTRY);
}

static void test_cpuid_miss(void)
{
	expect_forwarded(exit_attached(VMEXIT_CPUID), VMEXIT_CPUID);
}

static void test_rip_nrips(void)
{
	ccb.flags |= KVM_CARETAKER_CCB_NRIPS;
	cpuid_add(0xaa, 0, 0, 0);
	h.vmcb.next_rip = RIP + 4;
	EXPECT_EQ(exit_attached(VMEXIT_CPUID), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rip, RIP + 4);
}

static void test_rip_nrips_zero(void)
{
	ccb.flags |= KVM_CARETAKER_CCB_NRIPS;
	cpuid_add(0xaa, 0, 0, 0);
	h.vmcb.next_rip = 0;
	expect_forwarded(exit_attached(VMEXIT_CPUID), VMEXIT_CPUID);
}

/* next_rip of an exit that is no instruction may be stale: it is not used. */
static void test_rip_not_an_instruction(void)
{
	ccb.flags |= KVM_CARETAKER_CCB_NRIPS;
	handler_set(KVM_CARETAKER_CLASS_OTHER, handler_handled);
	handler_set(KVM_CARETAKER_CLASS_MMIO, handler_handled);
	expect_forwarded(exit_attached(VMEXIT_INTR), VMEXIT_INTR);
	expect_forwarded(exit_attached(VMEXIT_NPF), KVM_CARETAKER_REASON_NPF);
}

static void test_rip_lengths(void)
{
	static const struct { u32 code, class, length; } exits[] = {
		{ VMEXIT_CPUID, KVM_CARETAKER_CLASS_CPUID, 2 },
		{ VMEXIT_MSR, KVM_CARETAKER_CLASS_RDMSR, 2 },
		{ VMEXIT_PAUSE, KVM_CARETAKER_CLASS_PAUSE, 2 },
		{ VMEXIT_HLT, KVM_CARETAKER_CLASS_HLT, 1 },
		{ VMEXIT_VMMCALL, KVM_CARETAKER_CLASS_HYPERCALL, 3 },
		{ VMEXIT_WBINVD, KVM_CARETAKER_CLASS_OTHER, 2 },
		{ VMEXIT_IOIO, KVM_CARETAKER_CLASS_IO, 7 },
	};
	u32 i;

	for (i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
		harness_reset();
		handler_set(exits[i].class, handler_handled);
		h.vmcb.info2 = exits[i].code == VMEXIT_IOIO ? RIP + 7 : 0;
		EXPECT_EQ(exit_attached(exits[i].code), PAYLOAD_ENTER);
		EXPECT_EQ(h.vmcb.rip, RIP + exits[i].length);
		EXPECT_EQ(seen_reason, exits[i].code);
	}
}

static void test_single_step(void)
{
	cpuid_add(0xaa, 0, 0, 0);
	h.vmcb.rflags |= RFLAGS_TF;
	expect_forwarded(exit_attached(VMEXIT_CPUID), VMEXIT_CPUID);
}

static void test_event_delivery(void)
{
	cpuid_add(0xaa, 0, 0, 0);
	h.vmcb.exit_int_info = VMCB_EVENT_VALID | 0x30;
	expect_forwarded(exit_attached(VMEXIT_CPUID), VMEXIT_CPUID);
	EXPECT_EQ(h.vmcb.exit_int_info, VMCB_EVENT_VALID | 0x30);
}

static void test_rdmsr(void)
{
	msr_add(0x8b, KVM_CARETAKER_MSR_READ, 0x1122334455667788);
	GPR(RCX) = 0xffffffff0000008b;
	EXPECT_EQ(exit_attached(VMEXIT_MSR), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rax, 0x55667788);
	EXPECT_EQ(GPR(RDX), 0x11223344);
}

static void test_msr_forwarded(void)
{
	msr_add(0xa1, KVM_CARETAKER_MSR_READ_GAP, 1);
	expect_forwarded(exit_attached(VMEXIT_MSR), VMEXIT_MSR);
	h.meta.nr_msrs = 0;
	msr_add(0xa1, KVM_CARETAKER_MSR_READ, 1);
	h.vmcb.info1 = VMCB_MSR_WRITE;
	exit_attached(VMEXIT_MSR);
	EXPECT_EQ(EXITS(VMEXIT_MSR, KVM), 2);
	EXPECT_EQ(EXITS(VMEXIT_MSR, NATIVE), 0);
}

/* A count that lies must not make the payload read past the table. */
static void test_msr_count_bounded(void)
{
	h.meta.nr_msrs = 0xffffffff;
	expect_forwarded(exit_attached(VMEXIT_MSR), VMEXIT_MSR);
}

static void test_pause(void)
{
	EXPECT_EQ(exit_attached(VMEXIT_PAUSE), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rip, RIP + 2);
	EXPECT_EQ(EXITS(VMEXIT_PAUSE, NATIVE), 1);
}

static void test_rest_to_kvm(void)
{
	static const u64 codes[] = {
		0, 0x40, VMEXIT_EXCP_MC, VMEXIT_INTR, VMEXIT_NMI, VMEXIT_SMI, VMEXIT_INIT,
		VMEXIT_HLT, VMEXIT_IOIO, VMEXIT_SHUTDOWN, VMEXIT_VMMCALL, 0xdf, VMEXIT_NPF, 0x41e,
		0x41f, 0xe0, 0x3ff, VMEXIT_INVALID, 0x100000000ULL + VMEXIT_CPUID,
	};
	u32 i;

	cpuid_add(0xaa, 0, 0, 0);
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		EXPECT_EQ(exit_attached(codes[i]), PAYLOAD_LEAVE);
		EXPECT_EQ(h.vmcb.rip, RIP);
		EXPECT(gprs_kept());
	}
}

static void test_reason_index(void)
{
	EXPECT_EQ(payload_reason_index(0), 0);
	EXPECT_EQ(payload_reason_index(0xdf), 0xdf);
	EXPECT_EQ(payload_reason_index(0xe0), 0xff);
	EXPECT_EQ(payload_reason_index(0x3ff), 0xff);
	EXPECT_EQ(payload_reason_index(0x400), 0xe0);
	EXPECT_EQ(payload_reason_index(0x41e), 0xfe);
	EXPECT_EQ(payload_reason_index(0x41f), 0xff);
	EXPECT_EQ(payload_reason_index(VMEXIT_INVALID), 0xff);
}

static void test_handler_context(void)
{
	handler_set(KVM_CARETAKER_CLASS_IO, handler_looks_fuel);
	h.vmcb.info1 = 0x03f80010;
	h.vmcb.info2 = RIP + 5;
	h.vmcb.cr4 = 0x20;
	EXPECT_EQ(exit_attached(VMEXIT_IOIO), PAYLOAD_ENTER);
	EXPECT_EQ(seen_fuel, 1234);
	EXPECT(gprs_kept());
}

static void test_handled(void)
{
	u32 i;

	handler_set(KVM_CARETAKER_CLASS_CPUID, handler_handled);
	EXPECT_EQ(exit_attached(VMEXIT_CPUID), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rax, 0xbad0);
	EXPECT_EQ(h.vmcb.rsp, 0x9000);
	EXPECT_EQ(h.vmcb.rip, RIP + 2);
	EXPECT_EQ(h.vmcb.rflags, 2);
	for (i = 1; i < 16; i++)
		if (i != KVM_CARETAKER_RSP)
			EXPECT_EQ(ccb.exit.gpr[i], 0xbad0 + i);
	EXPECT_EQ(EXITS(VMEXIT_CPUID, HANDLER), 1);
	EXPECT_EQ(EXITS(VMEXIT_CPUID, NATIVE), 0);
}

static void test_next_native(void)
{
	handler_set(KVM_CARETAKER_CLASS_CPUID, handler_next);
	cpuid_add(0xaa, 0xa1, KVM_CARETAKER_CPUID_INDEXED, 0x500);
	EXPECT_EQ(exit_attached(VMEXIT_CPUID), PAYLOAD_ENTER);
	EXPECT_EQ(h.vmcb.rax, 0x500);
	EXPECT_EQ(GPR(RSI), 0xa6);
	EXPECT_EQ(EXITS(VMEXIT_CPUID, NATIVE), 1);
	EXPECT_EQ(EXITS(VMEXIT_CPUID, HANDLER), 0);
}

static void test_next_nobody(void)
{
	handler_set(KVM_CARETAKER_CLASS_IO, handler_next);
	h.vmcb.info2 = RIP + 1;
	expect_forwarded(exit_attached(VMEXIT_IOIO), VMEXIT_IOIO);
}

static void test_other_verdicts(void)
{
	static u32 (*const handlers[])(u64 *) = {
		handler_forward, handler_block, handler_fuel, handler_unknown,
	};
	u32 i;

	for (i = 0; i < 4; i++) {
		harness_reset();
		cpuid_add(0xaa, 0, 0, 0);
		handler_set(KVM_CARETAKER_CLASS_CPUID, handlers[i]);
		expect_forwarded(exit_attached(VMEXIT_CPUID), VMEXIT_CPUID);
		EXPECT_EQ(h.telemetry.fuel_out, handlers[i] == handler_fuel);
	}
}

static void test_msr_classes(void)
{
	handler_set(KVM_CARETAKER_CLASS_WRMSR, handler_handled);
	expect_forwarded(exit_attached(VMEXIT_MSR), VMEXIT_MSR);
	h.vmcb.info1 = VMCB_MSR_WRITE;
	EXPECT_EQ(exit_attached(VMEXIT_MSR), PAYLOAD_ENTER);
	EXPECT_EQ(EXITS(VMEXIT_MSR, HANDLER), 1);
}

/* HANDLED means "advance RIP": a handler is not asked where that cannot be done. */
static void test_no_rip_no_handler(void)
{
	seen_reason = 0;
	handler_set(KVM_CARETAKER_CLASS_MMIO, handler_handled);
	handler_set(KVM_CARETAKER_CLASS_OTHER, handler_handled);
	exit_attached(VMEXIT_NPF);
	exit_attached(VMEXIT_SHUTDOWN);
	h.vmcb.rflags |= RFLAGS_TF;
	exit_attached(VMEXIT_WBINVD);
	EXPECT_EQ(seen_reason, 0);
}

const struct test tests_attached[] = {
	{ "attached: CPUID leaf of the table is served", test_cpuid_served },
	{ "attached: re-entry repeats no flush and no event", test_reentry },
	{ "attached: CPUID leaf without entry goes to KVM untouched", test_cpuid_miss },
	{ "attached: RIP from next_rip with NRIPS", test_rip_nrips },
	{ "attached: next_rip 0 with NRIPS goes to KVM", test_rip_nrips_zero },
	{ "attached: stale next_rip of no instruction is not used", test_rip_not_an_instruction },
	{ "attached: RIP by instruction length without NRIPS", test_rip_lengths },
	{ "attached: single step goes to KVM", test_single_step },
	{ "attached: exit during event delivery goes to KVM", test_event_delivery },
	{ "attached: RDMSR of the policy is served", test_rdmsr },
	{ "attached: other MSR accesses go to KVM", test_msr_forwarded },
	{ "attached: MSR count beyond the table is bounded", test_msr_count_bounded },
	{ "attached: PAUSE is skipped", test_pause },
	{ "attached: everything else goes to KVM untouched", test_rest_to_kvm },
	{ "attached: reason index", test_reason_index },
	{ "handler: gets context and fuel", test_handler_context },
	{ "handler: HANDLED writes GPRs, not RSP, RIP or RFLAGS", test_handled },
	{ "handler: NEXT undoes its writes and tries native", test_next_native },
	{ "handler: NEXT with nobody left goes to KVM", test_next_nobody },
	{ "handler: FORWARD, BLOCK, FUEL, unknown go to KVM untouched", test_other_verdicts },
	{ "handler: RDMSR and WRMSR are classes of their own", test_msr_classes },
	{ "handler: not asked when RIP cannot be advanced", test_no_rip_no_handler },
	{ NULL, NULL },
};

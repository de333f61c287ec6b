// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the payload core: which accesses to memory a handler is asked about, and what
 * becomes of its answer.
 */
#include <stdlib.h>

#include "harness.h"
#include "../mmio.h"

#define RIP		0x401000
#define GPA		0xfd000010ULL
#define FINAL		(1ULL << 32)
#define USER		4
#define WRITE		2
#define ATTACHED	(FINAL | USER | 8 | 1)	/* KVM's reserved bit */
#define DETACHED	(FINAL | USER)		/* not mapped */

static struct kvm_caretaker_exit seen;
static u32 calls, answer;
static u64 answer_value;

static u32 handler_answers(u64 *cell)
{
	struct kvm_caretaker_exit *exit = (void *)*cell;

	seen = *exit;
	calls++;
	exit->mmio_value = answer_value;
	return answer;
}

/* An access through RBX, of 64-bit mode, at GPA */
static void access(const u8 *code, u32 count, u64 info1)
{
	harness_reset();
	calls = 0;
	answer = KVM_CARETAKER_HANDLED;
	answer_value = 0x8877665544332291;
	handler_set(KVM_CARETAKER_CLASS_MMIO, handler_answers);
	ccb.flags = KVM_CARETAKER_CCB_DECODES;
	h.vmcb.efer = EFER_LMA;
	h.vmcb.cs_attributes = CS_LONG;
	h.vmcb.dr7 = 0x400;
	h.vmcb.rflags |= RFLAGS_RF;
	h.vmcb.info1 = info1;
	h.vmcb.info2 = GPA;
	h.vmcb.insn_len = count;
	memcpy(h.vmcb.insn_bytes, code, count);
	GPR(RBX) = 0xffffc90000000000 | (GPA & 0xfff);
	GPR(RDX) = 0x1122334455667788;
}

static u64 *register_at(u32 reg)
{
	return !reg ? &h.vmcb.rax : reg == KVM_CARETAKER_RSP ? &h.vmcb.rsp : &ccb.exit.gpr[reg];
}

/* The register that a load writes, by the form of the load; all others stay. */
static const struct load {
	const char *code;
	u32 length, bytes, reg;
	u64 before, after;
} loads[] = {
	{ "\x8a\x03", 2, 1, 0, 0x1111111111111111, 0x1111111111111191 },
	{ "\x8a\x23", 2, 1, 0, 0x1111111111111111, 0x1111111111119111 },	/* AH */
	{ "\x8a\x2b", 2, 1, 1, 0x1111111111111111, 0x1111111111119111 },	/* CH */
	{ "\x8a\x33", 2, 1, 2, 0x1111111111111111, 0x1111111111119111 },	/* DH */
	{ "\x8a\x3b", 2, 1, 3, 0xffffc90000000010, 0xffffc90000009110 },	/* BH */
	{ "\x40\x8a\x23", 3, 1, 4, 0x1111111111111111, 0x1111111111111191 },	/* SPL */
	{ "\x40\x8a\x3b", 3, 1, 7, 0x1111111111111111, 0x1111111111111191 },	/* DIL */
	{ "\x44\x8a\x03", 3, 1, 8, 0x1111111111111111, 0x1111111111111191 },
	{ "\x44\x8a\x3b", 3, 1, 15, 0x1111111111111111, 0x1111111111111191 },
	{ "\x66\x8b\x03", 3, 2, 0, 0x1111111111111111, 0x1111111111112291 },
	{ "\x66\x44\x8b\x0b", 4, 2, 9, 0x1111111111111111, 0x1111111111112291 },
	{ "\x8b\x03", 2, 4, 0, 0x1111111111111111, 0x44332291 },
	{ "\x8b\x23", 2, 4, 4, 0x1111111111111111, 0x44332291 },
	{ "\x44\x8b\x23", 3, 4, 12, 0x1111111111111111, 0x44332291 },
	{ "\x48\x8b\x03", 3, 8, 0, 0x1111111111111111, 0x8877665544332291 },
	{ "\x48\x8b\x1b", 3, 8, 3, 0xffffc90000000010, 0x8877665544332291 },
	{ "\x4c\x8b\x2b", 3, 8, 13, 0x1111111111111111, 0x8877665544332291 },
	{ "\x66\x48\x8b\x2b", 4, 8, 5, 0x1111111111111111, 0x8877665544332291 },
	{ "\x0f\xb6\x03", 3, 1, 0, 0x1111111111111111, 0x91 },
	{ "\x66\x0f\xb6\x0b", 4, 1, 1, 0x1111111111111111, 0x1111111111110091 },
	{ "\x48\x0f\xb6\x33", 4, 1, 6, 0x1111111111111111, 0x91 },
	{ "\x0f\xb7\x23", 3, 2, 4, 0x1111111111111111, 0x2291 },
	{ "\x4c\x0f\xb7\x03", 4, 2, 8, 0x1111111111111111, 0x2291 },
	{ "\x0f\xbe\x03", 3, 1, 0, 0x1111111111111111, 0xffffff91 },
	{ "\x66\x0f\xbe\x03", 4, 1, 0, 0x1111111111111111, 0x111111111111ff91 },
	{ "\x48\x0f\xbe\x13", 4, 1, 2, 0x1111111111111111, 0xffffffffffffff91 },
	{ "\x0f\xbf\x03", 3, 2, 0, 0x1111111111111111, 0x2291 },
	{ "\x48\x0f\xbf\x03", 4, 2, 0, 0x1111111111111111, 0x2291 },
	{ "\x48\x63\x03", 3, 4, 0, 0x1111111111111111, 0x44332291 },
	{ "\x4c\x63\x3b", 3, 4, 15, 0x1111111111111111, 0x44332291 },
};

static const struct store {
	const char *code;
	u32 length, bytes;
	u64 value;
} stores[] = {
	{ "\x88\x13", 2, 1, 0x88 },
	{ "\x88\x33", 2, 1, 0x77 },				/* DH */
	{ "\x88\x03", 2, 1, 0xaa },
	{ "\x40\x88\x23", 3, 1, 0x00 },				/* SPL of 0x9000 */
	{ "\x40\x88\x33", 3, 1, 0xa6 },				/* SIL */
	{ "\x66\x89\x13", 3, 2, 0x7788 },
	{ "\x89\x13", 2, 4, 0x55667788 },
	{ "\x89\x23", 2, 4, 0x9000 },
	{ "\x48\x89\x13", 3, 8, 0x1122334455667788 },
	{ "\x48\x89\x03", 3, 8, 0xdead0000000000aa },
	{ "\x4c\x89\x3b", 3, 8, 0xaf },
	{ "\xc6\x03\x81", 3, 1, 0x81 },
	{ "\x66\xc7\x03\x34\x92", 5, 2, 0x9234 },
	{ "\xc7\x03\x78\x56\x34\x92", 6, 4, 0x92345678 },
	{ "\x48\xc7\x03\x78\x56\x34\x92", 7, 8, 0xffffffff92345678 },
	{ "\x48\xc7\x03\x78\x56\x34\x12", 7, 8, 0x12345678 },
};

static void registers_stay(const u64 *before, u32 but)
{
	u32 i;

	for (i = 0; i < 16; i++)
		if (i != but)
			EXPECT_EQ(*register_at(i), before[i]);
}

static void registers_take(u64 *to)
{
	u32 i;

	for (i = 0; i < 16; i++)
		to[i] = *register_at(i);
}

static u32 exits(bool detached)
{
	return detached ? exit_detached(VMEXIT_NPF) : exit_attached(VMEXIT_NPF);
}

static void expect_served(const char *code, u32 length, u32 bytes, bool detached)
{
	u32 failed = failures;

	EXPECT_EQ(exits(detached), PAYLOAD_ENTER);
	EXPECT_EQ(calls, 1);
	EXPECT_EQ(seen.mmio_size, bytes);
	EXPECT_EQ(seen.info2, GPA);
	EXPECT_EQ(seen.rip, RIP);
	EXPECT_EQ(h.vmcb.rip, RIP + length);
	EXPECT_EQ(h.vmcb.rflags, 2);
	EXPECT_EQ(h.vmcb.int_state & VMCB_INT_SHADOW, 0);
	EXPECT_EQ(ccb.exit.requests, 0);
	EXPECT_EQ(ccb.exit.mmio_size, 0);
	EXPECT_EQ(detached ? GAP_EXITS(KVM_CARETAKER_REASON_NPF, HANDLER) :
			     EXITS(KVM_CARETAKER_REASON_NPF, HANDLER), 1);
	if (failures != failed)
		printf("# instruction %02x %02x %02x\n", (u8)code[0], (u8)code[1], (u8)code[2]);
}

static void load_one(const struct load *l, bool detached)
{
	u64 before[16];
	u32 failed = failures;

	access((const u8 *)l->code, l->length, detached ? DETACHED : ATTACHED);
	*register_at(l->reg) = l->before;
	registers_take(before);
	expect_served(l->code, l->length, l->bytes, detached);
	EXPECT_EQ(seen.mmio_value, 0);
	EXPECT_EQ(*register_at(l->reg), l->after);
	registers_stay(before, l->reg);
	if (failures != failed)
		printf("# load %td\n", l - loads);
}

static void store_one(const struct store *s, bool detached)
{
	u64 before[16];
	u32 failed = failures;

	access((const u8 *)s->code, s->length, (detached ? DETACHED : ATTACHED) | WRITE);
	registers_take(before);
	expect_served(s->code, s->length, s->bytes, detached);
	EXPECT_EQ(seen.mmio_value, s->value);
	registers_stay(before, 16);
	if (failures != failed)
		printf("# store %td\n", s - stores);
}

static void test_loads(void)
{
	u32 i;

	for (i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		load_one(&loads[i], false);
		load_one(&loads[i], true);
	}
}

static void test_stores(void)
{
	u32 i;

	for (i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
		store_one(&stores[i], false);
		store_one(&stores[i], true);
	}
}

/* MOV to EAX, by an address that is made in another way each; for the registers see below. */
static const struct form {
	const char *code;
	u32 length, offset;
} forms[] = {
	{ "\x8b\x43\x00", 3, 0x010 },				/* 0(%rbx) */
	{ "\x8b\x83\x04\x13\x00\x00", 6, 0x314 },		/* 0x1304(%rbx) */
	{ "\x8b\x41\x90", 3, 0xfd8 },				/* -0x70(%rcx) */
	{ "\x8b\x04\x24", 3, 0x120 },				/* (%rsp) */
	{ "\x8b\x44\x24\xf0", 4, 0x110 },			/* -0x10(%rsp) */
	{ "\x8b\x04\x5b", 3, 0x030 },				/* (%rbx,%rbx,2) */
	{ "\x8b\x04\xcd\x10\x00\x00\x00", 7, 0x250 },		/* 0x10(,%rcx,8) */
	{ "\x8b\x04\x25\x24\x00\x00\x20", 7, 0x024 },		/* 0x20000024 */
	{ "\x8b\x04\x65\x24\x00\x00\x20", 7, 0x024 },		/* the same, scaled */
	{ "\x42\x8b\x04\x03", 4, 0x014 },			/* (%rbx,%r8,1) */
	{ "\x42\x8b\x04\xa3", 4, 0x410 },			/* (%rbx,%r12,4) */
	{ "\x41\x8b\x00", 3, 0x004 },				/* (%r8) */
	{ "\x41\x8b\x04\x24", 4, 0x100 },			/* (%r12) */
	{ "\x41\x8b\x45\x00", 4, 0x208 },			/* 0(%r13) */
	{ "\x41\x8b\x04\x0d\x10\x00\x00\x00", 8, 0x058 },	/* 0x10(,%rcx): no R13 */
	{ "\x43\x8b\x44\x2d\x08", 5, 0x418 },			/* 8(%r13,%r13,1) */
	{ "\x8b\x05\x0a\x00\x00\x00", 6, 0x010 },		/* 0xa(%rip) */
	{ "\x8b\x00", 2, 0x230 },				/* (%rax) */
	{ "\x3e\x8b\x03", 3, 0x010 },
	{ "\x67\x8b\x03", 3, 0x010 },
	{ "\x2e\x26\x36\x8b\x03", 5, 0x010 },
};

static void form_begin(const struct form *f)
{
	access((const u8 *)f->code, f->length, ATTACHED);
	h.vmcb.rax = 0xf230;
	h.vmcb.rsp = 0x7120;
	GPR(RCX) = 0x2048;
	ccb.exit.gpr[8] = 0x3004;
	ccb.exit.gpr[12] = 0x6100;
	ccb.exit.gpr[13] = 0x5208;
	h.vmcb.info2 = (GPA & ~0xfffULL) | f->offset;
}

static void test_addresses(void)
{
	u32 i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		form_begin(&forms[i]);
		EXPECT_EQ(exit_attached(VMEXIT_NPF), PAYLOAD_ENTER);
		EXPECT_EQ(h.vmcb.rip, RIP + forms[i].length);
		EXPECT_EQ(h.vmcb.rax, 0x44332291);
		form_begin(&forms[i]);
		h.vmcb.info2 ^= 8;
		EXPECT_EQ(exit_attached(VMEXIT_NPF), PAYLOAD_LEAVE);
		EXPECT_EQ(calls, 0);
		if (h.vmcb.rip != RIP)
			printf("# form %u\n", i);
	}
}

/* The access at the end of a page that fits, and those that do not, whichever page faulted. */
static void test_page_end(void)
{
	static const struct { u32 at, gpa, action; } ends[] = {
		{ 0xffc, 0xffc, PAYLOAD_ENTER },
		{ 0xffd, 0xffd, PAYLOAD_LEAVE },
		{ 0xfff, 0xfff, PAYLOAD_LEAVE },
		{ 0xffe, 0x000, PAYLOAD_LEAVE },
	};
	u32 i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		access((const u8 *)"\x8b\x03", 2, ATTACHED);
		GPR(RBX) = ends[i].at;
		h.vmcb.info2 = ends[i].gpa;
		EXPECT_EQ(exit_attached(VMEXIT_NPF), ends[i].action);
	}
}

/* What is not done: instructions of other kinds, and those whose address is not known. */
static const struct { const char *code; u32 length; } others[] = {
	{ "", 0 },
	{ "\xf0\x89\x13", 3 },			/* LOCK */
	{ "\xf3\x8b\x03", 3 },			/* REP */
	{ "\xf2\x8b\x03", 3 },
	{ "\x48\x67\x8b\x03", 4 },		/* REX that is not the last prefix */
	{ "\x48\x48\x8b\x03", 4 },
	{ "\x64\x8b\x03", 3 },			/* FS */
	{ "\x65\x8b\x03", 3 },			/* GS */
	{ "\xa1\x10\0\0\0\0\0\0\0", 9 },	/* MOV of an absolute address */
	{ "\xa5", 1 },				/* MOVS */
	{ "\x01\x03", 2 },			/* ADD */
	{ "\x0b\x03", 2 },			/* OR */
	{ "\x87\x03", 2 },			/* XCHG */
	{ "\x8c\x03", 2 },			/* MOV of a segment register */
	{ "\x8e\x03", 2 },
	{ "\x63\x03", 2 },			/* MOVSXD without REX.W */
	{ "\x66\x63\x03", 3 },
	{ "\xc6\x0b\x11", 3 },			/* 0xc6 /1 */
	{ "\xc7\x3b\x11\x11\x11\x11", 6 },	/* 0xc7 /7 */
	{ "\xc6\xf8\x11", 3 },			/* XABORT */
	{ "\x8b\xc3", 2 },			/* of a register */
	{ "\x0f\xb6\xc3", 3 },
	{ "\x0f\x10\x03", 3 },			/* MOVUPS */
	{ "\x0f\xb5\x03", 3 },			/* LGS */
	{ "\x0f\xbd\x03", 3 },			/* BSR */
	{ "\x0f\x38\xf0\x03", 4 },		/* MOVBE */
	{ "\x0f\xc3\x03", 3 },			/* MOVNTI */
	{ "\xc5\xf8\x10\x03", 4 },		/* VEX */
	{ "\xc4\xe1\x78\x10\x03", 5 },
	{ "\x62\xf1\x7c\x48\x10\x03", 6 },	/* EVEX */
	{ "\x8f\xe8\x78\x10\x03", 5 },		/* XOP, POP */
	{ "\x0f\x0f\x03\x0d", 4 },		/* 3DNow! */
};

/* Neither asked nor changed: attached KVM gets it, detached it blocks. */
static void expect_left(const char *what, u32 nr, bool detached)
{
	struct kvm_caretaker_exit exit;
	struct vmcb vmcb;
	u32 failed = failures;

	ccb.exit.flags = detached ? KVM_CARETAKER_EXIT_DETACHED : 0;
	h.vmcb.exit_code = VMEXIT_NPF;
	payload_handlers_begin(&h.vmcb);
	exit = ccb.exit;
	vmcb = h.vmcb;
	EXPECT_EQ(exits(detached), PAYLOAD_LEAVE);
	EXPECT_EQ(calls, 0);
	EXPECT_EQ(h.spins, detached);
	EXPECT(!memcmp(&ccb.exit, &exit, sizeof(exit)));
	EXPECT(!memcmp(&h.vmcb, &vmcb, sizeof(vmcb)));
	if (failures != failed)
		printf("# %s %u, %s\n", what, nr, detached ? "detached" : "attached");
}

static void test_others(void)
{
	u32 i, n;

	for (i = 0; i < 2 * sizeof(others) / sizeof(others[0]); i++) {
		access((const u8 *)others[i / 2].code, others[i / 2].length,
		       i & 1 ? DETACHED : ATTACHED);
		expect_left("instruction", i / 2, i & 1);
		h.vmcb.info1 |= WRITE;
		expect_left("instruction, writing,", i / 2, i & 1);
	}
	for (n = 0; n < 3; n++) {
		access((const u8 *)"\x48\x8b\x03", 3, ATTACHED);
		h.vmcb.insn_len = n;
		expect_left("bytes", n, false);
	}
}

/* EXITINFO1 of which a handler hears nothing; 1: attached, 2: detached */
static const struct { u64 info1; u32 where; } infos[] = {
	{ DETACHED, 1 },			/* not present: KVM's MMU */
	{ FINAL | USER | 1, 3 },		/* a page that may not be read, or written */
	{ ATTACHED, 2 },
	{ ATTACHED & ~FINAL, 1 },
	{ DETACHED & ~FINAL, 2 },
	{ ATTACHED | 2ULL << 32, 1 },		/* walking the guest's tables */
	{ DETACHED | 2ULL << 32, 2 },
	{ (DETACHED & ~FINAL) | 2ULL << 32, 2 },
	{ ATTACHED | 16, 1 },			/* fetch */
	{ DETACHED | 16, 2 },
	{ DETACHED | 32, 2 },			/* bits of which nothing is known */
	{ DETACHED | 64, 2 },
	{ DETACHED | 1ULL << 31, 2 },
	{ ATTACHED | 1ULL << 34, 1 },
	{ ATTACHED | WRITE, 1 },		/* a write, and a load */
	{ DETACHED | WRITE, 2 },
};

static void test_faults(void)
{
	u32 i;

	for (i = 0; i < sizeof(infos) / sizeof(infos[0]); i++) {
		access((const u8 *)"\x8b\x03", 2, infos[i].info1);
		if (infos[i].where & 1)
			expect_left("info1", i, false);
		access((const u8 *)"\x8b\x03", 2, infos[i].info1);
		if (infos[i].where & 2)
			expect_left("info1", i, true);
	}
	access((const u8 *)"\x89\x13", 2, DETACHED);
	expect_left("a store, and a read", 0, true);
}

/* A load that would be served but for one thing */
static void spoil(u32 how)
{
	switch (how) {
	case 0:
		ccb.flags &= ~KVM_CARETAKER_CCB_DECODES;
		return;
	case 1:
		h.vmcb.efer = 0;
		return;
	case 2:
		h.vmcb.cs_attributes = 0;	/* compatibility mode */
		return;
	case 3:
		h.vmcb.dr7 |= 2;
		return;
	case 4:
		h.vmcb.rflags |= RFLAGS_TF;
		return;
	case 5:
		h.handlers.entry[KVM_CARETAKER_CLASS_MMIO] = 0;
		return;
	}
}

static void test_conditions(void)
{
	u32 i;

	for (i = 0; i < 2 * 6; i++) {
		access((const u8 *)"\x8b\x03", 2, i & 1 ? DETACHED : ATTACHED);
		spoil(i / 2);
		expect_left("condition", i / 2, i & 1);
	}
	access((const u8 *)"\x8b\x03", 2, ATTACHED);
	h.vmcb.exit_int_info = VMCB_EVENT_VALID | 0x30;
	expect_left("event", 0, false);
}

/* With any other verdict nothing has happened, and nothing of it is left for the next exit. */
static void test_verdicts(void)
{
	static const u32 verdicts[] = {
		KVM_CARETAKER_NEXT, KVM_CARETAKER_FORWARD, KVM_CARETAKER_BLOCK,
		KVM_CARETAKER_FUEL, 77,
	};
	u64 before[16];
	struct vmcb vmcb;
	u32 i;

	for (i = 0; i < 2 * sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		access((const u8 *)"\x8b\x13", 2, i & 1 ? DETACHED : ATTACHED);
		answer = verdicts[i / 2];
		registers_take(before);
		h.vmcb.exit_code = VMEXIT_NPF;
		vmcb = h.vmcb;
		EXPECT_EQ(exits(i & 1), PAYLOAD_LEAVE);
		EXPECT_EQ(calls, 1);
		EXPECT_EQ(ccb.exit.requests, 0);
		EXPECT_EQ(ccb.exit.mmio_size, 0);
		EXPECT(!memcmp(&h.vmcb, &vmcb, sizeof(vmcb)));
		registers_stay(before, 16);
	}
}

/* What a handler asks for by kfuncs counts as with other exits. */
static u32 handler_injects(u64 *cell)
{
	struct kvm_caretaker_exit *exit = (void *)*cell;

	exit->irr[2] |= 2;
	exit->requests |= KVM_CARETAKER_REQUEST_IRQ;
	return handler_answers(cell);
}

static void test_requests(void)
{
	access((const u8 *)"\x8b\x13", 2, ATTACHED);
	handler_set(KVM_CARETAKER_CLASS_MMIO, handler_injects);
	EXPECT_EQ(exit_attached(VMEXIT_NPF), PAYLOAD_LEAVE);
	EXPECT_EQ(h.vmcb.exit_code, VMEXIT_INTR);
	EXPECT_EQ(ccb.exit.requests, KVM_CARETAKER_REQUEST_IRQ);
	EXPECT_EQ(GPR(RDX), 0x44332291);
	EXPECT_EQ(h.vmcb.rip, RIP + 2);
	access((const u8 *)"\x8b\x13", 2, DETACHED);
	handler_set(KVM_CARETAKER_CLASS_MMIO, handler_injects);
	EXPECT_EQ(exit_detached(VMEXIT_NPF), PAYLOAD_ENTER);
	EXPECT_EQ(ccb.exit.requests, 0);
	EXPECT(lapic_bit(0x200, 65));
	EXPECT_EQ(GPR(RDX), 0x44332291);
}

/* No byte is read beyond the last one: each buffer ends where the sanitizer sees it. */
static bool decode_exactly(const u8 *code, u32 count, struct payload_insn *insn)
{
	u8 *copy = malloc(count);
	bool decoded;

	memcpy(copy, code, count);
	decoded = payload_insn_decode(copy, count, insn);
	free(copy);
	return decoded;
}

static u32 random_next(u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* All first two bytes, at random what follows and how much: bytes that are missing are noticed. */
static void test_random(void)
{
	u32 state = 7, i, n, count, decoded = 0;
	struct payload_insn insn, again;
	u8 code[16];

	for (i = 0; i < 4 << 16; i++) {
		code[0] = i >> 8;
		code[1] = i;
		for (n = 2; n < 16; n++)
			code[n] = random_next(&state);
		count = random_next(&state) % 17;
		if (!decode_exactly(code, count, &insn))
			continue;
		decoded++;
		EXPECT(insn.length && insn.length <= count && insn.length <= PAYLOAD_INSN_MAX);
		EXPECT(decode_exactly(code, insn.length, &again) && again.length == insn.length);
		EXPECT(!decode_exactly(code, insn.length - 1, &again));
		EXPECT(insn.bytes && insn.bytes <= insn.width && insn.width <= 8 && insn.reg < 16);
	}
	EXPECT(decoded > 1000);
}

/* Fifteen bytes are the most, whatever the VMCB says. */
static void test_longest(void)
{
	u8 code[20] = { [0 ... 19] = 0x66 };
	struct payload_insn insn;

	memcpy(code + 8, "\x48\xc7\x03\x78\x56\x34\x12", 7);
	EXPECT(payload_insn_decode(code, 20, &insn));
	EXPECT_EQ(insn.length, 15);
	code[8] = 0x66;
	memcpy(code + 9, "\x48\xc7\x03\x78\x56\x34\x12", 7);
	EXPECT(!payload_insn_decode(code, 20, &insn));
}

/**
 * mmio_listing() - instructions that are decoded, for comparison with a disassembler
 * @path:	file for them, 16 bytes each, filled up with NOP
 *
 * Prints for each, as numbers: length, bytes of the access, whether it is a store, register, its
 * width, sign, high, base, index, scale, whether it stores an immediate, displacement, immediate.
 * insns.py reads it.
 */
int mmio_listing(const char *path)
{
	FILE *f = fopen(path, "wb");
	u32 state = 11, i, n, nr = 0;
	struct payload_insn d;
	u8 code[16];

	if (!f)
		return 1;
	for (i = 0; nr < 20000; i++) {
		for (n = 0; n < 15; n++)
			code[n] = random_next(&state);
		if (!payload_insn_decode(code, 15, &d))
			continue;
		memset(code + d.length, 0x90, 16 - d.length);
		fwrite(code, 16, 1, f);
		printf("%u %u %u %u %u %u %u %u %u %u %u %lld %lld\n", d.length, d.bytes,
		       d.write, d.reg, d.width, d.sign, d.high, d.base, d.index, d.scale,
		       d.is_imm, (s64)d.disp, d.is_imm ? (s64)d.imm : 0);
		nr++;
	}
	return fclose(f) ? 1 : 0;
}

const struct test tests_mmio[] = {
	{ "mmio: loads write their register as the CPU does", test_loads },
	{ "mmio: handlers see what a store writes", test_stores },
	{ "mmio: addresses fit the fault", test_addresses },
	{ "mmio: accesses across pages are left alone", test_page_end },
	{ "mmio: other instructions are left alone", test_others },
	{ "mmio: other faults are left alone", test_faults },
	{ "mmio: without all conditions nobody is asked", test_conditions },
	{ "mmio: no verdict but HANDLED changes anything", test_verdicts },
	{ "mmio: requests of a handler count", test_requests },
	{ "mmio: random bytes", test_random },
	{ "mmio: the longest instruction", test_longest },
	{ NULL, NULL }
};

// SPDX-License-Identifier: GPL-2.0
/* The kernel functions that handlers may call: what they give, and what they cost. */
#include "test.h"

#define MAX 24

/* r1 is the exit context when the instructions of a case begin. */
static const struct kfunc_case {
	const char *name;
	u64 result;
	struct ctv_insn insns[MAX];
} cases[] = {
	{ "time goes on", 1,
	  { MOV_X(6, 1), KFUNC(TIME), MOV_X(7, 0), MOV_X(1, 6), KFUNC(TIME),
	    JMP_X(CTV_JGT, 0, 7, 2), MOV(0, 0), EXIT(), MOV(0, 1), EXIT() } },
	{ "the last byte of the last scratch slot", 0x5a,
	  { MOV(2, 15), MOV(3, 256), KFUNC(SCRATCH), JMP_K(CTV_JEQ, 0, 0, 2),
	    ST(CTV_B, 0, 255, 0x5a), LDX(CTV_B, 0, 0, 255), EXIT() } },
	{ "scratch slots are apart", 7,
	  { MOV_X(6, 1), MOV(2, 3), MOV(3, 8), KFUNC(SCRATCH), ST(CTV_DW, 0, 0, 7), MOV_X(7, 0),
	    MOV_X(1, 6), MOV(2, 4), MOV(3, 8), KFUNC(SCRATCH), ST(CTV_DW, 0, 0, 9),
	    LDX(CTV_DW, 0, 7, 0), EXIT() } },
	{ "no scratch slot 16", 0, { MOV(2, 16), MOV(3, 1), KFUNC(SCRATCH), EXIT() } },
	{ "no scratch slot of 257 bytes", 0, { MOV(2, 0), MOV(3, 257), KFUNC(SCRATCH), EXIT() } },
	{ "no scratch slot of 4 GiB and one byte", 0,
	  { MOV(2, 0), LD64(3, 0x100000001), KFUNC(SCRATCH), EXIT() } },
	{ "scratch slots are told apart by 32 bits", 0x11,
	  { LD64(2, 0x500000001), MOV(3, 8), KFUNC(SCRATCH), JMP_K(CTV_JEQ, 0, 0, 2),
	    ST(CTV_W, 0, 4, 0x11), LDX(CTV_W, 0, 0, 4), EXIT() } },
	{ "the lowest vector is injected", 0x10001,
	  { MOV_X(6, 1), MOV(2, 16), KFUNC(INJECT), LDX(CTV_W, 1, 6, CTV_EXIT_IRR),
	    ALU64_X(CTV_ADD, 0, 1), LDX(CTV_W, 1, 6, CTV_EXIT_REQUESTS), ALU64_X(CTV_ADD, 0, 1),
	    EXIT() } },
	{ "the highest vector is injected", 0x80000000,
	  { MOV_X(6, 1), MOV(2, 255), KFUNC(INJECT), LDX(CTV_W, 1, 6, CTV_EXIT_IRR + 28),
	    ALU64_X(CTV_ADD, 0, 1), EXIT() } },
	{ "vectors of several calls are all there", 0x20000002,
	  { MOV_X(6, 1), MOV(2, 0x61), KFUNC(INJECT), MOV_X(1, 6), MOV(2, 0x7d), KFUNC(INJECT),
	    LDX(CTV_W, 0, 6, CTV_EXIT_IRR + 12), EXIT() } },
	{ "vector 15 is refused", (u64)-EINVAL,
	  { MOV(2, 15), KFUNC(INJECT), EXIT() } },
	{ "vector 256 is refused, and nothing asked for", (u64)-EINVAL,
	  { MOV_X(6, 1), MOV(2, 256), KFUNC(INJECT), LDX(CTV_W, 1, 6, CTV_EXIT_REQUESTS),
	    ALU64_X(CTV_ADD, 0, 1), EXIT() } },
	{ "an event of eight bytes", 0x1122334455667788 + 8,
	  { MOV_X(6, 1), LD64(2, MAP_ADDR), MOV(3, 8), KFUNC(EMIT),
	    LDX(CTV_DW, 1, 6, CTV_EXIT_EMIT), ALU64_X(CTV_ADD, 0, 1),
	    LDX(CTV_W, 1, 6, CTV_EXIT_EMIT_SIZE), ALU64_X(CTV_ADD, 0, 1), EXIT() } },
	{ "the last bytes of an event of 64", 0x99,
	  { MOV_X(6, 1), LD64(2, MAP_ADDR), MOV(3, 64), KFUNC(EMIT),
	    LDX(CTV_B, 1, 6, CTV_EXIT_EMIT + 63), ALU64_X(CTV_ADD, 0, 1), EXIT() } },
	{ "an event of 65 bytes is refused", (u64)-EINVAL,
	  { LD64(2, MAP_ADDR), MOV(3, 65), KFUNC(EMIT), EXIT() } },
	{ "an event of 72 bytes is refused", (u64)-EINVAL,
	  { LD64(2, MAP_ADDR), MOV(3, 72), KFUNC(EMIT), EXIT() } },
	{ "an event of 12 bytes is refused, and nothing asked for", (u64)-EINVAL,
	  { MOV_X(6, 1), LD64(2, MAP_ADDR), MOV(3, 12), KFUNC(EMIT),
	    LDX(CTV_W, 1, 6, CTV_EXIT_REQUESTS), ALU64_X(CTV_ADD, 0, 1), EXIT() } },
	{ "an event of no bytes is refused", (u64)-EINVAL,
	  { LD64(2, MAP_ADDR), MOV(3, 0), KFUNC(EMIT), EXIT() } },
	{ "a second event has to wait", (u64)-EBUSY,
	  { MOV_X(6, 1), LD64(2, MAP_ADDR), MOV(3, 16), KFUNC(EMIT), MOV_X(1, 6), LD64(2, MAP_ADDR),
	    MOV(3, 8), KFUNC(EMIT), EXIT() } },
	{ "vector -1 is refused", (u64)-EINVAL, { MOV(2, -1), KFUNC(INJECT), EXIT() } },
};

static u32 case_fill(const struct kfunc_case *c, struct ctv_insn *insns)
{
	u32 n = MAX;

	while (n && !c->insns[n - 1].code)
		n--;
	insns[0] = LDX(CTV_DW, 1, 1, 0);
	memcpy(insns + 1, c->insns, n * sizeof(*insns));
	return n + 1;
}

static void test_case(const struct kfunc_case *c)
{
	static struct run in, out;
	struct ctv_insn insns[MAX + 1];
	struct ctv_func f = { .len = case_fill(c, insns) };
	struct ctv_prog p = { .insns = insns, .len = f.len, .funcs = &f, .nr_funcs = 1 };
	bool ok;

	memcpy(in.map, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	in.map[63] = 0x99;
	ok = run_both(&p, &in, &out, 0);
	if (ok && out.result != c->result) {
		test_note("%#llx instead of %#llx", (unsigned long long)out.result,
			  (unsigned long long)c->result);
		ok = false;
	}
	test_result(ok, "kfunc: %s", c->name);
}

/* Instructions that the processor executes for @insns, and what their cost is said to be. */
static unsigned long steps_of(const struct ctv_insn *insns, u32 len, u32 *cost)
{
	static struct run run;
	struct ctv_func f = { .len = len };
	struct ctv_prog p = { .insns = insns, .len = len, .funcs = &f, .nr_funcs = 1 };
	static const struct ctv_map map = { .addr = MAP_ADDR, .size = MAP_SIZE };
	struct ctv_set set = {
		.progs = &p, .nr_progs = 1, .maps = &map, .nr_maps = 1, .kfuncs = test_kfuncs,
		.scratch = MAP_SIZE,
	};
	unsigned long n = 0;

	if (!ctv_set_check(&set) && !image_compile(&set))
		n = image_steps(&p, memset(&run, 0, sizeof(run)));
	*cost = p.cost;
	ctv_set_free(&set);
	return n;
}

/* Each way through the code of a function takes no more instructions than its cost. */
static void test_cost(enum ctv_kfunc kfunc, u64 arg2, s32 arg3)
{
	const struct ctv_insn with[] = {
		LDX(CTV_DW, 1, 1, 0), LD64(2, arg2), MOV(3, arg3),
		INSN(CTV_JMP | CTV_CALL, 0, CTV_CALL_KFUNC, 0, test_kfuncs[kfunc]), EXIT(),
	};
	const struct ctv_insn without[] = { with[0], with[1], with[2], with[3], EXIT() };
	u32 cost, base;
	unsigned long n = steps_of(with, 6, &cost), n0 = steps_of(without, 5, &base);

	test_note("%s(exit, %#llx, %d): %lu instructions, cost %u", ctv_kfunc_name(kfunc),
		  (unsigned long long)arg2, arg3, n - n0, ctv_kfunc_cost(kfunc));
	test_result(n > n0 && n0 && n - n0 <= ctv_kfunc_cost(kfunc) &&
		    cost - base == ctv_kfunc_cost(kfunc),
		    "kfunc: cost of %s(exit, %#llx, %d) covers its instructions",
		    ctv_kfunc_name(kfunc), (unsigned long long)arg2, arg3);
}

static void test_costs(void)
{
	test_cost(CTV_KFUNC_TIME, 0, 0);
	test_cost(CTV_KFUNC_SCRATCH, 15, 256);
	test_cost(CTV_KFUNC_SCRATCH, 0, 257);
	test_cost(CTV_KFUNC_SCRATCH, 16, 1);
	test_cost(CTV_KFUNC_INJECT, 255, 0);
	test_cost(CTV_KFUNC_INJECT, 15, 0);
	test_cost(CTV_KFUNC_EMIT, MAP_ADDR, 64);
	test_cost(CTV_KFUNC_EMIT, MAP_ADDR, 8);
	test_cost(CTV_KFUNC_EMIT, MAP_ADDR, 65);
	test_cost(CTV_KFUNC_EMIT, MAP_ADDR, 72);
}

/* ---- all inputs that may matter: result, memory, instructions ---- */

/* Calls @kfunc; what it stores in scratch memory says which slot it was. */
static bool input_same(enum ctv_kfunc kfunc, u64 arg2, u64 arg3, u32 requests)
{
	static struct run in, out;
	const struct ctv_insn insns[] = {
		LDX(CTV_DW, 1, 1, 0), MOV_X(6, 1), MOV(7, 7), MOV(8, 8), MOV(9, 9), LD64(2, arg2),
		LD64(3, arg3), INSN(CTV_JMP | CTV_CALL, 0, CTV_CALL_KFUNC, 0, test_kfuncs[kfunc]),
		JMP_K(CTV_JEQ, 0, 0, kfunc == CTV_KFUNC_SCRATCH ? 2 : 0),
		kfunc == CTV_KFUNC_SCRATCH ? ST(CTV_DW, 0, 0, 0x5a) : JA(0),
		kfunc == CTV_KFUNC_SCRATCH ? MOV(0, 1) : JA(0),
		ALU64_X(CTV_ADD, 7, 8), ALU64_X(CTV_ADD, 7, 9), STX(CTV_DW, 10, 7, -8),
		LDX(CTV_DW, 1, 6, 0), ALU64_X(CTV_ADD, 0, 1), EXIT(),
	};
	struct ctv_func f = { .len = sizeof(insns) / sizeof(insns[0]), .stack = 8 };
	struct ctv_prog p = { .insns = insns, .len = f.len, .funcs = &f, .nr_funcs = 1 };
	u32 i;

	memset(&in, 0, sizeof(in));
	for (i = 0; i < 128; i++)
		in.map[i] = (u8)(i + 1);
	memcpy(in.ctx + CTV_EXIT_REQUESTS, &requests, sizeof(requests));
	if (run_both(&p, &in, &out, 0))
		return true;
	test_note("%s(exit, %#llx, %#llx), requests %u", ctv_kfunc_name(kfunc),
		  (unsigned long long)arg2, (unsigned long long)arg3, requests);
	return false;
}

static void test_inputs(void)
{
	static const u64 high[] = { 0, 1ULL << 31, 1ULL << 32, 1ULL << 63, 0xffffffff00000000 };
	u32 h, i, n, bad = 0;

	for (h = 0; h < sizeof(high) / sizeof(high[0]); h++)
		for (i = 0; i < 300; i++)
			bad += !input_same(CTV_KFUNC_INJECT, high[h] | i, 0, i & 1 ? 2 : 0);
	for (i = 0; i < 32; i++)
		bad += !input_same(CTV_KFUNC_INJECT, (u32)-1 << i, 0, 0);
	test_result(!bad, "kfunc: every vector, and what is none, as interpreted, within its cost");
	for (h = bad = 0; h < sizeof(high) / sizeof(high[0]); h++)
		for (i = 0; i < 20; i++)
			for (n = 250; n < 260; n++)
				bad += !input_same(CTV_KFUNC_SCRATCH, high[h] | i, n, 0) +
				       !input_same(CTV_KFUNC_SCRATCH, i, high[h] | n, 0);
	test_result(!bad, "kfunc: every slot, and what is none, as interpreted, within its cost");
	for (h = bad = 0; h < sizeof(high) / sizeof(high[0]); h++)
		for (i = 0; i < 4; i++)
			for (n = 0; n <= 80; n++)
				bad += !input_same(CTV_KFUNC_EMIT, MAP_ADDR + i, high[h] | n, i);
	test_result(!bad, "kfunc: events of every size, as interpreted, within their cost");
}

/* ---- the check of compiled code knows calls of kernel functions ---- */

struct kfunc_image {
	struct ctv_insn insns[12];
	struct ctv_func f;
	struct ctv_prog p;
	struct ctv_set set;
	u8 text[512];
	u32 call, lea;	/* of the call of SCRATCH, and of its argument */
};

/* A handler that calls TIME and SCRATCH */
static bool image_make(struct kfunc_image *m)
{
	const struct ctv_insn insns[] = {
		LDX(CTV_DW, 6, 1, 0), MOV_X(1, 6), KFUNC(TIME), MOV_X(1, 6), MOV(2, 0), MOV(3, 8),
		KFUNC(SCRATCH), MOV(0, 0), EXIT(),
	};

	memset(m, 0, sizeof(*m));
	memcpy(m->insns, insns, sizeof(insns));
	m->f.len = sizeof(insns) / sizeof(insns[0]);
	m->p = (struct ctv_prog){
		.insns = m->insns, .len = m->f.len, .funcs = &m->f, .nr_funcs = 1,
	};
	m->set = (struct ctv_set){
		.progs = &m->p, .nr_progs = 1, .kfuncs = test_kfuncs, .scratch = MAP_SIZE,
	};
	if (ctv_set_check(&m->set) || ctv_set_size(&m->set) || m->set.text > sizeof(m->text) ||
	    ctv_set_emit(&m->set, m->text))
		return false;
	m->lea = m->p.off[6];
	m->call = m->lea + 7;
	return m->text[m->call] == 0xe8 && !ctv_check_text(&m->set, m->text);
}

static void image_refused(struct kfunc_image *m, const char *what)
{
	int err = ctv_check_text(&m->set, m->text);

	if (err != -EIO)
		test_note("%d", err);
	test_result(err == -EIO, "image refused: %s", what);
	ctv_set_free(&m->set);
}

static void put_rel32(u8 *at, u32 from, u32 to)
{
	u32 rel = to - from;

	memcpy(at, &rel, sizeof(rel));
}

/* The call of SCRATCH goes somewhere else. */
static void image_call_to(u32 add, enum ctv_kfunc kfunc, u8 opcode, const char *what)
{
	static struct kfunc_image m;

	if (!image_make(&m)) {
		test_result(false, "image refused: %s", what);
		return;
	}
	m.text[m.call] = opcode;
	put_rel32(m.text + m.call + 1, m.call + 5, m.set.kfunc_off[kfunc] + add);
	image_refused(&m, what);
}

static void image_byte(bool from_end, u32 at, u8 byte, const char *what)
{
	static struct kfunc_image m;

	if (!image_make(&m)) {
		test_result(false, "image refused: %s", what);
		return;
	}
	m.text[from_end ? m.set.text - at : m.lea + at] ^= byte;
	image_refused(&m, what);
}

static void test_kfunc_check(void)
{
	static struct kfunc_image m;
	u32 i, pad, missed = 0;

	image_call_to(1, CTV_KFUNC_SCRATCH, 0xe8, "call into a kernel function");
	image_call_to(0, CTV_KFUNC_SCRATCH, 0xe9, "jump to a kernel function");
	image_call_to(0, CTV_KFUNC_INJECT, 0xe8, "call of a kernel function that is not there");
	image_call_to(256, CTV_KFUNC_SCRATCH, 0xe8, "call behind the kernel functions");
	image_byte(false, 2, 0x08, "another register instead of that of the scratch memory");
	image_byte(false, 3, 0x04, "another address than that of the scratch memory");
	image_byte(true, 1, 0x01, "kernel function without its last byte");

	if (!image_make(&m))
		return;
	/* each byte behind the handler, one after the other */
	for (i = m.set.code; i < m.set.text; i++) {
		m.text[i] ^= 0x40;
		missed += ctv_check_text(&m.set, m.text) != -EIO;
		m.text[i] ^= 0x40;
	}
	test_result(!missed && !ctv_check_text(&m.set, m.text),
		    "image refused: any other byte in kernel functions and between them");
	/* mov r3, 8 becomes a jump to the call, over its argument */
	pad = m.p.off[5];
	m.text[pad] = 0xeb;
	m.text[pad + 1] = (u8)(m.call - (pad + 2));
	memset(m.text + pad + 2, 0x99, m.lea - (pad + 2));
	image_refused(&m, "jump over the argument of a kernel function");

	if (!image_make(&m))
		return;
	m.set.kfunc_off[CTV_KFUNC_TIME] = m.set.kfunc_off[CTV_KFUNC_SCRATCH];
	image_refused(&m, "two kernel functions in one place");
}

/* What a call pushes is on the stack of the function that calls. */
static void test_kfunc_stack(void)
{
	const struct ctv_insn insns[] = {
		LDX(CTV_DW, 1, 1, 0), KFUNC(TIME), EXIT(),
	};
	struct ctv_func f = { .len = 3 };
	struct ctv_prog p = { .insns = insns, .len = 3, .funcs = &f, .nr_funcs = 1 };
	struct ctv_set set = { .progs = &p, .nr_progs = 1, .kfuncs = test_kfuncs };

	test_result(!ctv_set_check(&set) && f.depth == 8 + 8,
		    "what a call of a kernel function pushes is on the stack");
	ctv_set_free(&set);
}

/* Without a table none may be called, as in a set for which there are none. */
static void test_no_table(void)
{
	const struct ctv_insn insns[] = { LDX(CTV_DW, 1, 1, 0), KFUNC(TIME), EXIT() };
	struct ctv_func f = { .len = 3 };
	struct ctv_prog p = { .insns = insns, .len = 3, .funcs = &f, .nr_funcs = 1 };
	struct ctv_set set = { .progs = &p, .nr_progs = 1 };

	test_result(ctv_set_check(&set) == -EACCES && set.refusal.rule == CTV_RULE_KFUNC,
		    "refused: kernel function where none may be called");
	ctv_set_free(&set);
}

/* A compiled address of scratch memory is right only where the set has that. */
static void test_scratch_unused(void)
{
	const struct ctv_insn insns[] = {
		LDX(CTV_DW, 1, 1, 0), MOV(2, 0), MOV(3, 8), KFUNC(SCRATCH), EXIT(),
	};
	struct ctv_func f = { .len = 5 };
	struct ctv_prog p = { .insns = insns, .len = 5, .funcs = &f, .nr_funcs = 1 };
	struct ctv_set set = {
		.progs = &p, .nr_progs = 1, .kfuncs = test_kfuncs, .scratch = MAP_SIZE,
	};
	u8 text[256];
	bool ok = !ctv_set_check(&set) && !ctv_set_size(&set) && set.text <= sizeof(text) &&
		  !ctv_set_emit(&set, text);

	test_result(ok && set.used == 1U << CTV_KFUNC_SCRATCH, "kfunc: scratch memory is asked for");
	set.used = 0;
	ok = ok && ctv_check_text(&set, text) == -EIO;
	set.used = 1U << CTV_KFUNC_SCRATCH;
	set.scratch += 8;
	test_result(ok && ctv_check_text(&set, text) == -EIO,
		    "image refused: address of scratch memory that is not there");
	ctv_set_free(&set);
}

void test_kfunc_calls(void)
{
	u32 i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(&cases[i]);
	test_costs();
	test_inputs();
	test_kfunc_check();
	test_kfunc_stack();
	test_no_table();
	test_scratch_unused();
}

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
	test_no_table();
	test_scratch_unused();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Random programs, run both ways. They are safe by construction: pointers stay in registers
 * chosen for them and never become data, so that both runs must leave the same bytes behind.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <time.h>

#include "test.h"

#define MAX_LEN		1000	/* room for any program that gen_prog() makes */
#define MAX_BODY	130	/* steps per program */
#define STACK		64

struct gen {
	struct ctv_insn insns[MAX_LEN];
	struct ctv_func funcs[4];
	u32 len;
	u32 nr_funcs;
	u8 ctx;		/* register with the address of the exit context */
	u8 map;		/* register with the address of map memory */
	u16 data;	/* registers that hold data, as bits */
	u32 open[8];	/* jumps forward whose target is not chosen yet */
	u32 nr_open;
	u32 heads[MAX_BODY + 4];	/* where a jump may go */
	u32 nr_heads;
};

static u64 rng_state;

/* A fuzzer's bytes, which decide as long as there are any left. */
static const u8 *rng_bytes;
static size_t rng_len;

static u32 rnd(u32 n)
{
	if (rng_len >= 2) {
		rng_len -= 2;
		rng_bytes += 2;
		rng_state = rng_state * 0x10001 + (u64)(rng_bytes[-2] | rng_bytes[-1] << 8);
		return (u32)(rng_bytes[-2] | rng_bytes[-1] << 8) % n;
	}
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (u32)(rng_state >> 32) % n;
}

static s32 rnd_imm(void)
{
	switch (rnd(4)) {
	case 0: return (s32)rnd(16) - 8;
	case 1: return (s32)(1U << rnd(32));
	case 2: return (s32)rnd(512) - 256;
	default: return (s32)((u32)rng_state ^ rnd(~0U));
	}
}

static void put(struct gen *g, struct ctv_insn insn)
{
	if (g->len == MAX_LEN)
		abort();
	g->insns[g->len++] = insn;
}

static u8 any_data(struct gen *g)
{
	u8 r;

	do
		r = (u8)rnd(CTV_NR_REGS);
	while (!(g->data & 1U << r));
	return r;
}

static void gen_alu(struct gen *g)
{
	static const u8 ops[] = { CTV_ADD, CTV_SUB, CTV_MUL, CTV_DIV, CTV_OR, CTV_AND, CTV_LSH,
				  CTV_RSH, CTV_MOD, CTV_XOR, CTV_MOV, CTV_ARSH };
	u8 class = rnd(2) ? CTV_ALU64 : CTV_ALU, op = ops[rnd(sizeof(ops))];
	u8 dst = any_data(g), src = any_data(g);
	s16 off = (op == CTV_DIV || op == CTV_MOD) && rnd(2);
	s32 imm = rnd_imm();

	if (rnd(2)) {
		if (op == CTV_MOV && rnd(3) == 0)
			off = (s16)(8 << rnd(class == CTV_ALU64 ? 3 : 2));
		put(g, INSN(class | op | CTV_X, dst, src, off, 0));
		return;
	}
	if (ctv_is_shift(op))
		imm = (s32)rnd(class == CTV_ALU64 ? 64 : 32);
	put(g, INSN(class | op | CTV_K, dst, 0, off, imm));
}

static void gen_unary(struct gen *g)
{
	static const s32 bits[] = { 16, 32, 64 };

	switch (rnd(5)) {
	case 0:
		put(g, INSN((rnd(2) ? CTV_ALU64 : CTV_ALU) | CTV_NEG, any_data(g), 0, 0, 0));
		break;
	case 1:
		put(g, INSN(CTV_ALU64 | CTV_END, any_data(g), 0, 0, bits[rnd(3)]));
		break;
	case 2:
		put(g, INSN(CTV_ALU | CTV_END | (rnd(2) ? CTV_X : 0), any_data(g), 0, 0,
			    bits[rnd(3)]));
		break;
	case 3:
		put(g, INSN(CTV_NOSPEC, 0, 0, 0, 0));
		break;
	default: {
		struct ctv_insn ld[2] = { LD64(any_data(g), rng_state & ~(1ULL << 63)) };

		put(g, ld[0]);
		put(g, ld[1]);
	}
	}
}

static u8 any_size(void)
{
	static const u8 sizes[] = { CTV_B, CTV_H, CTV_W, CTV_DW };

	return sizes[rnd(4)];
}

/* Base register and offset of up to 8 bytes of memory. */
static u8 any_place(struct gen *g, s16 *off)
{
	switch (rnd(3)) {
	case 0:
		*off = (s16)rnd(CTX_SIZE - 8);
		return g->ctx;
	case 1:
		*off = (s16)rnd(MAP_SIZE / 2 - 8);
		return g->map;
	default:
		*off = (s16)(-(s32)rnd(STACK - 7) - 8);
		return CTV_FP;
	}
}

static void gen_memory(struct gen *g)
{
	u8 base, size = any_size();
	s16 off;

	base = any_place(g, &off);
	switch (rnd(4)) {
	case 0:
		put(g, INSN(CTV_LDX | CTV_MEM | size, any_data(g), base, off, 0));
		break;
	case 1:
		if (size == CTV_DW)
			size = CTV_W;
		put(g, INSN(CTV_LDX | CTV_MEMSX | size, any_data(g), base, off, 0));
		break;
	case 2:
		put(g, ST(size, base, off, rnd_imm()));
		break;
	default:
		put(g, STX(size, base, any_data(g), off));
	}
}

static void gen_atomic(struct gen *g)
{
	static const s32 ops[] = { CTV_ADD, CTV_OR, CTV_AND, CTV_XOR, CTV_ADD | CTV_FETCH, CTV_XCHG,
				   CTV_CMPXCHG, CTV_STORE_REL };
	u8 base;
	s16 off;

	base = any_place(g, &off);
	off &= ~7;
	if (rnd(6) == 0)
		put(g, ATOMIC(any_size(), any_data(g), base, off, CTV_LOAD_ACQ));
	else
		put(g, ATOMIC(rnd(2) ? CTV_W : CTV_DW, base, any_data(g), off, ops[rnd(8)]));
}

/* A jump forward; where to is decided later. */
static void gen_jump(struct gen *g)
{
	static const u8 ops[] = { CTV_JEQ, CTV_JGT, CTV_JGE, CTV_JSET, CTV_JNE, CTV_JSGT, CTV_JSGE,
				  CTV_JLT, CTV_JLE, CTV_JSLT, CTV_JSLE, CTV_JA };
	u8 op = ops[rnd(sizeof(ops))], class = rnd(2) ? CTV_JMP : CTV_JMP32;

	if (g->nr_open == 8)
		return;
	g->open[g->nr_open++] = g->len;
	if (op == CTV_JA)
		put(g, INSN(class | CTV_JA, 0, 0, 0, 0));
	else if (rnd(2))
		put(g, INSN(class | op | CTV_X, any_data(g), any_data(g), 0, 0));
	else
		put(g, INSN(class | op | CTV_K, any_data(g), 0, 0, rnd_imm()));
}

static void land(struct gen *g, u32 n)
{
	u32 at = g->open[n];

	if (g->insns[at].code == (CTV_JMP32 | CTV_JA))
		g->insns[at].imm = (s32)(g->len - at - 1);
	else
		g->insns[at].off = (s16)(g->len - at - 1);
	g->open[n] = g->open[--g->nr_open];
}

/* A jump backwards to where all registers hold what they should. */
static void gen_loop(struct gen *g)
{
	s32 to = (s32)g->heads[rnd(g->nr_heads)];

	put(g, JMP_K(rnd(2) ? CTV_JLT : CTV_JSGT, any_data(g), rnd_imm(),
		     (s16)(to - (s32)g->len - 1)));
}

static void gen_call(struct gen *g, u32 nr_funcs, u32 f)
{
	u8 r;

	if (f + 1 >= nr_funcs)
		return;
	put(g, MOV_X(1, g->ctx));
	for (r = 2; r <= 5; r++)
		if (r != g->map && !(g->data & 1U << r))
			put(g, MOV(r, rnd_imm()));
	/* the number of the function for now */
	put(g, CALL((s32)(f + 1 + rnd(nr_funcs - f - 1))));
	for (r = 1; r <= 5; r++)
		put(g, MOV(r, rnd_imm()));
}

/* Data in the registers that a call takes and loses, but for pointers. */
static void gen_args(struct gen *g, u8 from)
{
	u8 r;

	for (r = from; r <= 5; r++)
		put(g, MOV(r, rnd_imm()));
}

/* What is not the same in both runs, time and addresses, is gone before the next instruction. */
static void gen_kfunc(struct gen *g)
{
	static const u8 size[] = { CTV_B, CTV_H, CTV_W, CTV_DW };
	u8 data = any_data(g);

	put(g, MOV_X(1, g->ctx));
	gen_args(g, 2);
	if (rnd(4))
		put(g, MOV(2, rnd(18) * (rnd(2) ? 1 : 16)));
	if (rnd(4))
		put(g, MOV(3, rnd(CTV_SCRATCH_SIZE + 2)));
	switch (rnd(4)) {
	case 0:
		put(g, KFUNC(TIME));
		put(g, ALU64_K(CTV_RSH, 0, 63));
		break;
	case 1:
		put(g, KFUNC(SCRATCH));
		put(g, JMP_K(CTV_JEQ, 0, 0, 2));
		if (data >= 1 && data <= 5)
			data = 0;
		if (data && rnd(2))
			put(g, STX(size[rnd(4)], 0, data, rnd(CTV_SCRATCH_SIZE - 7)));
		else
			put(g, ST(size[rnd(4)], 0, rnd(CTV_SCRATCH_SIZE - 7), rnd_imm()));
		put(g, LDX(size[rnd(4)], 0, 0, rnd(CTV_SCRATCH_SIZE - 7)));
		break;
	case 2:
		/* from the map, or from the part of the context that it is not written to */
		put(g, MOV_X(2, rnd(2) ? g->map : g->ctx));
		put(g, MOV(3, rnd(4) ? (s32)rnd(10) * 8 : rnd_imm()));
		put(g, KFUNC(EMIT));
		break;
	default:
		put(g, KFUNC(INJECT));
	}
	gen_args(g, 1);
}

static void gen_body(struct gen *g, u32 nr_funcs, u32 f)
{
	switch (rnd(17)) {
	case 0: case 1:
		gen_unary(g);
		break;
	case 2: case 3: case 4: case 5:
		gen_memory(g);
		break;
	case 6:
		gen_atomic(g);
		break;
	case 7: case 8:
		gen_jump(g);
		break;
	case 9:
		if (rnd(3) == 0)
			gen_loop(g);
		break;
	case 10:
		gen_call(g, nr_funcs, f);
		break;
	case 11:
		gen_kfunc(g);
		break;
	default:
		gen_alu(g);
	}
}

/* Pointers in two of r6 to r9, all other registers and the stack filled. */
static void gen_start(struct gen *g, u32 f)
{
	const struct ctv_insn map[2] = { LD64(0, MAP_ADDR + MAP_SIZE / 2) };
	u8 r;

	g->ctx = (u8)(6 + rnd(4));
	do
		g->map = (u8)(6 + rnd(4));
	while (g->map == g->ctx);
	g->data = (0x3ff | 1U << CTV_AX) & ~(1U << g->ctx) & ~(1U << g->map);
	put(g, f ? MOV_X(g->ctx, 1) : LDX(CTV_DW, g->ctx, 1, 0));
	put(g, map[0]);
	g->insns[g->len - 1].dst = g->map & 15;
	put(g, map[1]);
	for (r = 0; r < 10; r++)
		if (g->data & 1U << r && (!f || r < 2 || r > 5))
			put(g, MOV(r, rnd_imm()));
	if (!f)
		put(g, MOV(CTV_AX, rnd_imm()));
	for (r = 8; r <= STACK; r += 8)
		put(g, ST(CTV_DW, CTV_FP, (s16)-r, rnd_imm()));
}

static void gen_func(struct gen *g, u32 nr_funcs, u32 f)
{
	u32 body = 4 + rnd(MAX_BODY / nr_funcs), start = g->len;

	g->nr_open = 0;
	g->nr_heads = 0;
	gen_start(g, f);
	while (body--) {
		g->heads[g->nr_heads++] = g->len;
		gen_body(g, nr_funcs, f);
		if (g->nr_open && rnd(3) == 0)
			land(g, rnd(g->nr_open));
	}
	while (g->nr_open)
		land(g, 0);
	put(g, EXIT());
	g->funcs[f] = (struct ctv_func){ .start = start, .len = g->len - start,
					 .stack = STACK };
}

static void gen_prog(struct gen *g)
{
	u32 i, f;

	memset(g, 0, sizeof(*g));
	g->nr_funcs = 1 + rnd(3);
	for (f = 0; f < g->nr_funcs; f++)
		gen_func(g, g->nr_funcs, f);
	for (i = 0; i < g->len; i++)
		if (ctv_is_local_call(&g->insns[i]))
			g->insns[i].imm = (s32)(g->funcs[g->insns[i].imm].start - i - 1);
}

/* One program, by the state of the generator; whether it ran out of fuel goes to @fuel. */
static bool random_run(struct run *out, bool *fuel)
{
	static struct gen g;
	static struct run in;
	struct ctv_prog p = { .insns = g.insns, .funcs = g.funcs };
	bool ok;
	u32 k;

	rnd(2);
	for (k = 0; k < CTX_SIZE; k++)
		in.ctx[k] = (u8)(rng_len ? k * 37 : rnd(256));
	gen_prog(&g);
	p.len = g.len;
	p.nr_funcs = g.nr_funcs;
	ok = run_both(&p, &in, out, 60000);
	*fuel = p.loops && out->result == CTV_VERDICT_FUEL;
	return ok;
}

bool random_one(const u8 *bytes, size_t len)
{
	static struct run out;
	bool fuel;

	rng_state = 1;
	rng_bytes = bytes;
	rng_len = len;
	return random_run(&out, &fuel);
}

/* What can be said of @done programs so far, now and then. */
static void random_progress(const struct random_opts *o, unsigned long done)
{
	static time_t last;
	time_t now = time(NULL);

	if (!last)
		last = now;
	if (!o->progress || now - last < (time_t)o->progress)
		return;
	last = now;
	test_note("%lu of %lu programs", done, o->count);
}

static void random_failed(const struct random_opts *o, unsigned long nr)
{
	test_note("program %lu of seed %llu; to run it again:", nr, (unsigned long long)o->seed);
	test_note("%s -r -k 1 -s %llu -f %lu -n 1", program_invocation_name,
		  (unsigned long long)o->seed, nr);
}

void test_random(const struct random_opts *o)
{
	unsigned long i, cut_off = 0, stepped = run_stepped, steps = run_steps;
	static struct run out;
	bool ok = true, fuel;
	u64 insns = 0;

	for (i = 0; i < o->count && ok; i++) {
		rng_state = (o->seed << 32 | (o->first + i)) * 0x9e3779b97f4a7c15ULL | 1;
		ok = random_run(&out, &fuel);
		cut_off += fuel;
		insns += out.insns;
		random_progress(o, i + 1);
	}
	if (!ok)
		random_failed(o, o->first + i - 1);
	test_note("%lu programs of seed %llu from %lu on, %llu instructions executed, %lu calls ended by fuel",
		  i, (unsigned long long)o->seed, o->first, (unsigned long long)insns, cut_off);
	test_note("%lu single-stepped, %lu instructions of the processor", run_stepped - stepped,
		  run_steps - steps);
	test_result(ok, "%lu random programs, compiled and interpreted, within their cost",
		    o->count);
}

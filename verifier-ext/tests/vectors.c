// SPDX-License-Identifier: GPL-2.0
/*
 * Programs with results worked out by hand from RFC 9669, run both ways; then every arithmetic
 * operation and condition on every pair of registers, both ways.
 */
#include "test.h"

#define MAX 24

static const struct vector {
	const char *name;
	u64 result;
	struct ctv_insn insns[MAX];
} vectors[] = {
	{ "mov sign-extends a 64-bit constant", ~0ULL, { MOV(0, -1), EXIT() } },
	{ "mov32 clears the upper half", 0xffffffff, { ALU32_K(CTV_MOV, 0, -1), EXIT() } },
	{ "ld_imm64", 0x123456789abcdef0, { LD64(0, 0x123456789abcdef0), EXIT() } },
	{ "ld_imm64 of zero", 0, { LD64(0, 0), EXIT() } },
	{ "add wraps", 1, { LD64(0, ~0ULL), ALU64_K(CTV_ADD, 0, 2), EXIT() } },
	{ "add32 clears the upper half", 1, { LD64(0, ~0ULL), ALU32_K(CTV_ADD, 0, 2), EXIT() } },
	{ "sub", 0xfffffffffffffffe, { MOV(0, 1), ALU64_K(CTV_SUB, 0, 3), EXIT() } },
	{ "mul", 0x100000000, { LD64(0, 0x80000000), ALU64_K(CTV_MUL, 0, 2), EXIT() } },
	{ "mul32", 0, { LD64(0, 0x80000000), ALU32_K(CTV_MUL, 0, 2), EXIT() } },
	{ "neg", ~0ULL, { MOV(0, 1), ALU64_K(CTV_NEG, 0, 0), EXIT() } },
	{ "neg32", 0xffffffff, { MOV(0, 1), ALU32_K(CTV_NEG, 0, 0), EXIT() } },
	{ "unsigned division", 0x7fffffffffffffff,
	  { MOV(0, -1), MOV(1, 2), ALU64_X(CTV_DIV, 0, 1), EXIT() } },
	{ "division by zero gives zero", 0,
	  { MOV(0, 7), MOV(1, 0), ALU64_X(CTV_DIV, 0, 1), EXIT() } },
	{ "modulo zero gives the dividend", 7,
	  { MOV(0, 7), MOV(1, 0), ALU64_X(CTV_MOD, 0, 1), EXIT() } },
	{ "32-bit modulo zero clears the upper half", 7,
	  { LD64(0, 0x100000007), MOV(1, 0), ALU32_X(CTV_MOD, 0, 1), EXIT() } },
	{ "32-bit division looks at 32 bits of the divisor", 0,
	  { MOV(0, 7), LD64(1, 0x100000000), ALU32_X(CTV_DIV, 0, 1), EXIT() } },
	{ "signed division", (u64)-3,
	  { MOV(0, -7), MOV(1, 2), INSN(CTV_ALU64 | CTV_DIV | CTV_X, 0, 1, 1, 0), EXIT() } },
	{ "signed modulo has the dividend's sign", (u64)-1,
	  { MOV(0, -7), MOV(1, 2), INSN(CTV_ALU64 | CTV_MOD | CTV_X, 0, 1, 1, 0), EXIT() } },
	{ "smallest number by -1", 0x8000000000000000,
	  { LD64(0, 0x8000000000000000), INSN(CTV_ALU64 | CTV_DIV | CTV_K, 0, 0, 1, -1), EXIT() } },
	{ "smallest 32-bit number by -1", 0x80000000,
	  { LD64(0, 0x80000000), INSN(CTV_ALU | CTV_DIV | CTV_K, 0, 0, 1, -1), EXIT() } },
	{ "smallest number modulo -1", 0,
	  { LD64(0, 0x8000000000000000), INSN(CTV_ALU64 | CTV_MOD | CTV_K, 0, 0, 1, -1), EXIT() } },
	{ "division keeps other registers", 30,
	  { MOV(0, 5), MOV(3, 10), MOV(4, 100), ALU64_K(CTV_DIV, 4, 7), ALU64_X(CTV_ADD, 0, 3),
	    ALU64_X(CTV_ADD, 0, 4), ALU64_K(CTV_ADD, 0, 1), EXIT() } },
	{ "shift count is taken modulo 64", 2,
	  { MOV(0, 1), MOV(1, 65), ALU64_X(CTV_LSH, 0, 1), EXIT() } },
	{ "shift count is taken modulo 32", 2,
	  { MOV(0, 1), MOV(1, 33), ALU32_X(CTV_LSH, 0, 1), EXIT() } },
	{ "32-bit shift by zero clears the upper half", 1,
	  { LD64(0, 0x500000001), MOV(1, 0), ALU32_X(CTV_LSH, 0, 1), EXIT() } },
	{ "32-bit constant shift by zero clears the upper half", 1,
	  { LD64(0, 0x500000001), ALU32_K(CTV_RSH, 0, 0), EXIT() } },
	{ "arithmetic shift", ~0ULL, { MOV(0, -2), ALU64_K(CTV_ARSH, 0, 1), EXIT() } },
	{ "arithmetic shift of 32 bits", 0xffffffff,
	  { MOV(0, -2), ALU32_K(CTV_ARSH, 0, 1), EXIT() } },
	{ "shift of r4 by itself", 12,
	  { MOV(4, 3), ALU64_X(CTV_LSH, 4, 4), MOV_X(0, 4), ALU64_K(CTV_RSH, 0, 1), EXIT() } },
	{ "movsx 8 to 64", 0xffffffffffffff80,
	  { MOV(1, 0x80), INSN(CTV_ALU64 | CTV_MOV | CTV_X, 0, 1, 8, 0), EXIT() } },
	{ "movsx 16 to 32", 0xffff8000,
	  { MOV(2, 0x8000), INSN(CTV_ALU | CTV_MOV | CTV_X, 0, 2, 16, 0), EXIT() } },
	{ "movsx 32 to 64", 0xffffffff80000000,
	  { LD64(1, 0x80000000), INSN(CTV_ALU64 | CTV_MOV | CTV_X, 0, 1, 32, 0), EXIT() } },
	{ "swap 16 clears the rest", 0x3412,
	  { LD64(0, 0xffffffffffff1234), INSN(CTV_ALU64 | CTV_END, 0, 0, 0, 16), EXIT() } },
	{ "swap 32 clears the rest", 0x78563412,
	  { LD64(0, 0xffffffff12345678), INSN(CTV_ALU64 | CTV_END, 0, 0, 0, 32), EXIT() } },
	{ "swap 64", 0x8877665544332211,
	  { LD64(0, 0x1122334455667788), INSN(CTV_ALU64 | CTV_END, 0, 0, 0, 64), EXIT() } },
	{ "to little endian 16 clears the rest", 0x1234,
	  { LD64(0, 0xffffffffffff1234), INSN(CTV_ALU | CTV_END, 0, 0, 0, 16), EXIT() } },
	{ "to big endian 32", 0x78563412,
	  { LD64(0, 0xffffffff12345678), INSN(CTV_ALU | CTV_END | CTV_X, 0, 0, 0, 32), EXIT() } },
	{ "byte load clears the rest", 0xee,
	  { LD64(2, MAP_ADDR + 8), ST(CTV_DW, 2, 0, -18), LDX(CTV_B, 0, 2, 0), EXIT() } },
	{ "sign-extending byte load", 0xffffffffffffffee,
	  { LD64(2, MAP_ADDR + 8), ST(CTV_DW, 2, 0, -18), LDXS(CTV_B, 0, 2, 0), EXIT() } },
	{ "64-bit store of a constant sign-extends it", ~0ULL,
	  { ST(CTV_DW, 10, -8, -1), LDX(CTV_DW, 0, 10, -8), EXIT() } },
	{ "16-bit store leaves its neighbours", 0xffffffff0000ffff,
	  { ST(CTV_DW, 10, -8, -1), ST(CTV_H, 10, -6, 0), LDX(CTV_DW, 0, 10, -8), EXIT() } },
	{ "byte store from r2", 0x34ff,
	  { ST(CTV_DW, 10, -8, 0xff), MOV(2, 0x1234), STX(CTV_B, 10, 2, -7),
	    LDX(CTV_DW, 0, 10, -8), EXIT() } },
	{ "exit context through the argument word", 0x55,
	  { LDX(CTV_DW, 6, 1, 0), ST(CTV_DW, 6, 64, 0x55), LDX(CTV_W, 0, 6, 64), EXIT() } },
	{ "displacement beyond 8 bits", 0x77,
	  { LD64(8, MAP_ADDR), ST(CTV_W, 8, 3000, 0x77), LDX(CTV_W, 0, 8, 3000), EXIT() } },
	{ "signed and unsigned comparison differ", 3,
	  { MOV(0, 0), MOV(1, -1), JMP_K(CTV_JGT, 1, 1, 1), EXIT(), MOV(0, 1),
	    JMP_K(CTV_JSLT, 1, 1, 1), EXIT(), ALU64_K(CTV_OR, 0, 2), EXIT() } },
	{ "32-bit comparison ignores the upper half", 1,
	  { MOV(0, 1), LD64(1, 0x500000002), JMP32_K(CTV_JEQ, 1, 2, 1), MOV(0, 0), EXIT() } },
	{ "jset", 1, { MOV(0, 1), MOV(1, 6), JMP_K(CTV_JSET, 1, 4, 1), MOV(0, 0), EXIT() } },
	{ "64-bit comparison with a negative constant", 1,
	  { MOV(0, 1), MOV(1, -5), JMP_K(CTV_JEQ, 1, -5, 1), MOV(0, 0), EXIT() } },
	{ "long jump", 4,
	  { MOV(0, 4), INSN(CTV_JMP32 | CTV_JA, 0, 0, 0, 1), MOV(0, 0), EXIT() } },
	{ "jump to the next instruction", 4, { MOV(0, 4), JA(0), EXIT() } },
	{ "loop", 55,
	  { MOV(0, 0), MOV(1, 10), ALU64_X(CTV_ADD, 0, 1), ALU64_K(CTV_SUB, 1, 1),
	    JMP_K(CTV_JNE, 1, 0, -3), EXIT() } },
	{ "jump backwards without a loop", 7,
	  { JA(2), MOV(0, 7), EXIT(), MOV(0, 3), JMP_K(CTV_JEQ, 0, 3, -4), EXIT() } },
	{ "loop that is entered in its middle", 10,
	  { MOV(0, 0), JA(1), ALU64_K(CTV_ADD, 0, 1), JMP_K(CTV_JLT, 0, 10, -2), EXIT() } },
	{ "loop without end runs out of fuel", CTV_VERDICT_FUEL, { MOV(0, 0), JA(-1), EXIT() } },
	{ "atomic add", 12,
	  { ST(CTV_DW, 10, -8, 5), MOV(1, 7), ATOMIC(CTV_DW, 10, 1, -8, CTV_ADD),
	    LDX(CTV_DW, 0, 10, -8), EXIT() } },
	{ "atomic add gives the old value", 5,
	  { ST(CTV_DW, 10, -8, 5), MOV(0, 7), ATOMIC(CTV_DW, 10, 0, -8, CTV_ADD | CTV_FETCH),
	    EXIT() } },
	{ "atomic exchange of 32 bits clears the upper half", 5,
	  { ST(CTV_W, 10, -8, 5), MOV(0, -1), ATOMIC(CTV_W, 10, 0, -8, CTV_XCHG), EXIT() } },
	{ "compare and exchange succeeds", 9,
	  { ST(CTV_DW, 10, -8, 5), MOV(0, 5), MOV(1, 9), ATOMIC(CTV_DW, 10, 1, -8, CTV_CMPXCHG),
	    LDX(CTV_DW, 0, 10, -8), EXIT() } },
	{ "compare and exchange fails and gives the old value", 5,
	  { ST(CTV_DW, 10, -8, 5), MOV(0, 6), MOV(1, 9), ATOMIC(CTV_DW, 10, 1, -8, CTV_CMPXCHG),
	    EXIT() } },
	{ "32-bit compare and exchange clears the upper half on success", 5,
	  { ST(CTV_W, 10, -8, 5), LD64(0, 0x700000005), MOV(1, 9),
	    ATOMIC(CTV_W, 10, 1, -8, CTV_CMPXCHG), EXIT() } },
	{ "copy and constant", 0x1006,
	  { MOV(7, 0x1000), MOV_X(0, 7), ALU64_K(CTV_ADD, 0, 6), EXIT() } },
	{ "copy and negative constant beyond 8 bits", 0x1000,
	  { MOV(8, 0x2000), MOV_X(0, 8), ALU64_K(CTV_ADD, 0, -0x1000), EXIT() } },
	{ "32-bit copy and constant clear the upper half", 4,
	  { LD64(7, 0x5ffffffff), ALU32_X(CTV_MOV, 0, 7), ALU32_K(CTV_ADD, 0, 5), EXIT() } },
	{ "copy and a third register", 0x1020,
	  { MOV(6, 0x1000), MOV(9, 0x20), MOV_X(0, 6), ALU64_X(CTV_ADD, 0, 9), EXIT() } },
	{ "copy doubled", 0x2000,
	  { MOV(6, 0x1000), MOV_X(0, 6), ALU64_X(CTV_ADD, 0, 0), EXIT() } },
	{ "copy of itself and a third register", 0x1020,
	  { MOV(0, 0x1000), MOV(9, 0x20), MOV_X(0, 0), ALU64_X(CTV_ADD, 0, 9), EXIT() } },
	{ "32-bit copy and 64-bit addition", 0x1fffffffe,
	  { MOV(6, -1), ALU32_X(CTV_MOV, 0, 6), ALU64_X(CTV_ADD, 0, 0), EXIT() } },
	{ "sign-extending copy and addition", 7,
	  { MOV(6, 0xff), INSN(CTV_ALU64 | CTV_MOV | CTV_X, 0, 6, 8, 0), ALU64_K(CTV_ADD, 0, 8),
	    EXIT() } },
	{ "addition that is jumped to, behind a copy", 15,
	  { MOV(0, 5), MOV(6, 9), MOV(7, 1), JMP_K(CTV_JEQ, 7, 1, 1), MOV_X(0, 6),
	    ALU64_K(CTV_ADD, 0, 10), EXIT() } },
	{ "flags of an addition decide", 3,
	  { MOV(0, 3), MOV(1, -4), ALU64_K(CTV_ADD, 1, 4), JMP_K(CTV_JEQ, 1, 0, 1), MOV(0, 9),
	    EXIT() } },
	{ "flags of a 32-bit operation decide on 64 bits", 3,
	  { MOV(0, 3), LD64(1, 0x500000004), ALU32_K(CTV_SUB, 1, 4), JMP_K(CTV_JEQ, 1, 0, 1),
	    MOV(0, 9), EXIT() } },
	{ "flags of a 64-bit operation do not decide on 32 bits", 3,
	  { MOV(0, 3), LD64(1, 0x500000004), ALU64_K(CTV_SUB, 1, 4), JMP32_K(CTV_JEQ, 1, 0, 1),
	    MOV(0, 9), EXIT() } },
	{ "flags of another register do not decide", 3,
	  { MOV(0, 3), MOV(1, 0), MOV(2, 5), ALU64_K(CTV_SUB, 2, 5), MOV(2, 1),
	    ALU64_K(CTV_XOR, 2, 1), JMP_K(CTV_JNE, 1, 0, 1), EXIT(), MOV(0, 9), EXIT() } },
	{ "flags from before a constant do not decide", 3,
	  { MOV(0, 3), MOV(1, 1), ALU64_K(CTV_SUB, 1, 1), MOV(1, 7), JMP_K(CTV_JNE, 1, 0, 1),
	    MOV(0, 9), EXIT() } },
	{ "comparison that is jumped to, behind an operation", 3,
	  { MOV(0, 3), MOV(1, 1), MOV(2, 2), JMP_K(CTV_JEQ, 2, 2, 1), ALU64_K(CTV_SUB, 1, 1),
	    JMP_K(CTV_JNE, 1, 0, 1), MOV(0, 9), EXIT() } },
	{ "condition that is no comparison with 0, behind an operation", 3,
	  { MOV(0, 3), MOV(1, 9), ALU64_K(CTV_SUB, 1, 1), JMP_K(CTV_JEQ, 1, 8, 1), MOV(0, 9),
	    EXIT() } },
	{ "speculation barrier", 3, { MOV(0, 3), INSN(CTV_NOSPEC, 0, 0, 0, 0), EXIT() } },
	{ "the kernel's extra register", 3, { MOV(CTV_AX, 3), MOV_X(0, CTV_AX), EXIT() } },
};

static const struct calls {
	const char *name;
	u64 result;
	u32 len;
	u32 nr;
	struct ctv_func funcs[4];
	struct ctv_insn insns[MAX];
} calls[] = {
	{ "call keeps r6 to r9 and the frame", 0x1111 + 7, 14, 2,
	  { { .start = 0, .len = 9, .stack = 8 }, { .start = 9, .len = 5, .stack = 16 } },
	  { MOV(6, 0x1000), MOV(7, 0x100), ST(CTV_DW, 10, -8, 0x11), CALL(5),
	    LDX(CTV_DW, 1, 10, -8), ALU64_X(CTV_ADD, 6, 7), ALU64_X(CTV_ADD, 0, 6),
	    ALU64_X(CTV_ADD, 0, 1), EXIT(),
	    MOV(6, 0), MOV(7, 0), ST(CTV_DW, 10, -8, 0), MOV(0, 7), EXIT() } },
	{ "fuel ends a call from a callee", CTV_VERDICT_FUEL, 6, 2,
	  { { .start = 0, .len = 3, .stack = 8 }, { .start = 3, .len = 3, .stack = 8 } },
	  { CALL(2), MOV(0, 99), EXIT(), MOV(6, 1), JMP_K(CTV_JEQ, 6, 1, -2), EXIT() } },
	{ "function called from before and from behind it", 5, 13, 4,
	  { { .start = 0, .len = 5 }, { .start = 5, .len = 3 }, { .start = 8, .len = 2 },
	    { .start = 10, .len = 3 } },
	  { CALL(4), MOV_X(6, 0), CALL(7), ALU64_X(CTV_ADD, 0, 6), EXIT(),
	    CALL(2), ALU64_K(CTV_ADD, 0, 1), EXIT(), MOV(0, 1), EXIT(),
	    CALL(-3), ALU64_K(CTV_ADD, 0, 2), EXIT() } },
	{ "chain of calls", 6, 11, 3,
	  { { .start = 0, .len = 3 }, { .start = 3, .len = 4 }, { .start = 7, .len = 4 } },
	  { MOV(1, 1), CALL(1), EXIT(),
	    MOV_X(6, 1), ALU64_K(CTV_ADD, 1, 1), CALL(1), EXIT(),
	    MOV_X(0, 1), ALU64_K(CTV_MUL, 0, 3), MOV(6, 0), EXIT() } },
};

static u32 vector_len(const struct ctv_insn *insns)
{
	u32 n = MAX;

	while (n && !insns[n - 1].code && !insns[n - 1].imm)
		n--;
	return n;
}

static void test_vector(const struct vector *v)
{
	struct ctv_func f = { .len = vector_len(v->insns), .stack = 16 };
	struct ctv_prog p = { .insns = v->insns, .len = f.len, .funcs = &f, .nr_funcs = 1 };
	static struct run in, out;
	bool ok = run_both(&p, &in, &out, 1000);

	if (ok && out.result != v->result) {
		test_note("result %#llx, not %#llx", (unsigned long long)out.result,
			  (unsigned long long)v->result);
		ok = false;
	}
	test_result(ok, "%s", v->name);
}

static void test_calls(const struct calls *c)
{
	struct ctv_func funcs[4];
	struct ctv_prog p = { .insns = c->insns, .len = c->len, .funcs = funcs,
			      .nr_funcs = c->nr };
	static struct run in, out;
	bool ok;

	memcpy(funcs, c->funcs, sizeof(funcs));
	ok = run_both(&p, &in, &out, 1000);
	if (ok && out.result != c->result) {
		test_note("result %#llx, not %#llx", (unsigned long long)out.result,
			  (unsigned long long)c->result);
		ok = false;
	}
	test_result(ok, "%s", c->name);
}

void test_vectors(void)
{
	u32 i;

	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		test_vector(&vectors[i]);
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		test_calls(&calls[i]);
}

/* ---- all operations on all pairs of registers ---- */

static const u64 values[] = {
	0, 1, 2, 31, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff, 0x80000000, 0xffffffff,
	0x100000000, 0x7fffffffffffffff, 0x8000000000000000, ~0ULL,
};

#define NR_VALUES (sizeof(values) / sizeof(values[0]))

/*
 * One program for one operation and pair: loads all registers with known values, runs the
 * operation and stores all registers, so that a clobbered bystander shows.
 */
static u32 pair_program(struct ctv_insn *to, struct ctv_insn op, u64 a, u64 b)
{
	u32 n = 0, r;

	for (r = 0; r <= 9; r++) {
		u64 v = r == op.dst ? a : r == op.src ? b : 0x1111111111111111ULL * r;
		struct ctv_insn ld[2] = { LD64(r, v) };

		to[n++] = ld[0];
		to[n++] = ld[1];
	}
	if (ctv_is_jmp(op.code)) {
		op.off = 1;
		to[n++] = op;
		to[n++] = ALU64_K(CTV_XOR, 0, 0x55);
	} else {
		to[n++] = op;
	}
	for (r = 0; r <= 9; r++)
		to[n++] = STX(CTV_DW, 10, r, (s16)(-8 * ((int)r + 1)));
	{
		struct ctv_insn ld[2] = { LD64(1, MAP_ADDR) };

		to[n++] = ld[0];
		to[n++] = ld[1];
	}
	for (r = 0; r <= 9; r++) {
		to[n++] = LDX(CTV_DW, 2, 10, (s16)(-8 * ((int)r + 1)));
		to[n++] = STX(CTV_DW, 1, 2, (s16)(8 * r));
	}
	to[n++] = EXIT();
	return n;
}

static bool pair_run(struct ctv_insn op, u64 a, u64 b)
{
	static struct run in, out;
	struct ctv_insn insns[80];
	struct ctv_func f = { .stack = 80 };
	struct ctv_prog p = { .insns = insns, .funcs = &f, .nr_funcs = 1 };

	p.len = pair_program(insns, op, a, b);
	f.len = p.len;
	return run_both(&p, &in, &out, 0);
}

/* A different pair of values for each pair of registers; over all pairs each comes up often. */
static bool pair_all(struct ctv_insn op, bool source)
{
	static u32 turn;
	bool ok = true;
	u32 d, s, k;

	for (d = 0; d <= 9 && ok; d++) {
		for (s = 0; s <= (source ? 9 : 0) && ok; s++) {
			for (k = 0; k < 3 && ok; k++, turn++) {
				op.dst = d & 15;
				op.src = s & 15;
				ok = pair_run(op, values[turn % NR_VALUES],
					      values[turn / NR_VALUES % NR_VALUES]);
			}
		}
	}
	return ok;
}

static bool pair_constants(struct ctv_insn op, u32 width)
{
	static const s32 imms[] = { 0, 1, 2, 7, 31, 127, 128, -1, -128, -129, 0x7fffffff,
				    -0x7fffffff - 1 };
	bool ok = true;
	u32 i;

	for (i = 0; i < sizeof(imms) / sizeof(imms[0]) && ok; i++) {
		op.imm = imms[i];
		if (ctv_is_shift(CTV_OP(op.code)) && !ctv_is_jmp(op.code))
			op.imm = (s32)((u32)imms[i] & (width - 1));
		ok = pair_all(op, false);
	}
	return ok;
}

static void pair_op(u8 class, u8 op, s16 off, const char *what)
{
	u32 width = class == CTV_ALU64 || class == CTV_JMP ? 64 : 32;

	test_result(pair_all(INSN(class | op | CTV_X, 0, 0, off, 0), true) &&
		    pair_constants(INSN(class | op | CTV_K, 0, 0, off, 0), width),
		    "%s, %u bits, operation %#x%s: every pair of registers", what, width, op,
		    off ? ", signed" : "");
}

void test_pairs(void)
{
	static const u8 ops[] = { CTV_ADD, CTV_SUB, CTV_MUL, CTV_DIV, CTV_MOD, CTV_OR, CTV_AND,
				  CTV_XOR, CTV_LSH, CTV_RSH, CTV_ARSH, CTV_MOV };
	static const u8 jumps[] = { CTV_JEQ, CTV_JGT, CTV_JGE, CTV_JSET, CTV_JNE, CTV_JSGT,
				    CTV_JSGE, CTV_JLT, CTV_JLE, CTV_JSLT, CTV_JSLE };
	u32 i, wide;

	for (wide = 0; wide < 2; wide++) {
		u8 alu = wide ? CTV_ALU64 : CTV_ALU, jmp = wide ? CTV_JMP : CTV_JMP32;

		for (i = 0; i < sizeof(ops); i++)
			pair_op(alu, ops[i], 0, "arithmetic");
		pair_op(alu, CTV_DIV, 1, "arithmetic");
		pair_op(alu, CTV_MOD, 1, "arithmetic");
		for (i = 0; i < sizeof(jumps); i++)
			pair_op(jmp, jumps[i], 0, "condition");
	}
}

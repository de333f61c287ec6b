// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel's BPF verifier does to a program between the two scans, as far as it matters
 * for scan and cost: map references become addresses, and divisions by a register get guards.
 * It also removes dead code, which is not done here: what comes out costs as much or more.
 */
#include "elf.h"

#define GUARD_MAX	8

struct translation {
	const struct ctv_insn *raw;
	u32 raw_len;
	struct ctv_insn *insns;
	u32 *raw_of;
	u32 *new_of;	/* per raw instruction, and the end */
};

#define INSN(c, d, s, o, i) \
	((struct ctv_insn){ .code = (u8)(c), .dst = (u8)(d) & 15, .src = (u8)(s) & 15, \
			    .off = (s16)(o), .imm = (s32)(i) })

static bool is_division(const struct ctv_insn *insn)
{
	u8 class = CTV_CLASS(insn->code), op = CTV_OP(insn->code);

	return (class == CTV_ALU || class == CTV_ALU64) && (op == CTV_DIV || op == CTV_MOD);
}

/* AX = source + 1 is 0 for -1 and 1 for 0: one comparison tells both from the rest. */
static u32 guard_signed(const struct ctv_insn *insn, struct ctv_insn *g)
{
	u8 alu = CTV_CLASS(insn->code), jmp = alu == CTV_ALU64 ? CTV_JMP : CTV_JMP32;
	u8 dst = insn->dst;
	bool narrow_mod = CTV_OP(insn->code) == CTV_MOD && alu == CTV_ALU;
	u32 n = 0;

	g[n++] = INSN(CTV_ALU64 | CTV_MOV | CTV_X, CTV_AX, insn->src, 0, 0);
	g[n++] = INSN(alu | CTV_ADD | CTV_K, CTV_AX, 0, 0, 1);
	if (CTV_OP(insn->code) == CTV_DIV) {
		g[n++] = INSN(jmp | CTV_JGT | CTV_K, CTV_AX, 0, 4, 1);
		g[n++] = INSN(jmp | CTV_JEQ | CTV_K, CTV_AX, 0, 1, 0);
		g[n++] = INSN(alu | CTV_MOV | CTV_K, dst, 0, 0, 0);
		g[n++] = INSN(alu | CTV_NEG | CTV_K, dst, 0, 0, 0);
	} else {
		g[n++] = INSN(jmp | CTV_JGT | CTV_K, CTV_AX, 0, 3, 1);
		g[n++] = INSN(jmp | CTV_JEQ | CTV_K, CTV_AX, 0, 3 + narrow_mod, 1);
		g[n++] = INSN(CTV_ALU | CTV_MOV | CTV_K, dst, 0, 0, 0);
	}
	g[n++] = INSN(CTV_JMP | CTV_JA, 0, 0, 1, 0);
	g[n++] = *insn;
	return n;
}

static u32 guard_unsigned(const struct ctv_insn *insn, struct ctv_insn *g)
{
	u8 alu = CTV_CLASS(insn->code), jmp = alu == CTV_ALU64 ? CTV_JMP : CTV_JMP32;
	u8 dst = insn->dst;
	u32 n = 0;

	if (CTV_OP(insn->code) == CTV_DIV) {
		g[n++] = INSN(jmp | CTV_JNE | CTV_K, insn->src, 0, 2, 0);
		g[n++] = INSN(CTV_ALU | CTV_XOR | CTV_X, dst, dst, 0, 0);
		g[n++] = INSN(CTV_JMP | CTV_JA, 0, 0, 1, 0);
	} else {
		g[n++] = INSN(jmp | CTV_JEQ | CTV_K, insn->src, 0, 1 + (alu == CTV_ALU), 0);
	}
	g[n++] = *insn;
	return n;
}

/* The instructions that @insn becomes; at most 9 with the zero extension of a 32-bit modulo. */
static u32 guard(const struct ctv_insn *insn, struct ctv_insn *g)
{
	u8 alu = CTV_CLASS(insn->code), op = CTV_OP(insn->code);
	u32 n;

	g[0] = *insn;
	if (!is_division(insn))
		return 1;
	if (CTV_SRC(insn->code) == CTV_K) {
		if (insn->off != 1 || insn->imm != -1)
			return 1;
		g[0] = op == CTV_DIV ? INSN(alu | CTV_NEG | CTV_K, insn->dst, 0, 0, 0) :
				       INSN(CTV_ALU | CTV_MOV | CTV_K, insn->dst, 0, 0, 0);
		return 1;
	}
	n = insn->off == 1 ? guard_signed(insn, g) : guard_unsigned(insn, g);
	if (op == CTV_MOD && alu == CTV_ALU) {
		g[n++] = INSN(CTV_JMP | CTV_JA, 0, 0, 1, 0);
		g[n++] = INSN(CTV_ALU | CTV_MOV | CTV_X, insn->dst, insn->dst, 0, 0);
	}
	return n;
}

/* The branch or call at raw instruction @i, which kept its length, to where it now goes. */
static void retarget(struct translation *t, u32 i)
{
	struct ctv_insn *insn = &t->insns[t->new_of[i]];
	s64 target = ctv_target(insn, i), rel;

	if (target < 0 || target > t->raw_len)
		return;		/* the scan finds it */
	rel = (s64)t->new_of[target] - t->new_of[i] - 1;
	if (ctv_is_call(insn->code) || insn->code == (CTV_JMP32 | CTV_JA))
		insn->imm = (s32)rel;
	else
		insn->off = (s16)rel;
}

static u32 translate(struct translation *t)
{
	struct ctv_insn g[GUARD_MAX + 2];
	u32 i, k, nr, n = 0;

	for (i = 0; i < t->raw_len; i++) {
		t->new_of[i] = n;
		nr = guard(&t->raw[i], g);
		for (k = 0; k < nr; k++) {
			t->raw_of[n] = i;
			t->insns[n++] = g[k];
		}
		if (t->raw[i].code != CTV_LD_IMM64 || i + 1 == t->raw_len)
			continue;
		t->insns[n - 1].src = 0;
		t->new_of[++i] = n;
		t->raw_of[n] = i;
		t->insns[n++] = t->raw[i];
	}
	t->new_of[i] = n;
	for (i = 0; i < t->raw_len; i++) {
		if (ctv_is_branch(t->raw[i].code) || ctv_is_local_call(&t->raw[i]))
			retarget(t, i);
		else if (t->raw[i].code == CTV_LD_IMM64)
			i++;
	}
	return n;
}

/* Bytes below r10 that a function uses; the kernel's verifier knows exactly, this is close. */
static u32 func_stack(const struct ctv_insn *insns, u32 len)
{
	const struct ctv_insn *insn;
	u16 from_fp = 0;
	s32 lowest = 0, at;

	for (insn = insns; insn < insns + len; insn++) {
		u8 class = CTV_CLASS(insn->code);

		at = 0;
		if ((class == CTV_LDX && insn->src == CTV_FP) ||
		    ((class == CTV_ST || class == CTV_STX) && insn->dst == CTV_FP))
			at = insn->off;
		else if (insn->code == (CTV_ALU64 | CTV_ADD | CTV_K) && from_fp & 1U << insn->dst)
			at = insn->imm;
		if (insn->code == (CTV_ALU64 | CTV_MOV | CTV_X) && insn->src == CTV_FP)
			from_fp |= (u16)(1U << insn->dst);
		if (at < lowest)
			lowest = at;
	}
	return lowest < -0x10000 ? 0x10000 : ctv_align((u32)-lowest, 8);
}

static void translate_funcs(struct ctv_prog *p, const struct translation *t)
{
	struct ctv_func *f;
	u32 end;

	for (f = p->funcs; f < p->funcs + p->nr_funcs; f++) {
		end = t->new_of[f->start + f->len];
		f->start = t->new_of[f->start];
		f->len = end - f->start;
		f->stack = func_stack(t->insns + f->start, f->len);
	}
}

int object_translate(struct object *o, u32 n)
{
	struct object_prog *info = &o->info[n];
	struct ctv_prog *p = &o->progs[n];
	struct translation t = { .raw = info->raw, .raw_len = info->raw_len };
	u32 room = info->raw_len * (GUARD_MAX + 2);

	t.insns = calloc(room, sizeof(*t.insns));
	t.raw_of = calloc(room, sizeof(*t.raw_of));
	t.new_of = calloc(info->raw_len + 1, sizeof(*t.new_of));
	p->insns = t.insns;
	info->raw_of = t.raw_of;
	if (t.insns && t.raw_of && t.new_of) {
		p->len = translate(&t);
		translate_funcs(p, &t);
	}
	free(t.new_of);
	return p->len ? 0 : -ENOMEM;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Compiler from BPF instructions to x86-64.
 *
 * Two passes of the same code: the first counts bytes, the second writes them. Jumps always have
 * 32-bit displacements, so sizes do not depend on distances. No indirect branch, no reference to
 * anything outside the image: memory of maps is addressed relative to RIP, calls go to functions
 * of the same handler and to kernel functions, of which the set has its own (ctv_kfunc.c). Only
 * baseline instructions, since the image may outlive a kernel.
 *
 * Registers: r0 to r10 in rax rdi rsi rdx rcx r8 rbx r13 r14 r15 rbp (the System V order of
 * arguments), the kernel's extra register in r10. r11 is scratch, r12 holds fuel, r9 the stack
 * pointer at entry, so that a call without fuel can end from any depth.
 */
#include "ctv_jit.h"

static const u8 jit_regs[CTV_NR_REGS] = {
	X86_RAX, X86_RDI, X86_RSI, X86_RDX, X86_RCX, X86_R8, X86_RBX, X86_R13, X86_R14, X86_R15,
	X86_RBP, X86_R11, X86_R10,
};

static void jit_prologue(struct jit *j)
{
	struct x86_buf *b = &j->b;
	u32 stack = ctv_align(j->f->stack, 8);
	u8 reg;

	if (!j->f->start) {
		x86_imm32(b, 0xfa1e0ff3);	/* endbr64 */
		if (j->p->loops)
			x86_mov(b, true, JIT_ENTRY_SP, X86_RSP);
		if (!stack)
			return;
	} else {
		x86_push(b, X86_RBP);
		for (reg = 6; reg <= 9; reg++)
			if (j->f->saved & 1U << reg)
				x86_push(b, jit_regs[reg]);
	}
	x86_mov(b, true, X86_RBP, X86_RSP);
	if (stack)
		x86_alu_imm(b, true, X86_SUB, X86_RSP, (s32)stack);
}

static void jit_epilogue(struct jit *j)
{
	struct x86_buf *b = &j->b;
	u8 reg;

	if (j->f->stack)
		x86_mov(b, true, X86_RSP, X86_RBP);
	if (j->f->start) {
		for (reg = 9; reg >= 6; reg--)
			if (j->f->saved & 1U << reg)
				x86_pop(b, jit_regs[reg]);
		x86_pop(b, X86_RBP);
	}
	x86_ret(b);
}

/* ---- arithmetic ---- */

static enum x86_alu jit_alu_op(u8 op)
{
	switch (op) {
	case CTV_ADD: return X86_ADD;
	case CTV_SUB: return X86_SUB;
	case CTV_OR: return X86_OR;
	case CTV_AND: return X86_AND;
	default: return X86_XOR;
	}
}

static void jit_mul(struct jit *j, const struct ctv_insn *insn, bool wide, u8 dst, u8 src)
{
	if (CTV_SRC(insn->code) == CTV_X) {
		x86_0f_rr(&j->b, wide, 0xaf, dst, src);
	} else {
		x86_rr(&j->b, wide, 0x69, dst, dst);
		x86_imm32(&j->b, (u32)insn->imm);
	}
}

static void jit_shift(struct jit *j, const struct ctv_insn *insn, bool wide, u8 dst, u8 src)
{
	u8 op = CTV_OP(insn->code);
	enum x86_shift x = op == CTV_LSH ? X86_SHL : op == CTV_RSH ? X86_SHR : X86_SAR;
	struct x86_buf *b = &j->b;

	if (CTV_SRC(insn->code) == CTV_K) {
		if (!insn->imm && !wide)
			x86_mov(b, false, dst, dst);
		else
			x86_shift(b, wide, x, dst, insn->imm);
		return;
	}
	/* the count has to be in cl */
	if (src == X86_RCX && dst == X86_RCX) {
		x86_mov(b, true, JIT_TMP, X86_RCX);
		x86_shift(b, wide, x, JIT_TMP, -1);
		x86_mov(b, true, X86_RCX, JIT_TMP);
	} else if (src == X86_RCX) {
		x86_shift(b, wide, x, dst, -1);
	} else if (dst == src) {
		x86_mov(b, true, JIT_TMP, X86_RCX);
		x86_mov(b, true, X86_RCX, src);
		x86_shift(b, wide, x, dst, -1);
		x86_mov(b, true, X86_RCX, JIT_TMP);
	} else {
		x86_rr(b, true, 0x87, X86_RCX, src);	/* xchg */
		x86_shift(b, wide, x, dst == X86_RCX ? src : dst, -1);
		x86_rr(b, true, 0x87, X86_RCX, src);
	}
}

/*
 * The dividend is in rax, the divisor in r11, the result goes to r11. x86 faults on division by
 * zero and on the smallest number by -1; BPF defines them: x / 0 = 0, x % 0 = x, min / -1 = min,
 * x % -1 = 0 (RFC 9669, 4.1). What a constant divisor cannot be is not looked at.
 */
static void jit_div_unsigned(struct jit *j, bool wide, bool mod, bool zero)
{
	struct x86_buf *b = &j->b;
	u32 to_end = 0;

	if (zero) {
		if (mod)
			x86_mov(b, wide, X86_RDX, X86_RAX);
		x86_rr(b, wide, 0x85, JIT_TMP, JIT_TMP);	/* test */
		to_end = x86_jcc8(b, X86_E);
	}
	x86_alu(b, false, X86_XOR, X86_RDX, X86_RDX);
	x86_rr(b, wide, 0xf7, 6, JIT_TMP);
	if (!mod)	/* else r11 is 0, and that is the result */
		x86_mov(b, wide, JIT_TMP, X86_RAX);
	if (zero)
		x86_jump8_end(b, to_end);
	if (mod)
		x86_mov(b, wide, JIT_TMP, X86_RDX);
}

static void jit_div_signed(struct jit *j, bool wide, bool mod, bool special)
{
	u32 to_zero = 0, to_minus = 0, to_end, to_end2;
	struct x86_buf *b = &j->b;

	if (special) {
		x86_rr(b, wide, 0x85, JIT_TMP, JIT_TMP);	/* test */
		to_zero = x86_jcc8(b, X86_E);
		x86_alu_imm(b, wide, X86_CMP, JIT_TMP, -1);
		to_minus = x86_jcc8(b, X86_E);
	}
	x86_rex(b, wide, 0, 0, false);
	x86_byte(b, 0x99);			/* cdq, cqo */
	x86_rr(b, wide, 0xf7, 7, JIT_TMP);
	x86_mov(b, wide, JIT_TMP, mod ? X86_RDX : X86_RAX);
	if (!special)
		return;
	to_end = x86_jmp8(b);
	x86_jump8_end(b, to_minus);
	x86_rr(b, wide, 0xf7, 3, X86_RAX);	/* neg */
	if (mod)
		x86_alu(b, false, X86_XOR, JIT_TMP, JIT_TMP);
	else
		x86_mov(b, wide, JIT_TMP, X86_RAX);
	to_end2 = x86_jmp8(b);
	x86_jump8_end(b, to_zero);
	if (mod)
		x86_mov(b, wide, JIT_TMP, X86_RAX);
	else
		x86_alu(b, false, X86_XOR, JIT_TMP, JIT_TMP);
	x86_jump8_end(b, to_end);
	x86_jump8_end(b, to_end2);
}

static void jit_div(struct jit *j, const struct ctv_insn *insn, bool wide, u8 dst, u8 src)
{
	bool mod = CTV_OP(insn->code) == CTV_MOD, constant = CTV_SRC(insn->code) == CTV_K;
	struct x86_buf *b = &j->b;

	if (!constant)
		x86_mov(b, wide, JIT_TMP, src);
	else
		x86_mov_imm64(b, JIT_TMP, wide ? (u64)(s64)insn->imm : (u32)insn->imm);
	if (dst != X86_RAX)
		x86_push(b, X86_RAX);
	if (dst != X86_RDX)
		x86_push(b, X86_RDX);
	if (dst != X86_RAX)
		x86_mov(b, wide, X86_RAX, dst);
	if (insn->off == 1)
		jit_div_signed(j, wide, mod, !constant || !insn->imm || insn->imm == -1);
	else
		jit_div_unsigned(j, wide, mod, !constant || !insn->imm);
	if (dst != X86_RDX)
		x86_pop(b, X86_RDX);
	if (dst != X86_RAX)
		x86_pop(b, X86_RAX);
	x86_mov(b, wide, dst, JIT_TMP);
}

static void jit_bswap(struct jit *j, s32 bits, u8 dst)
{
	struct x86_buf *b = &j->b;

	if (bits == 16) {
		x86_byte(b, 0x66);
		x86_shift(b, false, X86_ROR, dst, 8);
		x86_0f_rr(b, false, 0xb7, dst, dst);	/* movzx */
		return;
	}
	x86_rex(b, bits == 64, 0, dst, false);
	x86_byte(b, 0x0f);
	x86_byte(b, 0xc8 | (dst & 7));
}

static void jit_end(struct jit *j, const struct ctv_insn *insn, u8 dst)
{
	if (CTV_CLASS(insn->code) == CTV_ALU64 || CTV_SRC(insn->code) == CTV_X)
		jit_bswap(j, insn->imm, dst);
	else if (insn->imm == 16)
		x86_0f_rr(&j->b, false, 0xb7, dst, dst);
	else if (insn->imm == 32)
		x86_mov(&j->b, false, dst, dst);
}

static void jit_mov(struct jit *j, const struct ctv_insn *insn, bool wide, u8 dst, u8 src)
{
	if (CTV_SRC(insn->code) == CTV_K)
		x86_mov_imm64(&j->b, dst, wide ? (u64)(s64)insn->imm : (u32)insn->imm);
	else if (insn->off == 0)
		x86_mov(&j->b, wide, dst, src);
	else if (insn->off == 32)
		x86_rr(&j->b, true, 0x63, dst, src);	/* movsxd */
	else
		x86_0f_rr(&j->b, wide, insn->off == 8 ? 0xbe : 0xbf, dst, src);
}

static void jit_alu(struct jit *j, const struct ctv_insn *insn)
{
	bool wide = CTV_CLASS(insn->code) == CTV_ALU64;
	u8 dst = jit_regs[insn->dst], src = jit_regs[insn->src], op = CTV_OP(insn->code);

	switch (op) {
	case CTV_MOV:
		jit_mov(j, insn, wide, dst, src);
		break;
	case CTV_NEG:
		x86_rr(&j->b, wide, 0xf7, 3, dst);
		break;
	case CTV_MUL:
		jit_mul(j, insn, wide, dst, src);
		break;
	case CTV_DIV: case CTV_MOD:
		jit_div(j, insn, wide, dst, src);
		break;
	case CTV_LSH: case CTV_RSH: case CTV_ARSH:
		jit_shift(j, insn, wide, dst, src);
		break;
	case CTV_END:
		jit_end(j, insn, dst);
		break;
	default:
		if (CTV_SRC(insn->code) == CTV_X)
			x86_alu(&j->b, wide, jit_alu_op(op), dst, src);
		else
			x86_alu_imm(&j->b, wide, jit_alu_op(op), dst, insn->imm);
		j->zf_reg = insn->dst;
		j->zf_wide = wide;
	}
}

/*
 * A copy and an addition to it are one lea: BPF has no other way to add to something that is still
 * needed. Nothing may jump between the two. Whether instructions @i and the next were such a pair.
 */
static bool jit_pair(struct jit *j, u32 i)
{
	const struct ctv_insn *mov = &j->p->insns[i], *add = mov + 1;
	bool wide = CTV_CLASS(mov->code) == CTV_ALU64;
	u8 dst = jit_regs[mov->dst], src = jit_regs[mov->src];

	if (i + 1 == j->f->start + j->f->len || j->p->join[i + 1] || mov->off ||
	    (mov->code != (CTV_ALU64 | CTV_MOV | CTV_X) &&
	     mov->code != (CTV_ALU | CTV_MOV | CTV_X)))
		return false;
	if (CTV_CLASS(add->code) != CTV_CLASS(mov->code) || CTV_OP(add->code) != CTV_ADD ||
	    add->dst != mov->dst)
		return false;
	if (CTV_SRC(add->code) == CTV_K)
		x86_lea(&j->b, wide, dst, src, add->imm);
	else
		x86_lea_sum(&j->b, wide, dst, src, add->src == add->dst ? src : jit_regs[add->src]);
	return true;
}

/* ---- memory ---- */

static void jit_load(struct jit *j, u8 size, bool sign, u8 dst, u8 base, s32 off)
{
	struct x86_buf *b = &j->b;

	x86_rex(b, size == CTV_DW || sign, dst, base, false);
	switch (size) {
	case CTV_B: case CTV_H:
		x86_byte(b, 0x0f);
		x86_byte(b, (size == CTV_B ? 0xb6 : 0xb7) | (sign ? 8 : 0));
		break;
	default:
		x86_byte(b, sign ? 0x63 : 0x8b);
	}
	x86_mem(b, dst, base, off);
}

/* Operand size prefix, REX and opcode of an instruction whose byte form has the even opcode. */
static void jit_sized(struct jit *j, u8 size, u8 op, u8 reg, u8 base)
{
	struct x86_buf *b = &j->b;

	if (size == CTV_H)
		x86_byte(b, 0x66);
	x86_rex(b, size == CTV_DW, reg, base, size == CTV_B);
	x86_byte(b, op | (size != CTV_B));
}

static void jit_store(struct jit *j, u8 size, u8 src, u8 base, s32 off)
{
	jit_sized(j, size, 0x88, src, base);
	x86_mem(&j->b, src, base, off);
}

static void jit_store_imm(struct jit *j, u8 size, s32 imm, u8 base, s32 off)
{
	struct x86_buf *b = &j->b;

	jit_sized(j, size, 0xc6, 0, base);
	x86_mem(b, 0, base, off);
	if (size == CTV_B) {
		x86_byte(b, (u8)imm);
	} else if (size == CTV_H) {
		x86_byte(b, (u8)imm);
		x86_byte(b, (u8)(imm >> 8));
	} else {
		x86_imm32(b, (u32)imm);
	}
}

/* lock op off(base), src; 0x0f comes first when @two */
static void jit_locked(struct jit *j, bool wide, bool two, u8 op, u8 src, u8 base, s32 off)
{
	struct x86_buf *b = &j->b;

	x86_byte(b, 0xf0);
	x86_rex(b, wide, src, base, false);
	if (two)
		x86_byte(b, 0x0f);
	x86_byte(b, op);
	x86_mem(b, src, base, off);
}

static void jit_atomic(struct jit *j, const struct ctv_insn *insn)
{
	bool wide = CTV_SIZE(insn->code) == CTV_DW;
	u8 base = jit_regs[insn->dst], src = jit_regs[insn->src];

	switch (insn->imm) {
	case CTV_LOAD_ACQ:	/* loads and stores have these orders on x86 */
		jit_load(j, CTV_SIZE(insn->code), false, base, src, insn->off);
		break;
	case CTV_STORE_REL:
		jit_store(j, CTV_SIZE(insn->code), src, base, insn->off);
		break;
	case CTV_ADD | CTV_FETCH:
		jit_locked(j, wide, true, 0xc1, src, base, insn->off);
		break;
	case CTV_CMPXCHG:
		jit_locked(j, wide, true, 0xb1, src, base, insn->off);
		if (!wide)	/* on success eax is not written */
			x86_mov(&j->b, false, X86_RAX, X86_RAX);
		break;
	case CTV_XCHG:
		jit_locked(j, wide, false, 0x87, src, base, insn->off);
		break;
	default:
		jit_locked(j, wide, false, (u8)(jit_alu_op((u8)insn->imm) * 8 + 1), src, base,
			   insn->off);
	}
}

void ctv_jit_lea(struct jit *j, u8 dst, u32 win)
{
	x86_rex(&j->b, true, dst, 0, false);
	x86_byte(&j->b, 0x8d);		/* lea dst, rel32(rip) */
	x86_modrm(&j->b, 0, dst, 5);
	x86_rel32(&j->b, j->data + win);
}

static void jit_imm64(struct jit *j, const struct ctv_insn *insn)
{
	u64 imm = ctv_imm64(insn);
	const struct ctv_map *map = ctv_map_find(j->set, imm);
	u8 dst = jit_regs[insn->dst];

	if (!map) {
		x86_mov_imm64(&j->b, dst, imm);
		return;
	}
	ctv_jit_lea(j, dst, map->win + (u32)(imm - map->addr));
}

static void jit_mem(struct jit *j, const struct ctv_insn *insn)
{
	u8 size = CTV_SIZE(insn->code), dst = jit_regs[insn->dst], src = jit_regs[insn->src];

	switch (CTV_CLASS(insn->code)) {
	case CTV_LDX:
		jit_load(j, size, CTV_MODE(insn->code) == CTV_MEMSX, dst, src, insn->off);
		break;
	case CTV_STX:
		if (CTV_MODE(insn->code) == CTV_ATOMIC)
			jit_atomic(j, insn);
		else
			jit_store(j, size, src, dst, insn->off);
		break;
	default:
		if (insn->code == CTV_NOSPEC) {
			x86_byte(&j->b, 0x0f);	/* lfence */
			x86_byte(&j->b, 0xae);
			x86_byte(&j->b, 0xe8);
		} else {
			jit_store_imm(j, size, insn->imm, dst, insn->off);
		}
	}
}

/* ---- jumps ---- */

static enum x86_cc jit_cc(u8 op)
{
	switch (op) {
	case CTV_JEQ: return X86_E;
	case CTV_JGT: return X86_A;
	case CTV_JGE: return X86_AE;
	case CTV_JLT: return X86_B;
	case CTV_JLE: return X86_BE;
	case CTV_JSGT: return X86_G;
	case CTV_JSGE: return X86_GE;
	case CTV_JSLT: return X86_L;
	case CTV_JSLE: return X86_LE;
	default: return X86_NE;		/* jne, jset */
	}
}

/* Whether the zero flag says already what a comparison of @insn->dst with 0 would. */
static bool jit_has_zf(const struct jit *j, const struct ctv_insn *insn)
{
	u8 op = CTV_OP(insn->code);

	return CTV_SRC(insn->code) == CTV_K && !insn->imm && (op == CTV_JEQ || op == CTV_JNE) &&
	       j->zf_reg == insn->dst && (CTV_CLASS(insn->code) == CTV_JMP || !j->zf_wide);
}

static void jit_compare(struct jit *j, const struct ctv_insn *insn)
{
	bool wide = CTV_CLASS(insn->code) == CTV_JMP;
	u8 dst = jit_regs[insn->dst], src = jit_regs[insn->src], op = CTV_OP(insn->code);

	if (jit_has_zf(j, insn))
		return;
	if (CTV_SRC(insn->code) == CTV_X) {
		x86_rr(&j->b, wide, op == CTV_JSET ? 0x85 : 0x39, src, dst);
	} else if (op == CTV_JSET) {
		x86_rr(&j->b, wide, 0xf7, 0, dst);
		x86_imm32(&j->b, (u32)insn->imm);
	} else if (!insn->imm && (op == CTV_JEQ || op == CTV_JNE)) {
		x86_rr(&j->b, wide, 0x85, dst, dst);
	} else {
		x86_alu_imm(&j->b, wide, X86_CMP, dst, insn->imm);
	}
}

/* A jump that closes a loop: pay for the way from there to the end, or leave. */
static void jit_jump_back(struct jit *j, u32 target)
{
	x86_alu_imm(&j->b, false, X86_SUB, JIT_FUEL, (s32)j->p->reach[target]);
	x86_jcc(&j->b, X86_NS, j->p->off[target]);
	x86_jmp(&j->b, j->p->fuel_off);
}

static void jit_branch(struct jit *j, const struct ctv_insn *insn, u32 i)
{
	u32 target = (u32)ctv_target(insn, i), to = j->p->off[target], over;
	bool back = j->p->loop[i];

	if (ctv_is_ja(insn->code)) {
		if (back)
			jit_jump_back(j, target);
		else if (target != i + 1)
			x86_jmp(&j->b, to);
		return;
	}
	jit_compare(j, insn);
	if (!back) {
		x86_jcc(&j->b, jit_cc(CTV_OP(insn->code)), to);
		return;
	}
	/* the low bit of a condition code inverts it */
	over = x86_jcc8(&j->b, (enum x86_cc)(jit_cc(CTV_OP(insn->code)) ^ 1));
	jit_jump_back(j, target);
	x86_jump8_end(&j->b, over);
}

static void jit_insn(struct jit *j, u32 i)
{
	const struct ctv_insn *insn = &j->p->insns[i];

	switch (CTV_CLASS(insn->code)) {
	case CTV_ALU:
	case CTV_ALU64:
		jit_alu(j, insn);
		break;
	case CTV_LD:
		jit_imm64(j, insn);
		break;
	case CTV_JMP:
	case CTV_JMP32:
		if (ctv_is_exit(insn->code))
			jit_epilogue(j);
		else if (ctv_is_local_call(insn))
			x86_call(&j->b, ctv_func_find(j->p, (u32)ctv_target(insn, i))->off);
		else if (ctv_is_call(insn->code))
			ctv_jit_kfunc(j, ctv_kfunc_find(j->p->kfuncs, insn));
		else
			jit_branch(j, insn, i);
		break;
	default:
		jit_mem(j, insn);
	}
}

/* One instruction, or two that are one: the number of the last one of them. */
static u32 jit_next(struct jit *j, u32 i)
{
	/* only a jump asks what is known of the flags, and only if nothing else leads to it */
	if (j->p->join[i] || !ctv_is_branch(j->p->insns[i].code))
		j->zf_reg = JIT_NO_REG;
	if (jit_pair(j, i)) {
		j->p->off[++i] = j->b.pos;
		return i;
	}
	jit_insn(j, i);
	if (ctv_is_branch(j->p->insns[i].code))
		j->zf_reg = JIT_NO_REG;
	return i;
}

static void jit_func(struct jit *j, struct ctv_func *f)
{
	u32 i;

	while (j->b.pos & 15)
		x86_byte(&j->b, 0xcc);
	j->f = f;
	f->off = j->b.pos;
	j->zf_reg = JIT_NO_REG;
	jit_prologue(j);
	for (i = f->start; i < f->start + f->len; i++) {
		j->p->off[i] = j->b.pos;
		if (j->p->reach[i] != CTV_NONE)
			i = jit_next(j, i);
	}
}

static void jit_prog(struct jit *j, struct ctv_prog *p)
{
	u32 i;

	j->p = p;
	for (i = 0; i < p->nr_funcs; i++)
		jit_func(j, &p->funcs[i]);
	p->fuel_off = j->b.pos;
	if (!p->loops)
		return;
	x86_mov(&j->b, true, X86_RSP, JIT_ENTRY_SP);
	x86_mov_imm64(&j->b, X86_RAX, CTV_VERDICT_FUEL);
	x86_ret(&j->b);
}

static u32 jit_set(struct ctv_set *set, u8 *text)
{
	struct jit j = {
		.b = { .text = text, .size = text ? set->text : 0 },
		.set = set,
		.data = ctv_align(set->text, CTV_PAGE),
	};
	u32 i;

	for (i = 0; i < set->nr_progs; i++)
		jit_prog(&j, &set->progs[i]);
	set->code = j.b.pos;
	ctv_jit_kfuncs(&j);
	return j.b.pos;
}

int ctv_set_size(struct ctv_set *set)
{
	set->text = 0;
	set->text = jit_set(set, NULL);
	set->bad_prog = 0;
	if (set->text > CTV_MAX_TEXT)
		return ctv_refuse(&set->refusal, CTV_RULE_SIZE, CTV_NONE, "%u bytes of code of %u",
				  set->text, CTV_MAX_TEXT);
	return 0;
}

int ctv_set_emit(struct ctv_set *set, u8 *text)
{
	u32 size = jit_set(set, text);

	if (size != set->text)
		return ctv_refuse(&set->refusal, CTV_RULE_CHECK, CTV_NONE, "%u bytes, not %u", size,
				  set->text);
	return ctv_check_text(set, text);
}

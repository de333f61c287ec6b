/* SPDX-License-Identifier: GPL-2.0 */
/*
 * x86-64 encoding, as much of it as compiled handlers need. Intel SDM volume 2 chapter 2 (REX,
 * ModRM) and the instruction pages there.
 */
#ifndef CTV_X86_H
#define CTV_X86_H

#include "ctv_insn.h"

enum x86_reg {
	X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP, X86_RSI, X86_RDI,
	X86_R8, X86_R9, X86_R10, X86_R11, X86_R12, X86_R13, X86_R14, X86_R15,
};

/* condition codes of Jcc */
enum x86_cc {
	X86_B = 2, X86_AE = 3, X86_E = 4, X86_NE = 5, X86_BE = 6, X86_A = 7, X86_NS = 9,
	X86_L = 12, X86_GE = 13, X86_LE = 14, X86_G = 15,
};

/* /digit of the immediate group 81/83, and "op r/m, r" is digit * 8 + 1 */
enum x86_alu { X86_ADD = 0, X86_OR = 1, X86_AND = 4, X86_SUB = 5, X86_XOR = 6, X86_CMP = 7 };

/* /digit of the shift group */
enum x86_shift { X86_ROR = 1, X86_SHL = 4, X86_SHR = 5, X86_SAR = 7 };

/**
 * struct x86_buf - where code goes
 * @text:	NULL while sizes are found out
 * @pos:	bytes so far
 * @size:	bytes at @text
 */
struct x86_buf {
	u8 *text;
	u32 pos;
	u32 size;
};

static inline void x86_byte(struct x86_buf *b, u8 byte)
{
	if (b->text && b->pos < b->size)
		b->text[b->pos] = byte;
	b->pos++;
}

static inline void x86_imm32(struct x86_buf *b, u32 imm)
{
	x86_byte(b, (u8)imm);
	x86_byte(b, (u8)(imm >> 8));
	x86_byte(b, (u8)(imm >> 16));
	x86_byte(b, (u8)(imm >> 24));
}

static inline bool x86_is_imm8(s32 imm)
{
	return imm >= -128 && imm <= 127;
}

/* REX prefix for @reg (ModRM.reg) and @rm; @force it for byte registers beyond dl */
static inline void x86_rex(struct x86_buf *b, bool wide, u8 reg, u8 rm, bool force)
{
	u8 rex = 0x40 | wide << 3 | (reg >> 3) << 2 | rm >> 3;

	if (rex != 0x40 || force)
		x86_byte(b, rex);
}

static inline void x86_modrm(struct x86_buf *b, u8 mod, u8 reg, u8 rm)
{
	x86_byte(b, (u8)(mod << 6 | (reg & 7) << 3 | (rm & 7)));
}

/* op reg, rm with both in registers */
static inline void x86_rr(struct x86_buf *b, bool wide, u8 op, u8 reg, u8 rm)
{
	x86_rex(b, wide, reg, rm, false);
	x86_byte(b, op);
	x86_modrm(b, 3, reg, rm);
}

static inline void x86_0f_rr(struct x86_buf *b, bool wide, u8 op, u8 reg, u8 rm)
{
	x86_rex(b, wide, reg, rm, true);
	x86_byte(b, 0x0f);
	x86_byte(b, op);
	x86_modrm(b, 3, reg, rm);
}

static inline void x86_mov(struct x86_buf *b, bool wide, u8 dst, u8 src)
{
	x86_rr(b, wide, 0x89, src, dst);
}

static inline void x86_alu(struct x86_buf *b, bool wide, enum x86_alu op, u8 dst, u8 src)
{
	x86_rr(b, wide, (u8)(op * 8 + 1), src, dst);
}

static inline void x86_alu_imm(struct x86_buf *b, bool wide, enum x86_alu op, u8 dst, s32 imm)
{
	x86_rex(b, wide, 0, dst, false);
	x86_byte(b, x86_is_imm8(imm) ? 0x83 : 0x81);
	x86_modrm(b, 3, op, dst);
	if (x86_is_imm8(imm))
		x86_byte(b, (u8)imm);
	else
		x86_imm32(b, (u32)imm);
}

/* 64-bit constant in its shortest form */
static inline void x86_mov_imm64(struct x86_buf *b, u8 dst, u64 imm)
{
	if (!imm) {
		x86_alu(b, false, X86_XOR, dst, dst);
	} else if (imm <= 0xffffffff) {
		x86_rex(b, false, 0, dst, false);
		x86_byte(b, 0xb8 | (dst & 7));
		x86_imm32(b, (u32)imm);
	} else if ((u64)(s64)(s32)imm == imm) {
		x86_rex(b, true, 0, dst, false);
		x86_byte(b, 0xc7);
		x86_modrm(b, 3, 0, dst);
		x86_imm32(b, (u32)imm);
	} else {
		x86_rex(b, true, 0, dst, false);
		x86_byte(b, 0xb8 | (dst & 7));
		x86_imm32(b, (u32)imm);
		x86_imm32(b, (u32)(imm >> 32));
	}
}

/* shift by a constant, or by cl when @imm is negative */
static inline void x86_shift(struct x86_buf *b, bool wide, enum x86_shift op, u8 dst, int imm)
{
	x86_rex(b, wide, 0, dst, false);
	x86_byte(b, imm < 0 ? 0xd3 : 0xc1);
	x86_modrm(b, 3, op, dst);
	if (imm >= 0)
		x86_byte(b, (u8)imm);
}

/* ModRM and displacement of off(base); base is never rsp or r12, which would need a SIB byte */
static inline void x86_mem(struct x86_buf *b, u8 reg, u8 base, s32 off)
{
	x86_modrm(b, x86_is_imm8(off) ? 1 : 2, reg, base);
	if (x86_is_imm8(off))
		x86_byte(b, (u8)off);
	else
		x86_imm32(b, (u32)off);
}

/* lea dst, off(base) */
static inline void x86_lea(struct x86_buf *b, bool wide, u8 dst, u8 base, s32 off)
{
	x86_rex(b, wide, dst, base, false);
	x86_byte(b, 0x8d);
	x86_mem(b, dst, base, off);
}

/* lea dst, (base, index); neither is rsp */
static inline void x86_lea_sum(struct x86_buf *b, bool wide, u8 dst, u8 base, u8 index)
{
	u8 rex = 0x40 | wide << 3 | (dst >> 3) << 2 | (index >> 3) << 1 | base >> 3;

	if (rex != 0x40)
		x86_byte(b, rex);
	x86_byte(b, 0x8d);
	x86_modrm(b, 1, dst, 4);
	x86_byte(b, (u8)((index & 7) << 3 | (base & 7)));	/* SIB */
	x86_byte(b, 0);
}

static inline void x86_push(struct x86_buf *b, u8 reg)
{
	x86_rex(b, false, 0, reg, false);
	x86_byte(b, 0x50 | (reg & 7));
}

static inline void x86_pop(struct x86_buf *b, u8 reg)
{
	x86_rex(b, false, 0, reg, false);
	x86_byte(b, 0x58 | (reg & 7));
}

/* displacement from the end of the instruction that ends with it */
static inline void x86_rel32(struct x86_buf *b, u32 target)
{
	x86_imm32(b, target - (b->pos + 4));
}

static inline void x86_jmp(struct x86_buf *b, u32 target)
{
	x86_byte(b, 0xe9);
	x86_rel32(b, target);
}

static inline void x86_jcc(struct x86_buf *b, enum x86_cc cc, u32 target)
{
	x86_byte(b, 0x0f);
	x86_byte(b, 0x80 | cc);
	x86_rel32(b, target);
}

static inline void x86_call(struct x86_buf *b, u32 target)
{
	x86_byte(b, 0xe8);
	x86_rel32(b, target);
}

/* short jump over code that follows: returns the place to hand to x86_jcc8_end() */
static inline u32 x86_jcc8(struct x86_buf *b, enum x86_cc cc)
{
	x86_byte(b, 0x70 | cc);
	x86_byte(b, 0);
	return b->pos;
}

static inline u32 x86_jmp8(struct x86_buf *b)
{
	x86_byte(b, 0xeb);
	x86_byte(b, 0);
	return b->pos;
}

/* A jump that does not reach becomes one to itself, which the check of compiled code refuses. */
static inline void x86_jump8_end(struct x86_buf *b, u32 from)
{
	if (b->text && from <= b->size)
		b->text[from - 1] = b->pos - from > 127 ? 0xfe : (u8)(b->pos - from);
}

/* int3 after a return, against speculation past it (AMD APM volume 2, straight-line) */
static inline void x86_ret(struct x86_buf *b)
{
	x86_byte(b, 0xc3);
	x86_byte(b, 0xcc);
}

#endif /* CTV_X86_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Encoding of BPF instructions (RFC 9669) as far as the passes need it, independent of the
 * headers of any kernel, so that the same source is built into the kernel and in user space.
 */
#ifndef CTV_INSN_H
#define CTV_INSN_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
#endif

/* Same layout as struct bpf_insn. */
struct ctv_insn {
	u8 code;
	u8 dst:4;
	u8 src:4;
	s16 off;
	s32 imm;
};

/* registers: r0 to r10, and the one that the kernel's own rewrites use */
#define CTV_R0			0
#define CTV_FP			10
#define CTV_AX			12
#define CTV_NR_REGS		13

/* code: class */
#define CTV_CLASS(code)		((code) & 0x07)
#define CTV_LD			0x00
#define CTV_LDX			0x01
#define CTV_ST			0x02
#define CTV_STX			0x03
#define CTV_ALU			0x04
#define CTV_JMP			0x05
#define CTV_JMP32		0x06
#define CTV_ALU64		0x07

/* code of arithmetic and jumps: source operand and operation */
#define CTV_SRC(code)		((code) & 0x08)
#define CTV_K			0x00
#define CTV_X			0x08
#define CTV_OP(code)		((code) & 0xf0)
#define CTV_ADD			0x00
#define CTV_SUB			0x10
#define CTV_MUL			0x20
#define CTV_DIV			0x30
#define CTV_OR			0x40
#define CTV_AND			0x50
#define CTV_LSH			0x60
#define CTV_RSH			0x70
#define CTV_NEG			0x80
#define CTV_MOD			0x90
#define CTV_XOR			0xa0
#define CTV_MOV			0xb0
#define CTV_ARSH		0xc0
#define CTV_END			0xd0

#define CTV_JA			0x00
#define CTV_JEQ			0x10
#define CTV_JGT			0x20
#define CTV_JGE			0x30
#define CTV_JSET		0x40
#define CTV_JNE			0x50
#define CTV_JSGT		0x60
#define CTV_JSGE		0x70
#define CTV_CALL		0x80
#define CTV_EXIT		0x90
#define CTV_JLT			0xa0
#define CTV_JLE			0xb0
#define CTV_JSLT		0xc0
#define CTV_JSLE		0xd0
#define CTV_JCOND		0xe0

/* code of loads and stores: size and mode */
#define CTV_SIZE(code)		((code) & 0x18)
#define CTV_W			0x00
#define CTV_H			0x08
#define CTV_B			0x10
#define CTV_DW			0x18
#define CTV_MODE(code)		((code) & 0xe0)
#define CTV_IMM			0x00
#define CTV_ABS			0x20
#define CTV_IND			0x40
#define CTV_MEM			0x60
#define CTV_MEMSX		0x80
#define CTV_ATOMIC		0xc0

/* imm of atomics, beside CTV_ADD, CTV_OR, CTV_AND, CTV_XOR */
#define CTV_FETCH		0x01
#define CTV_XCHG		(0xe0 | CTV_FETCH)
#define CTV_CMPXCHG		(0xf0 | CTV_FETCH)
#define CTV_LOAD_ACQ		0x100
#define CTV_STORE_REL		0x110

#define CTV_LD_IMM64		(CTV_LD | CTV_IMM | CTV_DW)
#define CTV_NOSPEC		(CTV_ST | 0xc0)

/* src of CTV_LD_IMM64 as loaded, before the kernel resolves it */
#define CTV_PSEUDO_MAP_FD	1
#define CTV_PSEUDO_MAP_VALUE	2
#define CTV_PSEUDO_BTF_ID	3
#define CTV_PSEUDO_FUNC		4
#define CTV_PSEUDO_MAP_IDX	5
#define CTV_PSEUDO_MAP_IDX_VALUE 6

/* src of CTV_JMP | CTV_CALL */
#define CTV_CALL_HELPER		0
#define CTV_CALL_LOCAL		1
#define CTV_CALL_KFUNC		2

#define CTV_HELPER_TAIL_CALL	12

static inline bool ctv_is_jmp(u8 code)
{
	return CTV_CLASS(code) == CTV_JMP || CTV_CLASS(code) == CTV_JMP32;
}

static inline bool ctv_is_call(u8 code)
{
	return code == (CTV_JMP | CTV_CALL);
}

static inline bool ctv_is_local_call(const struct ctv_insn *insn)
{
	return ctv_is_call(insn->code) && insn->src == CTV_CALL_LOCAL;
}

static inline bool ctv_is_exit(u8 code)
{
	return code == (CTV_JMP | CTV_EXIT);
}

static inline bool ctv_is_ja(u8 code)
{
	return ctv_is_jmp(code) && CTV_OP(code) == CTV_JA;
}

/* Instructions that take the branch given by ctv_target(). */
static inline bool ctv_is_branch(u8 code)
{
	return ctv_is_jmp(code) && !ctv_is_call(code) && !ctv_is_exit(code);
}

/* Index of the instruction that the branch or local call @insn at index @i goes to. */
static inline s64 ctv_target(const struct ctv_insn *insn, u32 i)
{
	if (ctv_is_call(insn->code) || insn->code == (CTV_JMP32 | CTV_JA))
		return (s64)i + 1 + insn->imm;
	return (s64)i + 1 + insn->off;
}

static inline u64 ctv_imm64(const struct ctv_insn *insn)
{
	return (u32)insn[0].imm | (u64)(u32)insn[1].imm << 32;
}

static inline bool ctv_is_shift(u8 op)
{
	return op == CTV_LSH || op == CTV_RSH || op == CTV_ARSH;
}

static inline bool ctv_is_div(const struct ctv_insn *insn)
{
	return (CTV_CLASS(insn->code) == CTV_ALU || CTV_CLASS(insn->code) == CTV_ALU64) &&
	       (CTV_OP(insn->code) == CTV_DIV || CTV_OP(insn->code) == CTV_MOD);
}

#endif /* CTV_INSN_H */

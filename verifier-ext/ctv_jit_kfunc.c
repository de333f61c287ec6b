// SPDX-License-Identifier: GPL-2.0
/*
 * Compiler: the code of kernel functions, which stands where they are called. Arguments are in rdi,
 * rsi, rdx, the result goes to rax; rcx, rdx, rsi, rdi, r8 and r11 are free.
 */
#include "ctv_jit.h"

/* u64 bpf_caretaker_time(exit): the TSC of the CPU, the same in all kernels. */
static void jit_time(struct jit *j)
{
	x86_byte(&j->b, 0x0f);		/* rdtsc */
	x86_byte(&j->b, 0x31);
	x86_shift(&j->b, true, X86_SHL, X86_RDX, 32);
	x86_alu(&j->b, true, X86_OR, X86_RAX, X86_RDX);
}

/* u8 *bpf_caretaker_scratch(exit, u32 idx, u32 rdwr_buf_size): NULL for what does not fit. */
static void jit_scratch(struct jit *j)
{
	struct x86_buf *b = &j->b;
	u32 bad_slot, bad_size, end;

	x86_alu_imm(b, false, X86_CMP, X86_RSI, CTV_SCRATCH_SLOTS - 1);
	bad_slot = x86_jcc8(b, X86_A);
	x86_alu_imm(b, true, X86_CMP, X86_RDX, CTV_SCRATCH_SIZE);
	bad_size = x86_jcc8(b, X86_A);
	x86_mov(b, false, X86_RAX, X86_RSI);
	x86_shift(b, false, X86_SHL, X86_RAX, CTV_SCRATCH_SHIFT);
	ctv_jit_lea(j, X86_RCX, j->set->scratch);
	x86_alu(b, true, X86_ADD, X86_RAX, X86_RCX);
	end = x86_jmp8(b);
	x86_jump8_end(b, bad_slot);
	x86_jump8_end(b, bad_size);
	x86_alu(b, false, X86_XOR, X86_RAX, X86_RAX);
	x86_jump8_end(b, end);
}

static void jit_request(struct jit *j, u32 request)
{
	x86_mov_imm64(&j->b, X86_RAX, request);
	x86_byte(&j->b, 0x09);		/* or requests(rdi), eax */
	x86_mem(&j->b, X86_RAX, X86_RDI, CTV_EXIT_REQUESTS);
}

/* int bpf_caretaker_inject(exit, u32 vector): one bit of irr[]; the payload acts on it later. */
static void jit_inject(struct jit *j)
{
	struct x86_buf *b = &j->b;
	u32 bad, end;

	x86_mov(b, false, JIT_TMP, X86_RSI);
	x86_alu_imm(b, false, X86_SUB, JIT_TMP, CTV_FIRST_VECTOR);
	x86_alu_imm(b, false, X86_CMP, JIT_TMP, CTV_LAST_VECTOR - CTV_FIRST_VECTOR);
	bad = x86_jcc8(b, X86_A);
	x86_byte(b, 0x0f);		/* bts irr(rdi), esi: any bit of the bitmap */
	x86_byte(b, 0xab);
	x86_mem(b, X86_RSI, X86_RDI, CTV_EXIT_IRR);
	jit_request(j, CTV_REQUEST_IRQ);
	x86_alu(b, false, X86_XOR, X86_RAX, X86_RAX);
	end = x86_jmp8(b);
	x86_jump8_end(b, bad);
	x86_mov_imm64(b, X86_RAX, (u64)-EINVAL);
	x86_jump8_end(b, end);
}

/* Jumps for sizes that are none of 8, 16 ... CTV_EMIT_SIZE; the size minus 8 is in r11. */
static void jit_emit_size(struct jit *j, u32 *odd, u32 *large)
{
	struct x86_buf *b = &j->b;

	x86_mov(b, false, JIT_TMP, X86_RDX);
	x86_alu_imm(b, false, X86_AND, JIT_TMP, 7);
	*odd = x86_jcc8(b, X86_NE);
	x86_mov(b, false, JIT_TMP, X86_RDX);
	x86_alu_imm(b, false, X86_SUB, JIT_TMP, 8);
	x86_alu_imm(b, false, X86_CMP, JIT_TMP, CTV_EMIT_SIZE - 8);
	*large = x86_jcc8(b, X86_A);
}

/* Copies eight bytes at a time, as many as there are. */
static void jit_emit_copy(struct jit *j)
{
	struct x86_buf *b = &j->b;
	u32 done[CTV_EMIT_SIZE / 8], i;

	for (i = 0; i < CTV_EMIT_SIZE / 8; i++) {
		x86_alu_imm(b, false, X86_SUB, X86_RDX, 8);
		done[i] = x86_jcc8(b, X86_S);
		ctv_jit_load(j, CTV_DW, false, X86_RAX, X86_RSI, 8 * (s32)i);
		ctv_jit_store(j, CTV_DW, X86_RAX, X86_RDI, CTV_EXIT_EMIT + 8 * (s32)i);
	}
	while (i--)
		x86_jump8_end(b, done[i]);
}

/* int bpf_caretaker_emit(exit, data, u32 data__sz): the payload writes it to the ring later. */
static void jit_emit(struct jit *j)
{
	struct x86_buf *b = &j->b;
	u32 odd, large, full, good, end, end2;

	jit_emit_size(j, &odd, &large);
	ctv_jit_load(j, CTV_W, false, JIT_TMP, X86_RDI, CTV_EXIT_REQUESTS);
	x86_alu_imm(b, false, X86_AND, JIT_TMP, CTV_REQUEST_EMIT);
	full = x86_jcc8(b, X86_NE);
	good = x86_jmp8(b);
	x86_jump8_end(b, odd);
	x86_jump8_end(b, large);
	x86_mov_imm64(b, X86_RAX, (u64)-EINVAL);
	end = x86_jmp32(b);
	x86_jump8_end(b, full);
	x86_mov_imm64(b, X86_RAX, (u64)-EBUSY);
	end2 = x86_jmp32(b);
	x86_jump8_end(b, good);
	jit_request(j, CTV_REQUEST_EMIT);
	ctv_jit_store(j, CTV_W, X86_RDX, X86_RDI, CTV_EXIT_EMIT_SIZE);
	jit_emit_copy(j);
	x86_alu(b, false, X86_XOR, X86_RAX, X86_RAX);
	x86_jump32_end(b, end);
	x86_jump32_end(b, end2);
}

void ctv_jit_kfunc(struct jit *j, enum ctv_kfunc kfunc)
{
	switch (kfunc) {
	case CTV_KFUNC_TIME:
		jit_time(j);
		break;
	case CTV_KFUNC_SCRATCH:
		jit_scratch(j);
		break;
	case CTV_KFUNC_INJECT:
		jit_inject(j);
		break;
	case CTV_KFUNC_EMIT:
		jit_emit(j);
		break;
	case CTV_NR_KFUNCS:
		break;
	}
}

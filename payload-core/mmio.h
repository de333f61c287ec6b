/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: instructions that access memory which is not RAM.
 */
#ifndef PAYLOAD_MMIO_H
#define PAYLOAD_MMIO_H

#include "payload.h"

#define PAYLOAD_INSN_MAX	15	/* bytes of an instruction at most */

/**
 * struct payload_insn - a load or store of one general purpose register
 * @imm:	what is stored when @is_imm, not cut to @bytes
 * @disp:	displacement
 * @length:	bytes of the whole instruction
 * @bytes:	of the access: 1, 2, 4 or 8
 * @width:	bytes of the register that a load writes
 * @reg:	number of the register that is loaded or stored
 * @base:	number of the base register, or one of PAYLOAD_NO_REG and PAYLOAD_RIP
 * @index:	number of the index register, or PAYLOAD_NO_REG
 * @scale:	shift of the index
 * @write:	it is a store
 * @sign:	a load extends the sign from @bytes to @width, not zeros
 * @high:	the register is AH, CH, DH or BH: bits 15:8 of @reg
 * @is_imm:	it stores @imm
 */
struct payload_insn {
	u64 imm;
	u64 disp;
	u32 length;
	u8 bytes;
	u8 width;
	u8 reg;
	u8 base;
	u8 index;
	u8 scale;
	bool write;
	bool sign;
	bool high;
	bool is_imm;
};

#define PAYLOAD_NO_REG		0xff
#define PAYLOAD_RIP		0xfe

bool payload_insn_decode(const u8 *code, u32 count, struct payload_insn *insn);

#endif /* PAYLOAD_MMIO_H */

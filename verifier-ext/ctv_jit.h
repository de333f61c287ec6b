/* SPDX-License-Identifier: GPL-2.0 */
/* Between the files of the compiler. */
#ifndef CTV_JIT_H
#define CTV_JIT_H

#include "ctv_x86.h"
#include "ctv.h"

/**
 * struct jit - the compiler at work
 * @b:		where code goes
 * @set:	what is compiled
 * @p:		program
 * @f:		function
 * @data:	offset of the first page after the text
 * @zf_reg:	register of BPF for which the zero flag says whether it is 0; JIT_NO_REG: none
 * @zf_wide:	the flag is about 64 bits of it
 */
struct jit {
	struct x86_buf b;
	struct ctv_set *set;
	struct ctv_prog *p;
	struct ctv_func *f;
	u32 data;
	u8 zf_reg;
	bool zf_wide;
};

#define JIT_NO_REG	0xff

#define JIT_TMP		X86_R11
#define JIT_ENTRY_SP	X86_R9
#define JIT_FUEL	X86_R12

/* The address of what is @win bytes after the first page after the text. */
void ctv_jit_lea(struct jit *j, u8 dst, u32 win);
/* A call of a kernel function, and the code of all that are called. */
void ctv_jit_kfunc(struct jit *j, enum ctv_kfunc kfunc);
void ctv_jit_kfuncs(struct jit *j);

#endif /* CTV_JIT_H */

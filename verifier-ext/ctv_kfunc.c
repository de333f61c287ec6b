// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel functions of exit handlers: names, cost and code. The code is that of ctv_kfunc_code.h,
 * as the C compiler made it and kfunc-blob.sh found it good. A set has one copy of each function
 * that it calls, behind its handlers, and calls it directly. Most have several returns, so they
 * could not stand where they are called without being changed, and a copy that is not changed can
 * be held against what was built.
 *
 * The arguments are where a call by the System V order needs them: they are in rdi, rsi, rdx, that
 * for the scratch memory goes to rcx, the result comes in rax. rcx, rdx, rsi, rdi, r8 and r11 are
 * free; r9, r10, r12 and those that a callee has to save are left alone.
 */
#include "ctv_jit.h"
#include "ctv_kfunc_blob.h"

/* At the call: the argument that the compiler adds, and the call */
#ifndef CTV_KFUNC_SITE
#define CTV_KFUNC_SITE	2
#endif

#define KFUNC_NAME(name, function, cost, what)	[CTV_KFUNC_##name] = #function,
#define KFUNC_COST(name, function, cost, what)	[CTV_KFUNC_##name] = cost,
#define KFUNC_CODE(name, function, cost, what)						\
	[CTV_KFUNC_##name] = { ctv_blob_##function, CTV_BLOB_SIZE_##function,		\
			       CTV_BLOB_PATH_##function },
#define KFUNC_FITS(name, function, cost, what)						\
	CTV_BLOB_PATH_##function + CTV_KFUNC_SITE <= (cost) &&

_Static_assert(CTV_KFUNCS(KFUNC_FITS) 1,
	       "a call of a kernel function executes more instructions than its cost");

static const char * const kfunc_names[] = { CTV_KFUNCS(KFUNC_NAME) };
static const u32 kfunc_costs[] = { CTV_KFUNCS(KFUNC_COST) };
static const struct ctv_kfunc_code kfunc_code[] = { CTV_KFUNCS(KFUNC_CODE) };

const char *ctv_kfunc_name(enum ctv_kfunc kfunc)
{
	return kfunc_names[kfunc];
}

u32 ctv_kfunc_cost(enum ctv_kfunc kfunc)
{
	return kfunc_costs[kfunc];
}

const struct ctv_kfunc_code *ctv_kfunc_code(enum ctv_kfunc kfunc)
{
	return &kfunc_code[kfunc];
}

void ctv_jit_kfunc(struct jit *j, enum ctv_kfunc kfunc)
{
	if (kfunc == CTV_KFUNC_SCRATCH)
		ctv_jit_lea(j, X86_RCX, j->set->scratch);
	x86_call(&j->b, j->set->kfunc_off[kfunc]);
}

void ctv_jit_kfuncs(struct jit *j)
{
	const struct ctv_kfunc_code *code;
	u32 n, i;

	for (n = 0; n < CTV_NR_KFUNCS; n++) {
		if (!(j->set->used & 1U << n))
			continue;
		while (j->b.pos & 15)
			x86_byte(&j->b, 0xcc);
		j->set->kfunc_off[n] = j->b.pos;
		code = &kfunc_code[n];
		for (i = 0; i < code->size; i++)
			x86_byte(&j->b, code->bytes[i]);
	}
}

/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CTV_ASM_H
#define CTV_ASM_H

#include "test.h"

#define ASM_MAX_INSNS	512
#define ASM_MAX_FUNCS	8
#define ASM_MAX_LABELS	64

/**
 * struct assembly - a program in the text form of the conformance cases
 * @insns:	instructions
 * @len:	their number
 * @funcs:	functions: the first instruction, and those that are called
 * @nr_funcs:	their number
 * @error:	the line that is not understood, empty when all are
 */
struct assembly {
	struct ctv_insn insns[ASM_MAX_INSNS];
	u32 len;
	struct ctv_func funcs[ASM_MAX_FUNCS];
	u32 nr_funcs;
	char error[80];
	struct {
		char name[32];
		u32 at;
	} labels[ASM_MAX_LABELS];
	u32 nr_labels;
	struct {
		char name[32];
		u32 insn;
	} uses[ASM_MAX_LABELS];
	u32 nr_uses;
};

void asm_begin(struct assembly *a);
void asm_put(struct assembly *a, struct ctv_insn insn);
/* One line; comments and labels are understood. */
void asm_line(struct assembly *a, const char *line);
/* Resolves labels and finds functions. */
void asm_end(struct assembly *a);

#endif /* CTV_ASM_H */

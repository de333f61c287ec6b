/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KERNEL_VECTORS_H
#define KERNEL_VECTORS_H

#include "test.h"

/**
 * struct kernel_vector - a program of Linux' BPF test module
 * @name:	its description
 * @insns:	instructions, NULL when it is no test of eBPF
 * @len:	their number
 * @result:	what it must return, 32 bits
 * @memory:	bytes that r1 points to, 0 when there are none
 * @stack:	bytes of stack
 * @filled:	to be freed
 */
struct kernel_vector {
	const char *name;
	const struct ctv_insn *insns;
	u32 len;
	u32 result;
	u32 memory;
	u32 stack;
	void *filled;
};

/* The @i-th one, false beyond the last. */
#ifdef HAVE_LINUX_TABLE
bool kernel_vector(u32 i, struct kernel_vector *v);
#else
static inline bool kernel_vector(u32 i, struct kernel_vector *v)
{
	return false;
}
#endif

#endif /* KERNEL_VECTORS_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One handler in two codes: what the kernel's BPF JIT made of it when it was loaded, and what the
 * Caretaker's compiler makes of it. Both are executed here, in user space, instruction by
 * instruction, on the same memory.
 */
#ifndef HANDLERS_JIT_CODE_H
#define HANDLERS_JIT_CODE_H

#include "object.h"
#include "user/object.h"

/* Instructions that one call executed. */
struct code_run {
	unsigned long insns;
	unsigned long out;	/* times it left its own code: for kernel functions, returns */
	unsigned long long result;
};

/**
 * struct code_set - a handler set in both codes
 * @h:		as the kernel has it
 * @o:		as the Caretaker's passes have it, from the instructions that the kernel's
 *		verifier left; compiled
 * @memory:	the global variables of @o, at the places that both codes address
 * @scratch:	scratch memory
 * @problem:	why something failed
 */
struct code_set {
	struct handlers h;
	struct object o;
	unsigned char *text;
	unsigned char *memory;
	unsigned char *scratch;
	char problem[160];
};

/* The kernel's code of one program, copied here. */
struct code_kernel {
	unsigned char *image;
	size_t size;
	unsigned char *entry;
};

/* @configure: writes constants (.rodata) before the kernel has the object; NULL: as built. */
int code_set_open(struct code_set *s, const struct corpus_entry *e,
		  void (*configure)(void *config));
void code_set_close(struct code_set *s);
/* Global variables of section @name; NULL without. */
void *code_set_section(struct code_set *s, const char *name, size_t *size);
/* As the loader leaves them; scratch memory is zero. */
void code_set_reset(struct code_set *s);
int code_set_find(const struct code_set *s, const char *class);

/* Notes what is wrong, and gives back @err. */
__attribute__((format(printf, 3, 4)))
int code_problem(struct code_set *s, int err, const char *fmt, ...);
/* What the object has for the kernel's map with this id; NULL: it is none of the object's. */
const struct ctv_map *code_map(const struct code_set *s, __u32 id);

/* For code_set_open(): the instructions that the kernel has of @s->h become those of @s->o. */
int code_take_xlated(struct code_set *s);

int code_kernel_get(struct code_set *s, int n, struct code_kernel *k);
void code_kernel_put(struct code_kernel *k);

/* Calls with the address of @exit; counts. -1: the code did what it may not. */
int code_run_kernel(struct code_set *s, const struct code_kernel *k, void *exit,
		    struct code_run *r);
int code_run_ours(struct code_set *s, int n, void *exit, struct code_run *r);

#endif /* HANDLERS_JIT_CODE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Exit handlers: verification beyond the kernel's BPF verifier, worst-case cost, and compilation.
 *
 * Plain C without dependencies: built into the kernel and, for tests and for checking objects
 * without root, in user space. Nothing here sleeps but for memory allocation, takes locks or
 * keeps state between calls.
 *
 * The passes, in order:
 *	ctv_scan_raw()	 instructions as loaded, before the kernel's verifier rewrites them
 *	ctv_set_check()	 instructions as the kernel's verifier left them: scan, calls, stack, cost
 *	ctv_set_size()	 lays out the image
 *	ctv_set_emit()	 writes x86-64 code and checks what it wrote
 */
#ifndef CTV_MAIN_H
#define CTV_MAIN_H

#include "ctv_insn.h"
#include "ctv_kfuncs.h"
#include "ctv_rules.h"

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/stdarg.h>
#include <linux/string.h>
#define ctv_alloc(n, size)	kvcalloc(n, size, GFP_KERNEL_ACCOUNT)
#define ctv_free(p)		kvfree(p)
#else
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define ctv_alloc(n, size)	calloc(n, size)
#define ctv_free(p)		free(p)
#endif

#define CTV_NONE		(~0U)
#define CTV_DIGEST_BYTES	32U	/* SHA-256 */
#define CTV_PAGE		4096U

/*
 * Limits. Stack: of BPF frames alone, and of all that the compiled code pushes. Tests of nothing
 * but the compiler set some of them wider.
 */
#ifndef CTV_MAX_INSNS
#define CTV_MAX_INSNS		65536U
#endif
#define CTV_MAX_FUNCS		256U
#define CTV_MAX_FRAMES		16U
#define CTV_MAX_BPF_STACK	512U
#define CTV_MAX_STACK		2048U
#ifndef CTV_MAX_TEXT
#define CTV_MAX_TEXT		(512U * 1024)
#endif
#define CTV_DEFAULT_BUDGET	20000U
#define CTV_MAX_BUDGET		(1U << 28)

/*
 * Constants in this range are taken for addresses: in a map, or refused. It covers where 64-bit
 * kernels of any layout keep memory of maps, so that what is accepted does not depend on the
 * machine or on this boot's random layout.
 */
#ifndef CTV_ADDR_MIN
#define CTV_ADDR_MIN		0xff00000000000000ULL
#define CTV_ADDR_MAX		0xfffffdffffffffffULL
#endif

/* Memory of bpf_caretaker_scratch(): KVM_CARETAKER_SCRATCH_SLOTS, KVM_CARETAKER_SCRATCH_SIZE. */
#define CTV_SCRATCH_SLOTS	16U
#define CTV_SCRATCH_SIZE	256U
#define CTV_SCRATCH_BYTES	(CTV_SCRATCH_SLOTS * CTV_SCRATCH_SIZE)

/* Result of compiled code that ran out of fuel: KVM_CARETAKER_FUEL. */
#define CTV_VERDICT_FUEL	4

/**
 * struct ctv_refusal - why something was refused
 * @rule:	the rule that was broken
 * @insn:	index of the instruction, CTV_NONE when it is not about one
 * @detail:	numbers and names that go with it, may be empty
 */
struct ctv_refusal {
	enum ctv_rule rule;
	u32 insn;
	char detail[96];
};

/**
 * struct ctv_place - where a refusal happened, as far as it is known
 * @class:	member of the handler set
 * @prog:	name of the program
 * @file:	source file of the instruction, NULL when not known
 * @line:	its line
 */
struct ctv_place {
	const char *class;
	const char *prog;
	const char *file;
	u32 line;
};

/**
 * struct ctv_map - memory that programs address
 * @addr:	address as it stands in the instructions
 * @size:	bytes that may be addressed
 * @win:	where it will be: offset from the end of the text, multiple of a page
 */
struct ctv_map {
	u64 addr;
	u64 size;
	u32 win;
};

/**
 * struct ctv_func - one function of a program; the first is the handler itself
 * @start:	caller: index of its first instruction
 * @len:	caller: number of instructions
 * @stack:	caller: bytes below r10 that it uses, at most CTV_MAX_BPF_STACK
 * @saved:	check: bit n set: rn (r6 to r9) has to be saved
 * @calls:	check: it calls other functions
 * @frame:	check: bytes of native stack that it uses itself, return address included
 * @pushes:	check: bytes on top of that in the midst of an instruction: a division, a call of a
 *		kernel function, not of a local one
 * @depth:	check: bytes of native stack over its deepest chain
 * @bpf_depth:	check: bytes of BPF stack over its deepest chain
 * @height:	check: frames over its deepest chain
 * @cost:	check: worst case of one call, not counting what fuel pays for
 * @state:	check: visit mark
 * @off:	size: offset of its code in the image
 */
struct ctv_func {
	u32 start;
	u32 len;
	u32 stack;
	u16 saved;
	bool calls;
	u32 frame;
	u32 pushes;
	u32 depth;
	u32 bpf_depth;
	u32 height;
	u32 cost;
	u32 state;
	u32 off;
};

/**
 * struct ctv_prog - one handler
 * @insns:	caller: all instructions, functions one after the other
 * @len:	caller: their number
 * @funcs:	caller: the functions, in order, without gaps
 * @nr_funcs:	caller: their number
 * @kfuncs:	check: those of its set
 * @loops:	check: there are loops
 * @cost:	check: worst case of one call in cost units, what fuel pays for included
 * @fuel:	check: value for R12 when the handler is called
 * @reach:	check: per instruction, cost from there to the end without turns of loops
 * @loop:	check: per instruction, not 0: a jump that closes a loop and pays for it
 * @join:	check: per instruction, not 0: something jumps there
 * @order:	check: instructions of each function, each after all that may follow it without
 *		turns of loops; CTV_NONE behind the last one
 * @off:	size: per instruction, offset of its code in the image
 * @fuel_off:	size: offset of the code that ends a call without fuel
 */
struct ctv_prog {
	const struct ctv_insn *insns;
	u32 len;
	struct ctv_func *funcs;
	u32 nr_funcs;
	const s32 *kfuncs;
	bool loops;
	u32 cost;
	u32 fuel;
	u32 *reach;
	u8 *loop;
	u8 *join;
	u32 *order;
	u32 *off;
	u32 fuel_off;
};

/**
 * struct ctv_set - handlers that are compiled into one image
 * @progs:	caller: the handlers
 * @nr_progs:	caller: their number
 * @maps:	caller: all memory that they address
 * @nr_maps:	caller: number of @maps
 * @kfuncs:	caller: what calls of kernel functions hold in imm, by enum ctv_kfunc; NULL: none
 *		may be called
 * @budget:	caller: cost allowed per call, 0 for CTV_DEFAULT_BUDGET
 * @scratch:	caller, before emit, when @used has it: where CTV_SCRATCH_BYTES will be, like the
 *		@win of a map
 * @used:	check: bit n set: kernel function n is called
 * @code:	size: bytes of code of the handlers; that of kernel functions follows
 * @kfunc_off:	size: offset in the image of each kernel function that @used has
 * @text:	size: bytes of code in all; the layout goes on at the next page
 * @bad_prog:	on refusal: index of the handler
 * @refusal:	on refusal: the reason
 */
struct ctv_set {
	struct ctv_prog *progs;
	u32 nr_progs;
	const struct ctv_map *maps;
	u32 nr_maps;
	const s32 *kfuncs;
	u32 budget;
	u32 scratch;
	u32 used;
	u32 code;
	u32 kfunc_off[CTV_NR_KFUNCS];
	u32 text;
	u32 bad_prog;
	struct ctv_refusal refusal;
};

/**
 * ctv_refuse() - note why something is refused
 * @r:		where to note it
 * @rule:	rule that is broken
 * @insn:	index of the instruction or CTV_NONE
 * @fmt:	details, printf style, may be ""
 *
 * Return: the rule's errno, negative.
 */
__attribute__((format(printf, 4, 5)))
int ctv_refuse(struct ctv_refusal *r, enum ctv_rule rule, u32 insn, const char *fmt, ...);

/**
 * ctv_refusal_text() - words for a refusal: where, what, which rule, and what to do
 * @buf:	one line of text goes here, cut off when it does not fit
 * @size:	bytes at @buf, at least 1
 * @at:		the place
 * @r:		the refusal
 *
 * Return: length of the text.
 */
size_t ctv_refusal_text(char *buf, size_t size, const struct ctv_place *at,
			const struct ctv_refusal *r);

/**
 * ctv_report_text() - words for what ctv_set_check() found out about an accepted program
 * @buf:	one line of text goes here, cut off when it does not fit
 * @size:	bytes at @buf, at least 1
 * @at:		the program
 * @p:		the same
 * @budget:	budget of its set
 *
 * Return: length of the text.
 */
size_t ctv_report_text(char *buf, size_t size, const struct ctv_place *at,
		       const struct ctv_prog *p, u32 budget);

/* Name of a rule, what is wrong and what to do about it. */
const char *ctv_rule_name(enum ctv_rule rule);
const char *ctv_rule_text(enum ctv_rule rule);
const char *ctv_rule_remedy(enum ctv_rule rule);

/**
 * ctv_scan_raw() - judge a program as loaded, all functions one after the other
 * @insns:	instructions with pseudo sources still in place
 * @len:	their number
 * @kfuncs:	what calls of kernel functions hold in imm now, by enum ctv_kfunc; NULL: none may be
 *		called
 * @r:		reason of a refusal
 *
 * Judges dead code too: what it names will be gone or disguised when the kernel's verifier is
 * done. Context: any, does not sleep.
 *
 * Return: 0 or -EACCES.
 */
int ctv_scan_raw(const struct ctv_insn *insns, u32 len, const s32 *kfuncs, struct ctv_refusal *r);

/**
 * ctv_set_check() - judge handlers as the kernel's verifier left them
 * @set:	handlers, maps and limits; results are written there
 *
 * Checks instructions, jumps, calls, stack and worst-case cost and allocates what the compiler
 * needs. May sleep.
 *
 * Return: 0, -ENOMEM, or the errno of the rule that is in @set->refusal.
 */
int ctv_set_check(struct ctv_set *set);

/**
 * ctv_set_size() - lay out the image of checked handlers
 * @set:	handlers that ctv_set_check() accepted
 *
 * Return: 0 with the number of bytes in @set->text, or -E2BIG.
 */
int ctv_set_size(struct ctv_set *set);

/**
 * ctv_set_emit() - write the image and check it
 * @set:	handlers that were laid out
 * @text:	@set->text bytes
 *
 * The code is position independent: it must be mapped so that the maps follow at the next page
 * after the text, each at its @win.
 *
 * Return: 0, or -EIO when the result is not what was planned (a mistake in the compiler).
 */
int ctv_set_emit(struct ctv_set *set, u8 *text);

/* ctv_set_free() - give back what ctv_set_check() allocated */
void ctv_set_free(struct ctv_set *set);

/**
 * struct ctv_code - what goes into the digest of a set for one of its programs
 * @digest:	of the instructions, with names for kernel functions and without @loads
 * @nr_loads:	number of @loads
 * @loads:	addresses of global variables, in the order of the instructions
 */
struct ctv_code {
	u8 digest[CTV_DIGEST_BYTES];
	u32 nr_loads;
	u64 *loads;
};

/**
 * struct ctv_section - memory of global variables, for the digest
 * @name:	of the section, or of the map that a loader made of it
 * @addr:	its address as it stands in the instructions
 * @size:	bytes
 * @ro:		programs cannot write there, nor can anybody else any more
 * @data:	with @ro: what it holds
 */
struct ctv_section {
	const char *name;
	u64 addr;
	u64 size;
	bool ro;
	const void *data;
};

/**
 * ctv_code_read() - look at a program as loaded, for the digest of its set
 * @insns:	instructions that ctv_scan_raw() accepted, addresses of global variables in place
 * @len:	their number
 * @kfuncs:	as there
 * @code:	result, to be given to ctv_code_free()
 *
 * Return: 0 or -ENOMEM.
 */
int ctv_code_read(const struct ctv_insn *insns, u32 len, const s32 *kfuncs, struct ctv_code *code);
void ctv_code_free(struct ctv_code *code);

/**
 * ctv_digest() - digest of a handler set, see ctv_digest.c
 * @name:	of the set
 * @codes:	its programs by class, NULL for none
 * @nr_codes:	number of classes
 * @sections:	all memory that they address
 * @nr_sections: number of @sections
 * @digest:	CTV_DIGEST_BYTES; zeros after an error
 *
 * Return: 0, -ENOMEM, or -ENOENT for an address in none of @sections.
 */
int ctv_digest(const char *name, const struct ctv_code * const *codes, u32 nr_codes,
	       const struct ctv_section *sections, u32 nr_sections, u8 *digest);

/* Cost units of one instruction of @p, without the local function that a call goes to. */
u32 ctv_insn_cost(const struct ctv_prog *p, const struct ctv_insn *insn);

/* The kernel function that a call goes to, CTV_NR_KFUNCS for any other than those in @kfuncs. */
enum ctv_kfunc ctv_kfunc_find(const s32 *kfuncs, const struct ctv_insn *insn);
const char *ctv_kfunc_name(enum ctv_kfunc kfunc);
u32 ctv_kfunc_cost(enum ctv_kfunc kfunc);

/**
 * struct ctv_kfunc_code - a kernel function as it is put into images, at any address
 * @bytes:	its code; it uses no stack and changes no register but those that a call loses
 * @size:	bytes
 * @path:	instructions that it executes at most, its return included
 */
struct ctv_kfunc_code {
	const u8 *bytes;
	u32 size;
	u32 path;
};

const struct ctv_kfunc_code *ctv_kfunc_code(enum ctv_kfunc kfunc);

/* The rest is between the passes. */
int ctv_scan_prog(struct ctv_set *set, struct ctv_prog *p);
int ctv_flow_prog(struct ctv_prog *p);
int ctv_calls_prog(struct ctv_set *set, struct ctv_prog *p);
int ctv_cost_prog(struct ctv_set *set, struct ctv_prog *p);
int ctv_check_text(struct ctv_set *set, const u8 *text);
const struct ctv_map *ctv_map_find(const struct ctv_set *set, u64 addr);
struct ctv_func *ctv_func_find(const struct ctv_prog *p, u32 insn);

static inline bool ctv_is_addr(u64 imm)
{
	return imm >= CTV_ADDR_MIN && imm <= CTV_ADDR_MAX;
}

static inline u32 ctv_align(u32 n, u32 to)
{
	return (n + to - 1) & ~(to - 1);
}

#endif /* CTV_MAIN_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Handler objects as the kernel would see them, read without libbpf, kernel or root: for tests
 * and for checking objects where they are built. Takes any bytes: a damaged file is an error.
 */
#ifndef CTV_OBJECT_H
#define CTV_OBJECT_H

#include "ctv.h"

#define OBJECT_MAX	16			/* programs, and maps, of one object */
#define OBJECT_ADDR	0xffffc90010000000ULL	/* of the first map */
#define OBJECT_PAGES	64			/* limit of the kernel for one set, code included */
#define OBJECT_BYTES	(16U << 20)		/* longest file */

/**
 * struct object_prog - what is known of one program beside its instructions
 * @class:	member of the set that it serves; from its section when no set names it
 * @name:	its function
 * @raw:	instructions as loaded
 * @raw_len:	their number
 * @raw_of:	per instruction of the ctv_prog: the index in @raw that it comes from; NULL before
 *		the program got past the raw scan
 * @from:	per instruction of @raw: section and offset in it, for @lines
 */
struct object_prog {
	char class[32];
	char name[64];
	struct ctv_insn *raw;
	u32 raw_len;
	u32 *raw_of;
	struct object_from {
		u32 section;
		u32 off;
	} *from;
};

/* One record of line information: from instruction @off of @section on. */
struct object_line {
	u32 section;
	u32 off;
	u32 line;
	const char *file;
};

/**
 * struct object - a BPF object file with handlers
 * @set:	its programs and maps, ready for ctv_set_check()
 * @progs:	programs of @set
 * @info:	more about them
 * @maps:	maps of @set: the sections of global variables
 * @map_names:	their sections
 * @map_data:	what they hold at first, NULL for zeros; @maps[i].size bytes
 * @state_pages: pages of all @maps; scratch memory follows them
 * @name:	name of the handler set
 * @rule:	section "expect": rule by which these passes must refuse it, "-" for none, empty
 *		when it is no test
 * @problem:	what else is wrong with the file or the set, empty when nothing is
 * @lines:	line information, sorted
 * @nr_lines:	number of @lines
 * @file:	the bytes, for the strings
 * @file_len:	their number
 */
struct object {
	struct ctv_set set;
	struct ctv_prog progs[OBJECT_MAX];
	struct object_prog info[OBJECT_MAX];
	struct ctv_map maps[OBJECT_MAX];
	char map_names[OBJECT_MAX][32];
	const u8 *map_data[OBJECT_MAX];
	u32 state_pages;
	char name[16];
	char rule[32];
	char problem[256];
	struct object_line *lines;
	u32 nr_lines;
	u8 *file;
	size_t file_len;
};

/* Calls of kernel functions hold these in an object's instructions. */
extern const s32 object_kfuncs[CTV_NR_KFUNCS];

/**
 * object_open() - read a file and judge it up to the raw scan
 * @o:		filled in, to be given to object_close() whatever comes out
 * @path:	file
 *
 * Return: 0; the errno of the rule in @o->set.refusal, negative; or another negative errno with
 * the reason in @o->problem.
 */
int object_open(struct object *o, const char *path);

/* The same with bytes, which are copied. */
int object_open_mem(struct object *o, const void *bytes, size_t len);

/**
 * object_check() - ctv_set_check() and the limits of the kernel
 * @o:		opened object
 *
 * Return: as object_open().
 */
int object_check(struct object *o);

/**
 * object_set_check() - judge the handler set itself: what the kernel does when it is linked
 * @o:		opened object
 *
 * Return: 0, or a negative errno with the reason in @o->problem.
 */
int object_set_check(struct object *o);

/**
 * object_digest() - the digest that the kernel finds for this set
 * @o:		opened object that was accepted
 * @digest:	CTV_DIGEST_BYTES
 *
 * Of an object whose loader changes none of its constants.
 *
 * Return: 0, or -ENOMEM, -EINVAL or -ENOENT for what the kernel would not accept.
 */
int object_digest(const struct object *o, u8 *digest);

/* Words for the refusal in @o->set, with the source line where there is one. */
void object_refusal_text(const struct object *o, char *buf, size_t size);

/**
 * struct object_value - what a piece of state holds
 * @section:	where the variable is
 * @path:	its name, with members and indices: state.ring[2].seq
 * @name:	name of the number, of an enumeration; NULL for none
 * @number:	the value, sign extended
 * @is_signed:	it has a sign
 * @is_address:	it is a pointer
 * @bytes:	an array of bytes, up to the last that is not zero, instead of a number; else NULL
 * @len:	their number
 */
struct object_value {
	const char *section;
	const char *path;
	const char *name;
	u64 number;
	bool is_signed;
	bool is_address;
	const u8 *bytes;
	u32 len;
};

/**
 * struct object_reader - who reads state, and what comes out
 * @value:	called for each value that is not zero
 * @arg:	for it
 * @types:	out: digest of names, places and types of all variables, their order aside; names of
 *		types make no difference
 * @why:	out: reason of an error
 */
struct object_reader {
	void (*value)(void *arg, const struct object_value *v);
	void *arg;
	u64 types;
	char why[256];
};

/**
 * object_state() - the state that the handlers of an object kept, by its types
 * @o:		opened object, of the set that the state is of
 * @state:	what KVM_CARETAKER_GET_STATE gave
 * @len:	bytes at @state
 * @r:		reader
 *
 * Return: 0; -ENODATA: no handler uses a variable, or the object has no types; -EINVAL: too few
 * bytes; -E2BIG: too many values; -ENOMEM.
 */
int object_state(const struct object *o, const u8 *state, size_t len, struct object_reader *r);

/* Section of variables, and where it is in the state; a name that is longer is cut off. */
struct object_section {
	char name[16];
	u64 offset;
	u64 bytes;
};

/**
 * object_state_btf() - the same without an object
 * @btf:	types of the programs, as the kernel that ran them had them: with the places of
 *		variables
 * @btf_len:	bytes at @btf
 * @sections:	sections with variables
 * @nr:		their number
 * @state:	what KVM_CARETAKER_GET_STATE gave
 * @len:	bytes at @state
 * @r:		reader
 *
 * Return: 0; -EINVAL: a section is not in the types, or not in the state; -E2BIG: damaged types, or
 * too many values; -ENOMEM.
 */
int object_state_btf(const void *btf, size_t btf_len, const struct object_section *sections, u32 nr,
		     const u8 *state, size_t len, struct object_reader *r);

void object_close(struct object *o);

#endif /* CTV_OBJECT_H */

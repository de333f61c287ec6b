/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of an ELF file that the reader of handler objects looks at, bounds checked. */
#ifndef CTV_ELF_H
#define CTV_ELF_H

#include <elf.h>

#include "object.h"

/* Section of a symbol that is not in this file */
#define ELF_NO_SECTION	0U

/**
 * struct elf - a BPF object file
 * @buf:	its bytes
 * @len:	their number
 * @sh:		section headers
 * @nr_sh:	their number
 * @shstr:	section with their names
 * @syms:	symbols
 * @nr_syms:	their number
 * @symstr:	section with their names
 * @text:	section .text, 0 when there is no code in it
 * @map_of:	per section: index of its map plus one, 0 when it is none
 * @rels:	per section: symbol index by word of 8 bytes, NULL without relocations
 * @nr_rels:	per section: entries of that table
 */
struct elf {
	u8 *buf;
	size_t len;
	Elf64_Shdr *sh;
	u32 nr_sh;
	u32 shstr;
	Elf64_Sym *syms;
	u32 nr_syms;
	u32 symstr;
	u32 text;
	u32 *map_of;
	u32 **rels;
	u32 *nr_rels;
};

/* Takes @e->buf and @e->len as they are; 0, -ENOMEM, or -EINVAL for what is no BPF object. */
int elf_parse(struct elf *e);
void elf_free(struct elf *e);

/* Bytes of a section and their number, NULL when it has none in the file. */
const u8 *elf_data(const struct elf *e, u32 section, u64 *len);
const char *elf_string(const struct elf *e, u32 section, u64 off);
const char *elf_section_name(const struct elf *e, u32 section);
u32 elf_find(const struct elf *e, const char *name);

/* The symbol that the relocation at 8-byte word @word of @section names, NULL without one. */
const Elf64_Sym *elf_rel(const struct elf *e, u32 section, u64 word);

/* Line information and what the BTF says about the handler set. */
int object_read_lines(struct object *o, const struct elf *e);
int object_read_sets(struct object *o, const struct elf *e);

/* The class that a member of the set serves, -1 for one that a kernel of this ABI does not have. */
int object_class(const char *member);

/* What the kernel's verifier does to a program between the two scans. */
int object_translate(struct object *o, u32 n);

#endif /* CTV_ELF_H */

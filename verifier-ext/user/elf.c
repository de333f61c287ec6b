// SPDX-License-Identifier: GPL-2.0
/* ELF files of BPF programs. All offsets and indices come from the file and are checked here. */
#include "elf.h"

#define ELF_BPF		247

const u8 *elf_data(const struct elf *e, u32 section, u64 *len)
{
	const Elf64_Shdr *sh;

	*len = 0;
	if (section >= e->nr_sh)
		return NULL;
	sh = &e->sh[section];
	if (sh->sh_type == SHT_NOBITS || sh->sh_offset > e->len ||
	    sh->sh_size > e->len - sh->sh_offset)
		return NULL;
	*len = sh->sh_size;
	return e->buf + sh->sh_offset;
}

/* Never NULL; empty for what lies outside or has no end. */
const char *elf_string(const struct elf *e, u32 section, u64 off)
{
	u64 len;
	const u8 *data = elf_data(e, section, &len);

	if (!data || off >= len || !memchr(data + off, 0, len - off))
		return "";
	return (const char *)data + off;
}

const char *elf_section_name(const struct elf *e, u32 section)
{
	return section < e->nr_sh ? elf_string(e, e->shstr, e->sh[section].sh_name) : "";
}

u32 elf_find(const struct elf *e, const char *name)
{
	u32 i;

	for (i = 1; i < e->nr_sh; i++)
		if (!strcmp(elf_section_name(e, i), name))
			return i;
	return ELF_NO_SECTION;
}

const Elf64_Sym *elf_rel(const struct elf *e, u32 section, u64 word)
{
	if (section >= e->nr_sh || !e->rels[section] || word >= e->nr_rels[section] ||
	    !e->rels[section][word])
		return NULL;
	return &e->syms[e->rels[section][word] - 1];
}

static int elf_header(struct elf *e)
{
	Elf64_Ehdr eh;

	if (e->len < sizeof(eh))
		return -EINVAL;
	memcpy(&eh, e->buf, sizeof(eh));
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh.e_ident[EI_DATA] != ELFDATA2LSB || eh.e_machine != ELF_BPF ||
	    eh.e_type != ET_REL || !eh.e_shnum || eh.e_shentsize != sizeof(Elf64_Shdr) ||
	    eh.e_shoff > e->len || eh.e_shnum > (e->len - eh.e_shoff) / sizeof(Elf64_Shdr) ||
	    eh.e_shstrndx >= eh.e_shnum)
		return -EINVAL;
	e->nr_sh = eh.e_shnum;
	e->shstr = eh.e_shstrndx;
	e->sh = calloc(e->nr_sh, sizeof(*e->sh));
	e->map_of = calloc(e->nr_sh, sizeof(*e->map_of));
	e->rels = calloc(e->nr_sh, sizeof(*e->rels));
	e->nr_rels = calloc(e->nr_sh, sizeof(*e->nr_rels));
	if (!e->sh || !e->map_of || !e->rels || !e->nr_rels)
		return -ENOMEM;
	memcpy(e->sh, e->buf + eh.e_shoff, e->nr_sh * sizeof(*e->sh));
	return 0;
}

static int elf_symbols(struct elf *e)
{
	const u8 *data;
	u32 i;
	u64 len;

	for (i = 1; i < e->nr_sh; i++) {
		if (e->sh[i].sh_type != SHT_SYMTAB)
			continue;
		data = elf_data(e, i, &len);
		if (!data || e->syms)
			return -EINVAL;
		e->nr_syms = (u32)(len / sizeof(*e->syms));
		e->syms = calloc(e->nr_syms + 1, sizeof(*e->syms));
		if (!e->syms)
			return -ENOMEM;
		memcpy(e->syms, data, e->nr_syms * sizeof(*e->syms));
		e->symstr = e->sh[i].sh_link;
	}
	return e->syms ? 0 : -EINVAL;
}

/* Relocations of what holds 8-byte words: code, and the values of struct_ops maps. */
static int elf_relocations(struct elf *e, u32 section)
{
	u32 to = e->sh[section].sh_info, sym;
	const u8 *data;
	Elf64_Rel rel;
	u64 len, i;

	if (to >= e->nr_sh || !elf_data(e, to, &len))
		return 0;
	if (!e->rels[to]) {
		e->nr_rels[to] = (u32)(len / 8);
		e->rels[to] = calloc(e->nr_rels[to] + 1, sizeof(u32));
		if (!e->rels[to])
			return -ENOMEM;
	}
	data = elf_data(e, section, &len);
	for (i = 0; data && i < len / sizeof(rel); i++) {
		memcpy(&rel, data + i * sizeof(rel), sizeof(rel));
		sym = (u32)ELF64_R_SYM(rel.r_info);
		if (sym >= e->nr_syms || rel.r_offset / 8 >= e->nr_rels[to])
			return -EINVAL;
		e->rels[to][rel.r_offset / 8] = sym + 1;
	}
	return 0;
}

int elf_parse(struct elf *e)
{
	int err = elf_header(e);
	u32 i, to;

	if (!err)
		err = elf_symbols(e);
	for (i = 1; i < e->nr_sh && !err; i++) {
		to = e->sh[i].sh_info;
		if (e->sh[i].sh_type != SHT_REL || to >= e->nr_sh)
			continue;
		if ((e->sh[to].sh_flags & SHF_EXECINSTR) ||
		    !strncmp(elf_section_name(e, to), ".struct_ops", 11))
			err = elf_relocations(e, i);
	}
	if (err)
		return err;
	i = elf_find(e, ".text");
	if (i && e->sh[i].sh_type == SHT_PROGBITS && e->sh[i].sh_size)
		e->text = i;
	return 0;
}

void elf_free(struct elf *e)
{
	u32 i;

	for (i = 0; e->rels && i < e->nr_sh; i++)
		free(e->rels[i]);
	free(e->rels);
	free(e->nr_rels);
	free(e->map_of);
	free(e->syms);
	free(e->sh);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Reads handler objects without libbpf and without a kernel: relocates programs the way the
 * loader and the kernel do between them, as far as these passes look at the result.
 */
#include <elf.h>

#include "test.h"

#define R_BPF_64_64	1
#define R_BPF_64_32	10

struct elf {
	u8 *buf;
	size_t len;
	Elf64_Ehdr *eh;
	Elf64_Shdr *sh;
	const char *names;
	Elf64_Sym *syms;
	u32 nr_syms;
	const char *strs;
	u32 text;	/* section index of .text, 0 for none */
	u32 map_of[256];	/* section index to map, plus one */
};

static u8 *file_read(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	u8 *buf = NULL;
	long n;

	if (!f)
		return NULL;
	n = fseek(f, 0, SEEK_END) ? -1 : ftell(f);
	if (n > 0 && !fseek(f, 0, SEEK_SET)) {
		buf = calloc(1, (size_t)n + 1);
		*len = fread(buf, 1, (size_t)n, f);
	}
	fclose(f);
	return buf;
}

static void *section(const struct elf *e, u32 n)
{
	return e->buf + e->sh[n].sh_offset;
}

static const char *section_name(const struct elf *e, u32 n)
{
	return e->names + e->sh[n].sh_name;
}

static u32 section_insns(const struct elf *e, u32 n)
{
	return (u32)(e->sh[n].sh_size / sizeof(struct ctv_insn));
}

static int elf_open(struct elf *e, const char *path)
{
	u32 i;

	e->buf = file_read(path, &e->len);
	e->eh = (Elf64_Ehdr *)e->buf;
	if (!e->buf || e->len < sizeof(*e->eh) || memcmp(e->buf, ELFMAG, SELFMAG) ||
	    e->eh->e_machine != 247 || e->eh->e_shnum > 256 ||
	    e->eh->e_shoff + e->eh->e_shnum * sizeof(Elf64_Shdr) > e->len)
		return -EINVAL;
	e->sh = (Elf64_Shdr *)(e->buf + e->eh->e_shoff);
	e->names = section(e, e->eh->e_shstrndx);
	for (i = 1; i < e->eh->e_shnum; i++) {
		if (e->sh[i].sh_type == SHT_SYMTAB) {
			e->syms = section(e, i);
			e->nr_syms = (u32)(e->sh[i].sh_size / sizeof(Elf64_Sym));
			e->strs = section(e, e->sh[i].sh_link);
		}
		if (!strcmp(section_name(e, i), ".text") && e->sh[i].sh_size)
			e->text = i;
	}
	return e->syms ? 0 : -EINVAL;
}

static bool is_state(const char *name)
{
	return !strcmp(name, ".bss") || !strncmp(name, ".data", 5) || !strncmp(name, ".rodata", 7);
}

/* Each section of global variables becomes a map, read-only ones first in memory. */
static int object_maps(struct object *o, struct elf *e)
{
	u32 i, ro, pages = 0;
	u64 addr = OBJECT_ADDR;

	for (ro = 0; ro < 2; ro++) {
		for (i = 1; i < e->eh->e_shnum; i++) {
			const char *name = section_name(e, i);
			struct ctv_map *m = &o->maps[o->set.nr_maps];

			if (!is_state(name) || !e->sh[i].sh_size ||
			    ro == !strncmp(name, ".rodata", 7) || o->set.nr_maps == OBJECT_MAX)
				continue;
			m->addr = addr;
			m->size = e->sh[i].sh_size;
			m->win = pages * CTV_PAGE;
			snprintf(o->map_names[o->set.nr_maps], 32, "%s", name);
			e->map_of[i] = ++o->set.nr_maps;
			addr += 2 * ctv_align((u32)m->size, CTV_PAGE);
			pages += ctv_align((u32)m->size, CTV_PAGE) / CTV_PAGE;
		}
	}
	if (pages > OBJECT_PAGES)
		return ctv_refuse(&o->set.refusal, CTV_RULE_SIZE, CTV_NONE, "%u pages", pages);
	return 0;
}

/* One relocation of a program whose copy of .text starts at instruction @text_at. */
static int relocate(struct object *o, struct elf *e, struct ctv_insn *insn, u32 i, u32 text_at,
		    const Elf64_Sym *sym)
{
	const struct ctv_map *m;
	u64 addr;

	if (ctv_is_call(insn->code)) {
		if (sym->st_shndx == SHN_UNDEF)
			insn->src = CTV_CALL_KFUNC;
		else if (ELF64_ST_TYPE(sym->st_info) == STT_SECTION)
			insn->imm = (s32)(text_at + (u32)insn->imm + 1 - i - 1);
		else
			insn->imm = (s32)(text_at + (u32)(sym->st_value / 8) - i - 1);
		return 0;
	}
	if (sym->st_shndx == SHN_UNDEF) {
		insn->src = CTV_PSEUDO_BTF_ID;
	} else if (sym->st_shndx == e->text) {
		insn->src = CTV_PSEUDO_FUNC;
	} else if (!e->map_of[sym->st_shndx]) {
		insn->src = CTV_PSEUDO_MAP_FD;
	} else {
		m = &o->maps[e->map_of[sym->st_shndx] - 1];
		addr = m->addr + sym->st_value + (u32)insn[0].imm;
		insn[0].src = CTV_PSEUDO_MAP_VALUE;
		insn[0].imm = (s32)addr;
		insn[1].imm = (s32)(addr >> 32);
	}
	return 0;
}

/* Relocations of section @n, which was copied to instruction @at of @insns. */
static int relocate_section(struct object *o, struct elf *e, struct ctv_insn *insns, u32 n, u32 at,
			    u32 text_at)
{
	const Elf64_Rel *rel;
	u32 i, k, nr, idx;

	for (i = 1; i < e->eh->e_shnum; i++) {
		if (e->sh[i].sh_type != SHT_REL || e->sh[i].sh_info != n)
			continue;
		rel = section(e, i);
		nr = (u32)(e->sh[i].sh_size / sizeof(*rel));
		for (k = 0; k < nr; k++) {
			idx = at + (u32)(rel[k].r_offset / 8);
			if (ELF64_R_SYM(rel[k].r_info) >= e->nr_syms)
				return -EINVAL;
			relocate(o, e, &insns[idx], idx, text_at,
				 &e->syms[ELF64_R_SYM(rel[k].r_info)]);
		}
	}
	return 0;
}

/* Bytes below r10 that a function uses; the kernel's verifier knows exactly, this is close. */
static u32 func_stack(const struct ctv_insn *insns, u32 start, u32 len)
{
	u16 from_fp = 0;
	s32 lowest = 0;
	u32 i;

	for (i = start; i < start + len; i++) {
		const struct ctv_insn *insn = &insns[i];
		u8 class = CTV_CLASS(insn->code);
		s32 at = 0;

		if ((class == CTV_LDX && insn->src == CTV_FP) ||
		    ((class == CTV_ST || class == CTV_STX) && insn->dst == CTV_FP))
			at = insn->off;
		else if (insn->code == (CTV_ALU64 | CTV_ADD | CTV_K) && from_fp & 1U << insn->dst)
			at = insn->imm;
		if (insn->code == (CTV_ALU64 | CTV_MOV | CTV_X) && insn->src == CTV_FP)
			from_fp |= (u16)(1U << insn->dst);
		if (at < lowest)
			lowest = at;
	}
	return ctv_align((u32)-lowest, 8);
}

static int func_order(const void *a, const void *b)
{
	const struct ctv_func *fa = a, *fb = b;

	return fa->start < fb->start ? -1 : fa->start > fb->start;
}

/* The functions of .text as functions of a program that starts before it. */
static int prog_funcs(struct object *o, struct elf *e, struct ctv_prog *p, u32 text_at)
{
	const Elf64_Sym *s;
	u32 i;

	p->funcs = calloc(e->nr_syms + 1, sizeof(*p->funcs));
	p->funcs[0] = (struct ctv_func){ .len = text_at };
	p->nr_funcs = 1;
	for (i = 0; i < e->nr_syms && p->len > text_at; i++) {
		s = &e->syms[i];
		if (ELF64_ST_TYPE(s->st_info) != STT_FUNC || s->st_shndx != e->text)
			continue;
		p->funcs[p->nr_funcs].start = text_at + (u32)(s->st_value / 8);
		p->funcs[p->nr_funcs++].len = (u32)(s->st_size / 8);
		if (ELF64_ST_BIND(s->st_info) == STB_GLOBAL && !ELF64_ST_VISIBILITY(s->st_other))
			return ctv_refuse(&o->set.refusal, CTV_RULE_GLOBAL, CTV_NONE, "%s",
					  e->strs + s->st_name);
	}
	qsort(p->funcs, p->nr_funcs, sizeof(*p->funcs), func_order);
	for (i = 0; i < p->nr_funcs; i++)
		p->funcs[i].stack = func_stack(p->insns, p->funcs[i].start, p->funcs[i].len);
	return 0;
}

/* What the kernel's verifier leaves of the pseudo sources. */
static void prog_translate(struct ctv_insn *insns, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		if (insns[i].code == CTV_LD_IMM64)
			insns[i++].src = 0;
}

static int object_prog(struct object *o, struct elf *e, u32 n)
{
	u32 at = section_insns(e, n), len = at + (e->text ? section_insns(e, e->text) : 0);
	struct ctv_prog *p = &o->progs[o->set.nr_progs];
	struct ctv_insn *insns;
	int err;

	if (o->set.nr_progs == OBJECT_MAX)
		return -EINVAL;
	snprintf(o->names[o->set.nr_progs++], 64, "%s", section_name(e, n));
	insns = calloc(len + 1, sizeof(*insns));
	memcpy(insns, section(e, n), at * sizeof(*insns));
	if (e->text)
		memcpy(insns + at, section(e, e->text), (len - at) * sizeof(*insns));
	p->insns = insns;
	p->len = len;
	if (!strncmp(section_name(e, n), "struct_ops.s/", 13))
		return ctv_refuse(&o->set.refusal, CTV_RULE_SLEEP, CTV_NONE, "%s", "");
	err = relocate_section(o, e, insns, n, 0, at);
	if (!err && e->text)
		err = relocate_section(o, e, insns, e->text, at, at);
	if (!err)
		err = prog_funcs(o, e, p, at);
	if (!err)
		err = ctv_scan_raw(insns, len, &o->set.refusal);
	prog_translate(insns, len);
	return err;
}

static int object_read(struct object *o, struct elf *e)
{
	int err = object_maps(o, e);
	u32 i;

	for (i = 1; i < e->eh->e_shnum; i++)
		if (!strcmp(section_name(e, i), "expect"))
			snprintf(o->rule, sizeof(o->rule), "%s", (char *)section(e, i));
	for (i = 1; i < e->eh->e_shnum && !err; i++)
		if (e->sh[i].sh_type == SHT_PROGBITS &&
		    !strncmp(section_name(e, i), "struct_ops", 10))
			err = object_prog(o, e, i);
	if (!err && !o->set.nr_progs)
		err = -EINVAL;
	return err;
}

int object_open(struct object *o, const char *path)
{
	struct elf e;
	int err;

	memset(o, 0, sizeof(*o));
	memset(&e, 0, sizeof(e));
	o->set.progs = o->progs;
	o->set.maps = o->maps;
	o->set.refusal.rule = CTV_NR_RULES;
	err = elf_open(&e, path);
	if (err)
		test_note("%s: no BPF object", path);
	else
		err = object_read(o, &e);
	free(e.buf);
	return err;
}

void object_close(struct object *o)
{
	u32 i;

	ctv_set_free(&o->set);
	for (i = 0; i < o->set.nr_progs; i++) {
		free((void *)o->progs[i].insns);
		free(o->progs[i].funcs);
	}
}

/* ---- tests ---- */

static const char *base_name(const char *path)
{
	const char *p = strrchr(path, '/');

	return p ? p + 1 : path;
}

static void object_refused(const struct object *o, const char *name, int err)
{
	bool known = err && o->set.refusal.rule != CTV_NR_RULES;
	bool ok = known && !strcmp(ctv_rule_name(o->set.refusal.rule), o->rule);

	if (!ok)
		test_note("%s: %s instead of %s (%d)", name,
			  known ? ctv_rule_name(o->set.refusal.rule) : "accepted", o->rule, err);
	test_result(ok, "object refused by %s: %s", o->rule, name);
}

static void object_accepted(const struct object *o, const char *name, int err)
{
	u32 i;

	if (err)
		test_note("%s: %d: %s (%s) at %u", name, err,
			  o->set.refusal.rule == CTV_NR_RULES ? "" :
			  ctv_rule_text(o->set.refusal.rule), o->set.refusal.detail,
			  o->set.refusal.insn);
	for (i = 0; i < o->set.nr_progs && !err; i++)
		test_note("%s: %s: %u instructions, cost %u, fuel %u, %u bytes of code", name,
			  o->names[i], o->progs[i].len, o->progs[i].cost, o->progs[i].fuel,
			  o->set.text);
	test_result(!err, "object accepted%s: %s", o->rule[0] ? " by these passes" : "", name);
}

static void test_object(const char *path)
{
	static struct object o;
	int err = object_open(&o, path);

	if (!err)
		err = ctv_set_check(&o.set);
	if (!err)
		err = image_compile(&o.set);
	if (!o.rule[0] || !strcmp(o.rule, "-"))
		object_accepted(&o, base_name(path), err);
	else
		object_refused(&o, base_name(path), err);
	object_close(&o);
}

void test_objects(int nr, char **paths)
{
	int i;

	if (!nr)
		test_skip("handler objects", "none given");
	for (i = 0; i < nr; i++)
		test_object(paths[i]);
}

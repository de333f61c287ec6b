// SPDX-License-Identifier: GPL-2.0
/*
 * Reads handler objects without libbpf and without a kernel: lays out and relocates programs the
 * way the loader does, functions in the order in which they are first called.
 */
#include "elf.h"

/* A function in the file. */
struct func {
	u32 section;
	u32 off;	/* in instructions */
	u32 len;
	u32 at;		/* in the program that is being built, CTV_NONE: not in it yet */
	bool global;
	const char *name;
};

struct build {
	struct object *o;
	struct elf *e;
	struct func *funcs;
	u32 nr_funcs;
	u32 n;		/* the program */
	u32 cap;	/* room in the arrays of the program */
	struct ctv_refusal late;	/* of a rule that the kernel looks at after all raw scans */
	int late_err;
};

__attribute__((format(printf, 3, 4)))
static int problem(struct object *o, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(o->problem, sizeof(o->problem), fmt, ap);
	va_end(ap);
	return err;
}

/* ---- global variables ---- */

#define OBJECT_MAP_BYTES	(64U << 20)

static bool is_state(const char *name)
{
	return !strcmp(name, ".bss") || !strncmp(name, ".bss.", 5) || !strcmp(name, ".data") ||
	       !strncmp(name, ".data.", 6) || !strcmp(name, ".rodata") ||
	       !strncmp(name, ".rodata.", 8);
}

/* The loader makes maps that can be mapped of sections with a global variable, only of those. */
static bool has_global(const struct elf *e, u32 section)
{
	const Elf64_Sym *s;

	for (s = e->syms; s < e->syms + e->nr_syms; s++)
		if (s->st_shndx == section && ELF64_ST_TYPE(s->st_info) == STT_OBJECT &&
		    ELF64_ST_BIND(s->st_info) != STB_LOCAL)
			return true;
	return false;
}

static int object_map(struct object *o, struct elf *e, u32 section, u32 *pages)
{
	struct ctv_map *m = &o->maps[o->set.nr_maps];
	u64 size = e->sh[section].sh_size, len;

	if (o->set.nr_maps == OBJECT_MAX)
		return problem(o, -EINVAL, "more than %u sections of global variables", OBJECT_MAX);
	if (size > OBJECT_MAP_BYTES)
		return problem(o, -E2BIG, "section %.31s is longer than %u bytes",
			       elf_section_name(e, section), OBJECT_MAP_BYTES);
	m->addr = OBJECT_ADDR + 2ULL * CTV_PAGE * *pages + (u64)CTV_PAGE * o->set.nr_maps;
	m->size = size;
	m->win = *pages * CTV_PAGE;
	*pages += ctv_align((u32)size, CTV_PAGE) / CTV_PAGE;
	snprintf(o->map_names[o->set.nr_maps], sizeof(o->map_names[0]), "%.31s",
		 elf_section_name(e, section));
	o->map_data[o->set.nr_maps] = elf_data(e, section, &len);
	if (len != size)
		o->map_data[o->set.nr_maps] = NULL;
	e->map_of[section] = ++o->set.nr_maps;
	return 0;
}

/* Each section of global variables becomes a map, read-only ones first in memory. */
static int object_maps(struct object *o, struct elf *e)
{
	u32 i, rw, pages = 0;
	int err = 0;

	for (rw = 0; rw < 2; rw++)
		for (i = 1; i < e->nr_sh && !err; i++)
			if (is_state(elf_section_name(e, i)) && e->sh[i].sh_size &&
			    rw != !strncmp(elf_section_name(e, i), ".rodata", 7))
				err = object_map(o, e, i, &pages);
	o->state_pages = pages;
	return err;
}

/* ---- programs ---- */

static int func_add(struct build *b, const Elf64_Sym *s)
{
	struct func *f = &b->funcs[b->nr_funcs];
	u64 len;

	elf_data(b->e, s->st_shndx, &len);
	if (s->st_value % 8 || s->st_size % 8 || !s->st_size || s->st_value > len ||
	    s->st_size > len - s->st_value)
		return problem(b->o, -EINVAL, "function %.60s does not fit its section",
			       elf_string(b->e, b->e->symstr, s->st_name));
	f->section = s->st_shndx;
	f->off = (u32)(s->st_value / 8);
	f->len = (u32)(s->st_size / 8);
	f->name = elf_string(b->e, b->e->symstr, s->st_name);
	/* hidden functions are static to the loader */
	f->global = ELF64_ST_BIND(s->st_info) != STB_LOCAL && !ELF64_ST_VISIBILITY(s->st_other);
	b->nr_funcs++;
	return 0;
}

static bool is_code(const struct elf *e, u32 section)
{
	return section == e->text ||
	       (e->sh[section].sh_type == SHT_PROGBITS &&
		!strncmp(elf_section_name(e, section), "struct_ops", 10));
}

static int build_funcs(struct build *b)
{
	const Elf64_Sym *s;
	int err = 0;

	b->funcs = calloc(CTV_MAX_FUNCS + 1, sizeof(*b->funcs));
	if (!b->funcs)
		return -ENOMEM;
	for (s = b->e->syms; s < b->e->syms + b->e->nr_syms && !err; s++) {
		if (ELF64_ST_TYPE(s->st_info) != STT_FUNC || !s->st_shndx ||
		    s->st_shndx >= b->e->nr_sh || !is_code(b->e, s->st_shndx))
			continue;
		if (b->nr_funcs == CTV_MAX_FUNCS)
			return problem(b->o, -EINVAL, "more than %u functions", CTV_MAX_FUNCS);
		err = func_add(b, s);
	}
	return err;
}

static struct func *build_find(struct build *b, u32 section, u64 off)
{
	u32 i;

	for (i = 0; i < b->nr_funcs; i++)
		if (b->funcs[i].section == section && b->funcs[i].off == off)
			return &b->funcs[i];
	return NULL;
}

static int build_room(struct build *b, u32 len)
{
	struct object_prog *info = &b->o->info[b->n];
	void *raw, *from;

	if (len > CTV_MAX_INSNS)
		return ctv_refuse(&b->o->set.refusal, CTV_RULE_SIZE, CTV_NONE,
				  "%u instructions of %u", len, CTV_MAX_INSNS);
	if (len <= b->cap)
		return 0;
	b->cap = len * 2;
	raw = realloc(info->raw, b->cap * sizeof(*info->raw));
	if (raw)
		info->raw = raw;
	from = realloc(info->from, b->cap * sizeof(*info->from));
	if (from)
		info->from = from;
	return raw && from ? 0 : -ENOMEM;
}

/* Copies the code of @f to the end of the program. */
static int build_append(struct build *b, struct func *f)
{
	struct object_prog *info = &b->o->info[b->n];
	struct ctv_prog *p = &b->o->progs[b->n];
	int err = build_room(b, info->raw_len + f->len);
	u64 len;
	u32 i;

	if (err)
		return err;
	memcpy(info->raw + info->raw_len, elf_data(b->e, f->section, &len) + 8ULL * f->off,
	       8ULL * f->len);
	for (i = 0; i < f->len; i++)
		info->from[info->raw_len + i] = (struct object_from){ f->section, f->off + i };
	f->at = info->raw_len;
	info->raw_len += f->len;
	p->funcs[p->nr_funcs++] = (struct ctv_func){ .start = f->at, .len = f->len };
	return 0;
}

static int build_link(struct build *b, const struct func *f);

__attribute__((format(printf, 4, 5)))
static void build_late(struct build *b, enum ctv_rule rule, u32 insn, const char *fmt, ...)
{
	char detail[sizeof(b->late.detail)];
	va_list ap;

	if (b->late_err)
		return;
	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	b->late_err = ctv_refuse(&b->late, rule, insn, "%s", detail);
}

/* The function that is called or referred to at instruction @i is made part of the program. */
static int build_callee(struct build *b, struct ctv_insn *insn, u32 i, u32 section, s64 target)
{
	struct func *f = target < 0 ? NULL : build_find(b, section, (u64)target);
	int err = 0;

	if (!f)
		return problem(b->o, -EINVAL, "%s: instruction %u calls what is no function",
			       b->o->info[b->n].name, i);
	if (f->at == CTV_NONE) {
		err = build_append(b, f);
		if (!err)
			err = build_link(b, f);
		/* the code may have moved */
		insn = &b->o->info[b->n].raw[i];
	}
	insn->imm = (s32)(f->at - i - 1);
	if (f->global)
		build_late(b, CTV_RULE_GLOBAL, f->at, "%.60s", f->name);
	return err;
}

/* A kernel's numbers would be other ones; 0 is none. */
const s32 object_kfuncs[CTV_NR_KFUNCS] = { 1, 2, 3, 4 };

static s32 object_kfunc_id(const char *name)
{
	u32 i;

	for (i = 0; i < CTV_NR_KFUNCS; i++)
		if (!strcmp(name, ctv_kfunc_name((enum ctv_kfunc)i)))
			return object_kfuncs[i];
	return 0;
}

static int link_call(struct build *b, struct ctv_insn *insn, u32 i, const struct func *f,
		     const Elf64_Sym *sym)
{
	if (sym && !sym->st_shndx) {
		insn->src = CTV_CALL_KFUNC;
		insn->imm = object_kfunc_id(elf_string(b->e, b->e->symstr, sym->st_name));
		return 0;
	}
	if (sym)
		return build_callee(b, insn, i, sym->st_shndx,
				    (s64)(sym->st_value / 8) + insn->imm + 1);
	if (insn->src != CTV_CALL_LOCAL)
		return 0;
	return build_callee(b, insn, i, f->section, (s64)f->off + i - f->at + insn->imm + 1);
}

static int link_imm64(struct build *b, struct ctv_insn *insn, u32 i, const Elf64_Sym *sym)
{
	const struct ctv_map *m;
	u64 addr;

	if (!sym->st_shndx) {
		insn->src = CTV_PSEUDO_BTF_ID;
		return 0;
	}
	if (sym->st_shndx >= b->e->nr_sh)
		return problem(b->o, -EINVAL, "instruction %u refers to no section", i);
	if (sym->st_shndx == b->e->text) {
		insn->src = CTV_PSEUDO_FUNC;
		return build_callee(b, insn, i, sym->st_shndx,
				    (s64)((sym->st_value + (u32)insn->imm) / 8));
	}
	if (!b->e->map_of[sym->st_shndx]) {
		insn->src = CTV_PSEUDO_MAP_FD;
		return 0;
	}
	m = &b->o->maps[b->e->map_of[sym->st_shndx] - 1];
	if (!has_global(b->e, sym->st_shndx))
		build_late(b, CTV_RULE_MAPMMAP, i, "map %.31s: all its variables are static",
			   elf_section_name(b->e, sym->st_shndx));
	addr = m->addr + sym->st_value + (u32)insn[0].imm;
	insn[0].src = CTV_PSEUDO_MAP_VALUE;
	insn[0].imm = (s32)addr;
	insn[1].imm = (s32)(addr >> 32);
	return 0;
}

static int build_link(struct build *b, const struct func *f)
{
	const Elf64_Sym *sym;
	struct ctv_insn *insn;
	int err = 0;
	u32 i;

	for (i = f->at; i < f->at + f->len && !err; i++) {
		insn = &b->o->info[b->n].raw[i];
		sym = elf_rel(b->e, f->section, f->off + i - f->at);
		if (ctv_is_call(insn->code)) {
			err = link_call(b, insn, i, f, sym);
		} else if (insn->code == CTV_LD_IMM64) {
			if (sym && i + 1 < f->at + f->len)
				err = link_imm64(b, insn, i, sym);
			i++;
		}
	}
	return err;
}

static int build_prog(struct build *b, struct func *main)
{
	struct object *o = b->o;
	struct object_prog *info = &o->info[b->n];
	struct ctv_prog *p = &o->progs[b->n];
	const char *section = elf_section_name(b->e, main->section);
	const char *class = strchr(section, '/');
	int err;
	u32 i;

	o->set.nr_progs++;
	o->set.bad_prog = b->n;
	snprintf(info->name, sizeof(info->name), "%.63s", main->name);
	snprintf(info->class, sizeof(info->class), "%.31s", class ? class + 1 : "?");
	p->funcs = calloc(CTV_MAX_FUNCS + 1, sizeof(*p->funcs));
	if (!p->funcs)
		return -ENOMEM;
	for (i = 0; i < b->nr_funcs; i++)
		b->funcs[i].at = CTV_NONE;
	b->cap = 0;
	err = build_append(b, main);
	if (!err)
		err = build_link(b, main);
	if (!err && !strncmp(section, "struct_ops.s", 12))
		err = ctv_refuse(&o->set.refusal, CTV_RULE_SLEEP, CTV_NONE, "section %.60s",
				 section);
	return err;
}

/* What the kernel does at load, then what it does to the program, then what it finds in it. */
static int build_scan(struct build *b)
{
	struct object *o = b->o;
	int err = ctv_scan_raw(o->info[b->n].raw, o->info[b->n].raw_len, object_kfuncs,
			       &o->set.refusal);

	if (!err && b->late_err) {
		o->set.refusal = b->late;
		return b->late_err;
	}
	return err ? err : object_translate(o, b->n);
}

static int object_programs(struct object *o, struct elf *e)
{
	struct build b = { .o = o, .e = e };
	int err = build_funcs(&b);
	u32 i;

	for (i = 0; i < b.nr_funcs && !err; i++) {
		if (b.funcs[i].section == e->text)
			continue;
		if (o->set.nr_progs == OBJECT_MAX) {
			err = problem(o, -EINVAL, "more than %u programs", OBJECT_MAX);
			break;
		}
		b.n = o->set.nr_progs;
		err = build_prog(&b, &b.funcs[i]);
		if (!err)
			err = build_scan(&b);
	}
	free(b.funcs);
	if (!err && !o->set.nr_progs)
		err = problem(o, -EINVAL, "no handlers: there is no function in a section struct_ops/...");
	return err;
}

/* ---- the object ---- */

static int object_read(struct object *o, struct elf *e)
{
	u32 expect = elf_find(e, "expect");
	int err;

	if (expect)
		snprintf(o->rule, sizeof(o->rule), "%.31s", elf_string(e, expect, 0));
	err = object_read_lines(o, e);
	if (!err)
		err = object_maps(o, e);
	if (!err)
		err = object_programs(o, e);
	/* names the programs' members also when they were refused */
	if (o->set.nr_progs)
		object_read_sets(o, e);
	return err;
}

/* Takes @o->file. */
static int object_parse(struct object *o, size_t len)
{
	struct elf e = { .buf = o->file, .len = len };
	int err = elf_parse(&e);

	o->file_len = len;
	if (err == -EINVAL)
		problem(o, err, "no BPF object file, or a damaged one");
	else if (!err)
		err = object_read(o, &e);
	elf_free(&e);
	if (err == -ENOMEM)
		problem(o, err, "out of memory");
	return err;
}

static void object_init(struct object *o)
{
	memset(o, 0, sizeof(*o));
	o->set.progs = o->progs;
	o->set.maps = o->maps;
	o->set.kfuncs = object_kfuncs;
	o->set.refusal.rule = CTV_NR_RULES;
}

int object_open_mem(struct object *o, const void *bytes, size_t len)
{
	object_init(o);
	if (len > OBJECT_BYTES)
		return problem(o, -E2BIG, "longer than %u bytes", OBJECT_BYTES);
	o->file = malloc(len + 1);
	if (!o->file)
		return problem(o, -ENOMEM, "out of memory");
	memcpy(o->file, bytes, len);
	return object_parse(o, len);
}

int object_open(struct object *o, const char *path)
{
	FILE *f = fopen(path, "rb");
	size_t len;
	int err;

	object_init(o);
	if (!f)
		return problem(o, -errno, "%s", strerror(errno));
	o->file = malloc(OBJECT_BYTES + 1);
	if (!o->file) {
		fclose(f);
		return problem(o, -ENOMEM, "out of memory");
	}
	len = fread(o->file, 1, OBJECT_BYTES + 1, f);
	err = ferror(f) ? -EIO : 0;
	fclose(f);
	if (err)
		return problem(o, err, "the file cannot be read");
	if (len > OBJECT_BYTES)
		return problem(o, -E2BIG, "longer than %u bytes", OBJECT_BYTES);
	return object_parse(o, len);
}

static int object_pages(struct object *o, u32 bytes)
{
	u32 pages = ctv_align(bytes, CTV_PAGE) / CTV_PAGE, i;

	for (i = 0; i < o->set.nr_maps; i++)
		pages += ctv_align((u32)o->maps[i].size, CTV_PAGE) / CTV_PAGE;
	if (o->set.used & 1U << CTV_KFUNC_SCRATCH)
		pages += CTV_SCRATCH_BYTES / CTV_PAGE;
	if (pages <= OBJECT_PAGES)
		return 0;
	return ctv_refuse(&o->set.refusal, CTV_RULE_SIZE, CTV_NONE, "%u pages of %s%u", pages,
			  bytes ? "" : "state of ", OBJECT_PAGES);
}

int object_check(struct object *o)
{
	int err = object_pages(o, 0);

	if (!err)
		err = ctv_set_check(&o->set);
	o->set.scratch = o->state_pages * CTV_PAGE;
	if (!err)
		err = ctv_set_size(&o->set);
	if (!err)
		err = object_pages(o, o->set.text);
	return err;
}

/* The last record at or before instruction @i of the file. */
static const struct object_line *line_find(const struct object *o, const struct object_from *from)
{
	const struct object_line *best = NULL;
	u32 i;

	for (i = 0; i < o->nr_lines; i++)
		if (o->lines[i].section == from->section && o->lines[i].off <= from->off)
			best = &o->lines[i];
	return best;
}

void object_refusal_text(const struct object *o, char *buf, size_t size)
{
	const struct object_prog *info = &o->info[o->set.bad_prog];
	struct ctv_place at = { .class = info->class, .prog = info->name };
	const struct object_line *l;
	u32 i = o->set.refusal.insn;

	if (i != CTV_NONE && info->raw_of && i < o->progs[o->set.bad_prog].len)
		i = info->raw_of[i];
	if (i < info->raw_len) {
		l = line_find(o, &info->from[i]);
		at.file = l ? l->file : NULL;
		at.line = l ? l->line : 0;
	}
	ctv_refusal_text(buf, size, &at, &o->set.refusal);
}

void object_close(struct object *o)
{
	u32 i;

	ctv_set_free(&o->set);
	for (i = 0; i < o->set.nr_progs; i++) {
		free((void *)o->progs[i].insns);
		free(o->progs[i].funcs);
		free(o->info[i].raw);
		free(o->info[i].from);
		free(o->info[i].raw_of);
	}
	free(o->lines);
	free(o->file);
}

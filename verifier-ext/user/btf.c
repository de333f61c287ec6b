// SPDX-License-Identifier: GPL-2.0
/*
 * What the BTF of a handler object tells: source lines of instructions, and the members of the
 * handler sets. Layouts: Documentation/bpf/btf.rst of Linux.
 */
#include <linux/kvm_caretaker_bpf.h>

#include "btf.h"

#define BTF_MAGIC	0xeb9f
#define BTF_MAX_TYPES	65536U

struct btf_header {
	u16 magic;
	u8 version;
	u8 flags;
	u32 hdr_len;
	u32 type_off;
	u32 type_len;
	u32 str_off;
	u32 str_len;
};

struct span span_of(struct span s, u64 off, u64 len)
{
	if (off > s.len || len > s.len - off)
		return (struct span){ 0 };
	return (struct span){ s.data + off, len };
}

bool span_read(struct span s, u64 off, void *to, u64 len)
{
	struct span part = span_of(s, off, len);

	if (!part.data)
		return false;
	memcpy(to, part.data, len);
	return true;
}

u32 span_u32(struct span s, u64 off)
{
	u32 v;

	return span_read(s, off, &v, sizeof(v)) ? v : 0;
}

const char *btf_string(const struct btf *b, u32 off)
{
	if (off >= b->strings.len || !memchr(b->strings.data + off, 0, b->strings.len - off))
		return "";
	return (const char *)b->strings.data + off;
}

/* Bytes after the three words of a type. */
static u64 btf_extra(u32 info)
{
	switch (BTF_KIND(info)) {
	case BTF_INT: case BTF_VAR: case BTF_DECL_TAG:
		return 4;
	case BTF_ARRAY:
		return 12;
	case BTF_STRUCT: case BTF_UNION: case BTF_DATASEC: case BTF_ENUM64:
		return 12ULL * BTF_VLEN(info);
	case BTF_ENUM: case BTF_FUNC_PROTO:
		return 8ULL * BTF_VLEN(info);
	}
	return 0;
}

static int btf_index(struct btf *b)
{
	struct btf_type t;
	u64 off = 0;

	b->at = calloc(BTF_MAX_TYPES, sizeof(*b->at));
	if (!b->at)
		return -ENOMEM;
	while (b->nr < BTF_MAX_TYPES && span_read(b->types, off, &t, sizeof(t))) {
		b->at[b->nr++] = (u32)off;
		off += sizeof(t) + btf_extra(t.info);
	}
	return 0;
}

bool btf_get(const struct btf *b, u32 id, struct btf_type *t)
{
	return id && id <= b->nr && span_read(b->types, b->at[id - 1], t, sizeof(*t));
}

int btf_open_bytes(struct btf *b, struct span all)
{
	struct btf_header h;

	memset(b, 0, sizeof(*b));
	if (!span_read(all, 0, &h, sizeof(h)) || h.magic != BTF_MAGIC)
		return 0;
	b->types = span_of(all, (u64)h.hdr_len + h.type_off, h.type_len);
	b->strings = span_of(all, (u64)h.hdr_len + h.str_off, h.str_len);
	return b->types.data ? btf_index(b) : 0;
}

int btf_open(struct btf *b, const struct elf *e)
{
	struct span all = { 0 };

	all.data = elf_data(e, elf_find(e, ".BTF"), &all.len);
	return btf_open_bytes(b, all);
}

/* ---- line information ---- */

/* insn_off, file_name_off, line_off, line_col */
static int lines_add(struct object *o, const struct btf *b, u32 section, struct span records,
		     u32 size)
{
	struct object_line *l;
	u64 nr = records.len / size, i;

	l = realloc(o->lines, (o->nr_lines + nr + 1) * sizeof(*l));
	if (!l)
		return -ENOMEM;
	o->lines = l;
	for (i = 0; i < nr; i++) {
		l = &o->lines[o->nr_lines++];
		l->section = section;
		l->off = span_u32(records, i * size) / 8;
		l->file = btf_string(b, span_u32(records, i * size + 4));
		l->line = span_u32(records, i * size + 12) >> 10;
		if (strrchr(l->file, '/'))
			l->file = strrchr(l->file, '/') + 1;
	}
	return 0;
}

static int line_order(const void *va, const void *vb)
{
	const struct object_line *a = va, *b = vb;

	if (a->section != b->section)
		return a->section < b->section ? -1 : 1;
	return a->off < b->off ? -1 : a->off > b->off;
}

/* Per section of code: its name, the number of records, the records. */
static int lines_read(struct object *o, const struct elf *e, const struct btf *b, struct span info)
{
	u32 size = span_u32(info, 0), section, nr;
	struct span records;
	u64 off = 4;
	int err = 0;

	if (size < 16 || size % 4)
		return 0;
	while (off + 8 <= info.len && !err) {
		section = elf_find(e, btf_string(b, span_u32(info, off)));
		nr = span_u32(info, off + 4);
		records = span_of(info, off + 8, (u64)nr * size);
		if (!records.data)
			break;
		err = lines_add(o, b, section, records, size);
		off += 8 + records.len;
	}
	if (o->nr_lines)
		qsort(o->lines, o->nr_lines, sizeof(*o->lines), line_order);
	return err;
}

int object_read_lines(struct object *o, const struct elf *e)
{
	struct span ext = { 0 };
	struct btf b;
	int err = btf_open(&b, e);
	u32 hdr_len;

	ext.data = elf_data(e, elf_find(e, ".BTF.ext"), &ext.len);
	/* after magic, version, flags: hdr_len, func_info off and len, line_info off and len */
	hdr_len = span_u32(ext, 4);
	if (!err && ext.data && b.strings.data && hdr_len >= 24)
		err = lines_read(o, e, &b, span_of(ext, (u64)hdr_len + span_u32(ext, 16),
						   span_u32(ext, 20)));
	free(b.at);
	return err;
}

/* ---- handler sets ---- */

static void set_problem(struct object *o, const char *fmt, const char *a)
{
	if (!o->problem[0])
		snprintf(o->problem, sizeof(o->problem), fmt, a);
}

/* The program at a relocation of the set's value serves member @name. */
static bool member_prog(struct object *o, const struct elf *e, const char *name,
			const Elf64_Sym *sym)
{
	const char *func = elf_string(e, e->symstr, sym->st_name);
	u32 i;

	for (i = 0; i < o->set.nr_progs; i++) {
		if (strncmp(o->info[i].name, func, sizeof(o->info[i].name) - 1))
			continue;
		snprintf(o->info[i].class, sizeof(o->info[i].class), "%.31s", name);
		return true;
	}
	return false;
}

int object_class(const char *member)
{
	static const char * const members[KVM_CARETAKER_NR_CLASSES] = {
		[KVM_CARETAKER_CLASS_HLT] = "hlt",
		[KVM_CARETAKER_CLASS_CPUID] = "cpuid",
		[KVM_CARETAKER_CLASS_RDMSR] = "rdmsr",
		[KVM_CARETAKER_CLASS_WRMSR] = "wrmsr",
		[KVM_CARETAKER_CLASS_IO] = "io",
		[KVM_CARETAKER_CLASS_MMIO] = "mmio",
		[KVM_CARETAKER_CLASS_HYPERCALL] = "hypercall",
		[KVM_CARETAKER_CLASS_IPI] = "ipi",
		[KVM_CARETAKER_CLASS_TIMER] = "timer",
		[KVM_CARETAKER_CLASS_PAUSE] = "pause",
		[KVM_CARETAKER_CLASS_OTHER] = "other",
	};
	int i;

	for (i = 0; i < KVM_CARETAKER_NR_CLASSES; i++)
		if (!strcmp(member, members[i]))
			return i;
	return -1;
}

static void member_name(struct object *o, struct span value, u64 off)
{
	if (!span_read(value, off, o->name, sizeof(o->name)))
		return;
	if (o->name[sizeof(o->name) - 1])
		set_problem(o, "the name of the set%s is too long: 15 characters are the limit", "");
	o->name[sizeof(o->name) - 1] = 0;
}

struct set {
	struct object *o;
	const struct elf *e;
	u32 section;
	struct span value;
	u64 off;	/* of the value in the section */
	u32 handlers;
	u32 abi;
	u32 flags;
};

static void set_member(struct set *s, const char *name, u64 off)
{
	const Elf64_Sym *sym;

	if (!strcmp(name, "abi_version")) {
		s->abi = span_u32(s->value, off);
	} else if (!strcmp(name, "flags")) {
		s->flags = span_u32(s->value, off);
	} else if (!strcmp(name, "name")) {
		member_name(s->o, s->value, off);
	} else {
		sym = elf_rel(s->e, s->section, (s->off + off) / 8);
		if (!sym || !member_prog(s->o, s->e, name, sym))
			return;
		s->handlers++;
		if (object_class(name) < 0)
			set_problem(s->o, "the kernel has no member %.30s: leave it out", name);
	}
}

static void set_judge(struct set *s)
{
	struct object *o = s->o;
	char text[64];

	if (s->abi != KVM_CARETAKER_BPF_ABI) {
		snprintf(text, sizeof(text), "version %u, not %u", s->abi,
			 KVM_CARETAKER_BPF_ABI);
		set_problem(o, "the set is written for ABI %s: build it again", text);
	}
	if (s->flags)
		set_problem(o, "unknown flags%s: they must be zero", "");
	if (!s->handlers)
		set_problem(o, "no handler in the set%s: fill at least one member", "");
}

/* A variable in the section of sets: walk the members of its type. */
static void set_read(struct object *o, const struct elf *e, const struct btf *b, u32 section,
		     u32 var, u32 off, u32 size)
{
	struct set s = { .o = o, .e = e, .section = section, .off = off };
	struct btf_type t;
	u64 at;
	u32 i;

	s.value.data = elf_data(e, section, &s.value.len);
	s.value = span_of(s.value, off, size);
	if (!btf_get(b, var, &t) || BTF_KIND(t.info) != BTF_VAR || !btf_get(b, t.size, &t) ||
	    BTF_KIND(t.info) != BTF_STRUCT || !s.value.data)
		return;
	if (strncmp(btf_string(b, t.name), "kvm_caretaker_ops", 17)) {
		set_problem(o, "the set is a struct %.60s, not kvm_caretaker_ops",
			    btf_string(b, t.name));
		return;
	}
	/* the members follow the type, which btf_get() found by its id */
	btf_get(b, var, &t);
	at = b->at[t.size - 1];
	btf_get(b, t.size, &t);
	for (i = 0; i < BTF_VLEN(t.info); i++)
		set_member(&s, btf_string(b, span_u32(b->types, at + 12 + 12ULL * i)),
			   (span_u32(b->types, at + 20 + 12ULL * i) & 0xffffff) / 8);
	set_judge(&s);
}

static u32 sets_read(struct object *o, const struct elf *e, const struct btf *b, const char *name)
{
	u32 section = elf_find(e, name), id, i, n = 0;
	struct btf_type t;
	u64 at;

	for (id = 1; section && id <= b->nr; id++) {
		if (!btf_get(b, id, &t) || BTF_KIND(t.info) != BTF_DATASEC ||
		    strcmp(btf_string(b, t.name), name))
			continue;
		at = b->at[id - 1] + sizeof(t);
		for (i = 0; i < BTF_VLEN(t.info); i++, n++)
			set_read(o, e, b, section, span_u32(b->types, at + 12ULL * i),
				 span_u32(b->types, at + 12ULL * i + 4),
				 span_u32(b->types, at + 12ULL * i + 8));
	}
	return n;
}

/* The licences that the kernel takes for compatible with its own. */
static bool license_ok(const char *s)
{
	static const char * const good[] = {
		"GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL",
		"Dual MPL/GPL",
	};
	u32 i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!strcmp(s, good[i]))
			return true;
	return false;
}

int object_read_sets(struct object *o, const struct elf *e)
{
	struct btf b;
	int err = btf_open(&b, e);

	if (err)
		return err;
	if (!b.nr)
		set_problem(o, "no BTF%s: build with clang -g", "");
	else if (!sets_read(o, e, &b, ".struct_ops.link"))
		set_problem(o, sets_read(o, e, &b, ".struct_ops") ?
			    "the set needs a link%s: use SEC(\".struct_ops.link\")" :
			    "no handler set%s: use CARETAKER_HANDLERS()", "");
	if (!license_ok(elf_string(e, elf_find(e, "license"), 0)))
		set_problem(o, "the licence \"%.60s\" is not GPL compatible",
			    elf_string(e, elf_find(e, "license"), 0));
	free(b.at);
	return 0;
}

int object_set_check(struct object *o)
{
	return o->problem[0] ? -EINVAL : 0;
}

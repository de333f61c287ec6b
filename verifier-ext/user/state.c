// SPDX-License-Identifier: GPL-2.0
/*
 * State of handlers, as bytes that outlived a kernel, by the types of the object that they are of,
 * or by those that were kept beside them.
 * The kernel lays out sections of global variables that can be written page by page, each when the
 * first program uses it: programs in the order of the members of struct kvm_caretaker_ops.
 */
#include <linux/kvm_caretaker_bpf.h>

#include "btf.h"

#define DEPTH_MAX	32U		/* of types within types */
#define SECTION_NAME	15U		/* characters of a section's name that are kept */
#define VALUES_MAX	(1U << 20)	/* and elements, members: a damaged file may ask for more */

/**
 * struct walk - on the way through the values
 * @section:	name of the section
 * @place:	where it is in the state
 * @bytes:	what it holds
 * @path:	name of the value
 * @len:	length of @path
 * @left:	values that may follow
 * @r:		who reads them
 */
struct walk {
	const struct btf *btf;
	char section[32];
	u64 place;
	struct span bytes;
	char path[256];
	size_t len;
	u32 left;
	struct object_reader *r;
};

/* ---- where sections are ---- */

struct place {
	u32 map[OBJECT_MAX];	/* in their order */
	u32 nr;
};

static void place_add(struct place *p, const struct object *o, u64 addr)
{
	u32 m, i;

	for (m = 0; m < o->set.nr_maps; m++)
		if (addr - o->maps[m].addr < o->maps[m].size)
			break;
	if (m == o->set.nr_maps || !strncmp(o->map_names[m], ".rodata", 7))
		return;
	for (i = 0; i < p->nr; i++)
		if (p->map[i] == m)
			return;
	p->map[p->nr++] = m;
}

static void place_prog(struct place *p, const struct object *o, const struct object_prog *info)
{
	u32 i;

	for (i = 0; i + 1 < info->raw_len; i++)
		if (info->raw[i].code == CTV_LD_IMM64 && info->raw[i].src == CTV_PSEUDO_MAP_VALUE)
			place_add(p, o, ctv_imm64(&info->raw[i]));
}

static void place_all(struct place *p, const struct object *o)
{
	int class;
	u32 i;

	p->nr = 0;
	for (class = 0; class < KVM_CARETAKER_NR_CLASSES; class++)
		for (i = 0; i < o->set.nr_progs; i++)
			if (object_class(o->info[i].class) == class)
				place_prog(p, o, &o->info[i]);
}

/* ---- types ---- */

/* Behind the names and qualifiers; false when there is no such type. */
static bool type_plain(const struct btf *b, u32 *id, struct btf_type *t)
{
	u32 n;

	for (n = 0; n < DEPTH_MAX && btf_get(b, *id, t); n++) {
		switch (BTF_KIND(t->info)) {
		case BTF_TYPEDEF: case BTF_VOLATILE: case BTF_CONST: case BTF_RESTRICT:
		case BTF_TYPE_TAG:
			*id = t->size;
			continue;
		}
		return true;
	}
	return false;
}

/* Word @n of what follows a type. */
static u32 type_word(const struct btf *b, u32 id, u64 n)
{
	return span_u32(b->types, b->at[id - 1] + sizeof(struct btf_type) + 4 * n);
}

/* 0 for what has none. */
static u64 type_size(const struct btf *b, u32 id)
{
	struct btf_type t;
	u64 nr = 1;
	u32 n;

	for (n = 0; n < DEPTH_MAX && type_plain(b, &id, &t); n++) {
		switch (BTF_KIND(t.info)) {
		case BTF_INT: case BTF_STRUCT: case BTF_UNION: case BTF_ENUM: case BTF_ENUM64:
		case BTF_FLOAT:
			return nr * t.size;
		case BTF_PTR:
			return nr * 8;
		case BTF_ARRAY:
			if (nr > OBJECT_BYTES)
				return 0;
			nr *= type_word(b, id, 2);
			id = type_word(b, id, 0);
			continue;
		}
		return 0;
	}
	return 0;
}

/* ---- values ---- */

__attribute__((format(printf, 2, 3)))
static void walk_name(struct walk *w, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(w->path + w->len, sizeof(w->path) - w->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		w->len += (size_t)n;
	if (w->len >= sizeof(w->path))
		w->len = sizeof(w->path) - 1;
}

static void walk_back(struct walk *w, size_t len)
{
	w->len = len;
	w->path[len] = '\0';
}

static u64 digest_add(u64 d, const void *bytes, size_t len)
{
	const u8 *p = bytes;

	while (len--)
		d = (d ^ *p++) * 0x100000001b3ULL;
	return d;
}

/* Objects have their variables in another order than the types that were kept. */
static void walk_digest(struct walk *w, u64 at, u32 len, u32 kind)
{
	u64 what[4] = { w->place, at, len, kind }, d = 0xcbf29ce484222325ULL;

	d = digest_add(d, w->section, strnlen(w->section, SECTION_NAME));
	d = digest_add(d, w->path, w->len + 1);
	w->r->types += digest_add(d, what, sizeof(what));
}

static const char *enum_name(const struct btf *b, u32 id, const struct btf_type *t, u64 number)
{
	u32 words = BTF_KIND(t->info) == BTF_ENUM64 ? 3 : 2, i;
	u64 v;

	for (i = 0; i < BTF_VLEN(t->info); i++) {
		v = type_word(b, id, (u64)i * words + 1);
		if (words == 3)
			v |= (u64)type_word(b, id, (u64)i * words + 2) << 32;
		else if (t->info >> 31)
			v = (u64)(s32)v;
		if (v == number)
			return btf_string(b, type_word(b, id, (u64)i * words));
	}
	return NULL;
}

static bool type_is_signed(const struct btf *b, u32 id, const struct btf_type *t)
{
	if (BTF_KIND(t->info) == BTF_INT)
		return type_word(b, id, 0) >> 24 & 1;
	return (BTF_KIND(t->info) == BTF_ENUM || BTF_KIND(t->info) == BTF_ENUM64) && t->info >> 31;
}

/* @bits from bit @at of the section on; what is longer than a number is cut off. */
static bool walk_number(struct walk *w, u32 id, const struct btf_type *t, u64 at, u32 bits)
{
	struct object_value v = { .section = w->section, .path = w->path };
	u32 shift = at & 7, bytes;
	u8 buf[16] = { 0 };
	u64 high;

	bits = bits > 64 ? 64 : bits;
	bytes = (shift + bits + 7) / 8;
	if (!bits || !span_read(w->bytes, at / 8, buf, bytes))
		return false;
	memcpy(&v.number, buf, 8);
	memcpy(&high, buf + 8, 8);
	if (shift)
		v.number = v.number >> shift | high << (64 - shift);
	v.number = v.number << (64 - bits) >> (64 - bits);
	v.is_signed = type_is_signed(w->btf, id, t);
	if (v.is_signed)
		v.number = (u64)((s64)(v.number << (64 - bits)) >> (64 - bits));
	v.is_address = BTF_KIND(t->info) == BTF_PTR;
	if (BTF_KIND(t->info) == BTF_ENUM || BTF_KIND(t->info) == BTF_ENUM64)
		v.name = enum_name(w->btf, id, t, v.number);
	walk_digest(w, at, bits, v.is_address ? BTF_PTR : v.is_signed);
	if (v.number)
		w->r->value(w->r->arg, &v);
	return true;
}

static bool walk_bytes(struct walk *w, u64 at, u32 len)
{
	struct span s = span_of(w->bytes, at / 8, len);
	struct object_value v = { .section = w->section, .path = w->path, .bytes = s.data };

	if (!s.data)
		return false;
	walk_digest(w, at, len, BTF_ARRAY);
	while (s.len && !s.data[s.len - 1])
		s.len--;
	v.len = (u32)s.len;
	if (v.len)
		w->r->value(w->r->arg, &v);
	return true;
}

static bool walk_type(struct walk *w, u32 id, u64 at, u32 bits, u32 depth);

static bool walk_array(struct walk *w, u32 id, u64 at, u32 depth)
{
	u32 nr = type_word(w->btf, id, 2), element = type_word(w->btf, id, 0), plain = element, i;
	u64 size = type_size(w->btf, element);
	size_t len = w->len;
	struct btf_type t;
	bool ok = true;

	if (!size || nr > w->bytes.len / size || !type_plain(w->btf, &plain, &t))
		return false;
	if (size == 1 && BTF_KIND(t.info) == BTF_INT)
		return walk_bytes(w, at, nr);
	for (i = 0; i < nr && ok; i++) {
		walk_name(w, "[%u]", i);
		ok = walk_type(w, element, at + 8 * size * i, 0, depth);
		walk_back(w, len);
	}
	return ok;
}

static bool walk_members(struct walk *w, u32 id, const struct btf_type *t, u64 at, u32 depth)
{
	size_t len = w->len;
	bool ok = true;
	u32 i, off;

	for (i = 0; i < BTF_VLEN(t->info) && ok; i++) {
		const char *name = btf_string(w->btf, type_word(w->btf, id, 3ULL * i));

		if (*name)
			walk_name(w, ".%s", name);
		off = type_word(w->btf, id, 3ULL * i + 2);
		ok = walk_type(w, type_word(w->btf, id, 3ULL * i + 1),
			       at + (t->info >> 31 ? off & 0xffffff : off),
			       t->info >> 31 ? off >> 24 : 0, depth);
		walk_back(w, len);
	}
	return ok;
}

/* @bits: of a bit field, 0: as many as the type has. */
static bool walk_type(struct walk *w, u32 id, u64 at, u32 bits, u32 depth)
{
	struct btf_type t;

	if (!depth || !w->left || !type_plain(w->btf, &id, &t))
		return false;
	w->left--;
	switch (BTF_KIND(t.info)) {
	case BTF_INT: case BTF_ENUM: case BTF_ENUM64: case BTF_FLOAT:
		return walk_number(w, id, &t, at, bits ? bits : t.size > 8 ? 64 : t.size * 8);
	case BTF_PTR:
		return walk_number(w, id, &t, at, 64);
	case BTF_ARRAY:
		return walk_array(w, id, at, depth - 1);
	case BTF_STRUCT: case BTF_UNION:
		return walk_members(w, id, &t, at, depth - 1);
	}
	return false;
}

/* The type of a variable, 0 for none. */
static u32 variable_type(const struct btf *b, const char *name)
{
	struct btf_type t;
	u32 id;

	for (id = 1; id <= b->nr; id++)
		if (btf_get(b, id, &t) && BTF_KIND(t.info) == BTF_VAR &&
		    !strcmp(btf_string(b, t.name), name))
			return t.size;
	return 0;
}

/* Offsets are those of the symbols: clang leaves them out of the types. */
static bool walk_section(struct walk *w, const struct elf *e, u32 section)
{
	const Elf64_Sym *s;
	const char *name;
	bool ok = true;
	u32 id;

	for (s = e->syms; s < e->syms + e->nr_syms && ok; s++) {
		if (s->st_shndx != section || ELF64_ST_TYPE(s->st_info) != STT_OBJECT)
			continue;
		name = elf_string(e, e->symstr, s->st_name);
		id = variable_type(w->btf, name);
		walk_back(w, 0);
		walk_name(w, "%s", name);
		if (id && s->st_value < w->bytes.len)
			ok = walk_type(w, id, 8 * s->st_value, 0, DEPTH_MAX);
	}
	return ok;
}

__attribute__((format(printf, 3, 4)))
static int refuse(struct object_reader *r, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	return err;
}

static int walk_refuse(struct walk *w)
{
	return refuse(w->r, -E2BIG, "%s: %.60s: damaged types, or too many values", w->section,
		      w->path);
}

static int state_walk(const struct object *o, const struct elf *e, struct walk *w,
		      struct span state)
{
	struct place p;
	u64 at = 0;
	u32 i, m;

	place_all(&p, o);
	if (!p.nr || !w->btf->nr)
		return refuse(w->r, -ENODATA, w->btf->nr ? "no handler uses a variable" :
			      "the object has no types: build with clang -g");
	for (i = 0; i < p.nr; i++) {
		m = p.map[i];
		snprintf(w->section, sizeof(w->section), "%s", o->map_names[m]);
		w->place = at;
		w->bytes = span_of(state, at, o->maps[m].size);
		if (!w->bytes.data)
			return refuse(w->r, -EINVAL, "the state has %llu bytes, and the variables in %s end at %llu: it is of another object",
				      (unsigned long long)state.len, w->section,
				      (unsigned long long)(at + o->maps[m].size));
		if (!walk_section(w, e, elf_find(e, o->map_names[m])))
			return walk_refuse(w);
		at += ctv_align((u32)o->maps[m].size, CTV_PAGE);
	}
	return 0;
}

int object_state(const struct object *o, const u8 *state, size_t len, struct object_reader *r)
{
	struct elf e = { .buf = o->file, .len = o->file_len };
	struct walk w = { .r = r, .left = VALUES_MAX };
	struct btf b = { .at = NULL };
	int err = elf_parse(&e);

	r->types = 0;
	if (!err)
		err = btf_open(&b, &e);
	w.btf = &b;
	if (err)
		refuse(r, err, "%s", strerror(-err));
	else
		err = state_walk(o, &e, &w, (struct span){ state, len });
	free(b.at);
	elf_free(&e);
	return err;
}

/* ---- the same by types that were kept ---- */

/* The type that lists the variables of a section, 0 for none. */
static u32 section_type(const struct btf *b, const char *name)
{
	struct btf_type t;
	u32 id;

	for (id = 1; id <= b->nr; id++)
		if (btf_get(b, id, &t) && BTF_KIND(t.info) == BTF_DATASEC &&
		    !strncmp(btf_string(b, t.name), name, SECTION_NAME))
			return id;
	return 0;
}

static bool walk_variables(struct walk *w, u32 section)
{
	struct btf_type t, var;
	bool ok = true;
	u32 i, off;

	if (!btf_get(w->btf, section, &t))
		return false;
	for (i = 0; i < BTF_VLEN(t.info) && ok; i++) {
		if (!btf_get(w->btf, type_word(w->btf, section, 3ULL * i), &var) ||
		    BTF_KIND(var.info) != BTF_VAR)
			return false;
		off = type_word(w->btf, section, 3ULL * i + 1);
		walk_back(w, 0);
		walk_name(w, "%s", btf_string(w->btf, var.name));
		ok = walk_type(w, var.size, 8ULL * off, 0, DEPTH_MAX);
	}
	return ok;
}

static int sections_walk(struct walk *w, const struct object_section *s, u32 nr, struct span state)
{
	u32 i, id;

	for (i = 0; i < nr; i++) {
		snprintf(w->section, sizeof(w->section), "%.15s", s[i].name);
		w->place = s[i].offset;
		w->bytes = span_of(state, s[i].offset, s[i].bytes);
		id = section_type(w->btf, w->section);
		if (!id || !w->bytes.data)
			return refuse(w->r, -EINVAL, "%s is not in the %s", w->section,
				      id ? "state" : "types");
		if (!walk_variables(w, id))
			return walk_refuse(w);
	}
	return 0;
}

int object_state_btf(const void *btf, size_t btf_len, const struct object_section *sections, u32 nr,
		     const u8 *state, size_t len, struct object_reader *r)
{
	struct walk w = { .r = r, .left = VALUES_MAX };
	struct btf b;
	int err = btf_open_bytes(&b, (struct span){ btf, btf_len });

	r->types = 0;
	w.btf = &b;
	if (err)
		refuse(r, err, "%s", strerror(-err));
	else
		err = sections_walk(&w, sections, nr, (struct span){ state, len });
	free(b.at);
	return err;
}

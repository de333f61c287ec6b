// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * libcaretaker: state of handlers from one kernel to the next.
 *
 * The state of a set is what its global variables hold. It outlives the kernel in the Caretaker's
 * pages, as bytes. The VMM keeps a digest of its types beside them, made of the object's BTF, and
 * in the next kernel puts the bytes into an object that it loads, if that has the same types.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "carry.h"

#define DEPTH_MAX	32	/* of types within types */

__attribute__((format(printf, 4, 5)))
static int carry_refuse(char *log, size_t size, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (log && size)
		vsnprintf(log, size, fmt, ap);
	va_end(ap);
	return err;
}

/* FNV-1a */
static void digest_bytes(uint64_t *d, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	while (n--)
		*d = (*d ^ *p++) * 0x100000001b3ULL;
}

static void digest_number(uint64_t *d, uint64_t n)
{
	digest_bytes(d, &n, sizeof(n));
}

static void digest_name(uint64_t *d, const struct btf *btf, uint32_t off)
{
	const char *name = btf__name_by_offset(btf, off);

	digest_bytes(d, name ? name : "", name ? strlen(name) + 1 : 1);
}

/* Names of types and qualifiers make no difference to what the bytes mean. */
static const struct btf_type *type_plain(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t) || btf_is_type_tag(t)))
		t = btf__type_by_id(btf, t->type);
	return t;
}

static int digest_type(uint64_t *d, const struct btf *btf, uint32_t id, unsigned int depth);

static int digest_members(uint64_t *d, const struct btf *btf, const struct btf_type *t,
			  unsigned int depth)
{
	const struct btf_member *m = btf_members(t);
	unsigned int i;
	int err = 0;

	for (i = 0; i < btf_vlen(t) && !err; i++) {
		digest_name(d, btf, m[i].name_off);
		digest_number(d, btf_member_bit_offset(t, i));
		digest_number(d, btf_member_bitfield_size(t, i));
		err = digest_type(d, btf, m[i].type, depth);
	}
	return err;
}

/* What a pointer points to is not in the state. */
static int digest_type(uint64_t *d, const struct btf *btf, uint32_t id, unsigned int depth)
{
	const struct btf_type *t = type_plain(btf, id);

	if (!t || !depth)
		return -EINVAL;
	digest_number(d, btf_kind(t));
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
		digest_number(d, btf_int_encoding(t));
		digest_number(d, btf_int_bits(t));
		return 0;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_FLOAT:
		digest_number(d, t->size);
		return 0;
	case BTF_KIND_PTR:
		return 0;
	case BTF_KIND_ARRAY:
		digest_number(d, btf_array(t)->nelems);
		return digest_type(d, btf, btf_array(t)->type, depth - 1);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		digest_number(d, t->size);
		return digest_members(d, btf, t, depth - 1);
	}
	return -EINVAL;
}

static int digest_section(uint64_t *d, const struct btf *btf, const struct btf_type *sec)
{
	const struct btf_var_secinfo *v = btf_var_secinfos(sec);
	const struct btf_type *var;
	unsigned int i;
	int err = 0;

	*d = 0xcbf29ce484222325ULL;
	for (i = 0; i < btf_vlen(sec) && !err; i++) {
		var = btf__type_by_id(btf, v[i].type);
		if (!var || !btf_is_var(var))
			return -EINVAL;
		digest_name(d, btf, var->name_off);
		digest_number(d, v[i].offset);
		digest_number(d, v[i].size);
		err = digest_type(d, btf, var->type, DEPTH_MAX);
	}
	return err;
}

/* Sections of global variables that programs may write become maps of this kind. */
static bool map_is_state(const struct bpf_map *map)
{
	return bpf_map__is_internal(map) && bpf_map__type(map) == BPF_MAP_TYPE_ARRAY &&
	       (bpf_map__map_flags(map) & BPF_F_MMAPABLE) &&
	       !(bpf_map__map_flags(map) & BPF_F_RDONLY_PROG);
}

/* The order of several in the Caretaker's pages is not known here. */
static int state_map(struct bpf_object *obj, struct bpf_map **found, char *log, size_t size)
{
	struct bpf_map *map;

	*found = NULL;
	bpf_object__for_each_map(map, obj) {
		if (!map_is_state(map))
			continue;
		if (*found)
			return carry_refuse(log, size, -EOPNOTSUPP,
					    "state in %s and in %s: keep all of it in .bss",
					    bpf_map__name(*found), bpf_map__name(map));
		*found = map;
	}
	if (*found)
		return 0;
	return carry_refuse(log, size, -ENODATA, "the handlers have no state");
}

int carry_type(struct bpf_object *obj, struct caretaker_state_type *t, char *log, size_t size)
{
	const struct btf *btf = bpf_object__btf(obj);
	const struct btf_type *sec;
	struct bpf_map *map;
	int err;

	memset(t, 0, sizeof(*t));
	err = state_map(obj, &map, log, size);
	if (err)
		return err;
	sec = btf ? btf__type_by_id(btf, bpf_map__btf_value_type_id(map)) : NULL;
	if (!sec || !btf_is_datasec(sec) || digest_section(&t->types, btf, sec))
		return carry_refuse(log, size, -EINVAL,
				    "the types of %s are not known: build the object with -g",
				    bpf_map__name(map));
	t->size = sizeof(*t);
	t->version = CARETAKER_STATE_TYPE_VERSION;
	t->bytes = bpf_map__value_size(map);
	snprintf(t->section, sizeof(t->section), "%s", btf__name_by_offset(btf, sec->name_off));
	return 0;
}

static int type_compare(const struct caretaker_state_type *old,
			const struct caretaker_state_type *now, char *log, size_t size)
{
	if (old->size != sizeof(*old) || old->version != CARETAKER_STATE_TYPE_VERSION)
		return carry_refuse(log, size, -EINVAL,
				    "its types were noted by another version of the library");
	if (strncmp(old->section, now->section, sizeof(old->section)))
		return carry_refuse(log, size, -EINVAL, "it was in section %.15s, not in %.15s",
				    old->section, now->section);
	if (old->bytes != now->bytes)
		return carry_refuse(log, size, -EINVAL, "section %.15s had %llu bytes, now it has %llu",
				    old->section, (unsigned long long)old->bytes,
				    (unsigned long long)now->bytes);
	if (old->types != now->types)
		return carry_refuse(log, size, -EINVAL,
				    "the variables in section %.15s are other ones, or have other types",
				    old->section);
	return 0;
}

int carry_into(struct bpf_object *obj, const struct caretaker_state_type *old, const void *state,
	       size_t len, char *log, size_t size)
{
	struct caretaker_state_type now;
	struct bpf_map *map;
	size_t room;
	void *value;
	int err;

	err = carry_type(obj, &now, log, size);
	if (!err)
		err = type_compare(old, &now, log, size);
	if (!err && len < now.bytes)
		err = carry_refuse(log, size, -EINVAL, "%zu bytes of state were kept, %llu are needed",
				   len, (unsigned long long)now.bytes);
	if (!err)
		err = state_map(obj, &map, log, size);
	if (err)
		return err;
	value = bpf_map__initial_value(map, &room);
	if (!value || room < now.bytes)
		return carry_refuse(log, size, -EINVAL, "section %.15s cannot be written",
				    now.section);
	memcpy(value, state, now.bytes);
	return 0;
}

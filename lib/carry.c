// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * libcaretaker: state of handlers from one kernel to the next.
 *
 * The state of a set is what its global variables hold. It outlives the kernel in the Caretaker's
 * pages, as bytes. The VMM keeps a digest of its types beside them, made of the object's BTF, and
 * in the next kernel puts the bytes into an object that it loads, if that has the same types.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "carry.h"
#include "refuse.h"

#define DEPTH_MAX	32	/* of types within types */

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
bool carry_is_state(const struct bpf_map *map)
{
	return bpf_map__is_internal(map) && bpf_map__type(map) == BPF_MAP_TYPE_ARRAY &&
	       (bpf_map__map_flags(map) & BPF_F_MMAPABLE) &&
	       !(bpf_map__map_flags(map) & BPF_F_RDONLY_PROG);
}

/* The section of the object's BTF that a map is made of. */
const struct btf_type *carry_section(const struct bpf_object *obj, const struct bpf_map *map)
{
	const struct btf *btf = bpf_object__btf(obj);
	const struct btf_type *sec;

	sec = btf ? btf__type_by_id(btf, bpf_map__btf_value_type_id(map)) : NULL;
	return sec && btf_is_datasec(sec) ? sec : NULL;
}

static int section_type(struct bpf_object *obj, const struct bpf_map *map,
			struct caretaker_state_section *s, char *log, size_t size)
{
	const struct btf *btf = bpf_object__btf(obj);
	const struct btf_type *sec = carry_section(obj, map);

	if (!sec || digest_section(&s->types, btf, sec))
		return refuse(log, size, -EINVAL,
			      "the types of %s are not known: build the object with -g",
			      bpf_map__name(map));
	s->bytes = bpf_map__value_size(map);
	snprintf(s->name, sizeof(s->name), "%s", btf__name_by_offset(btf, sec->name_off));
	return 0;
}

int carry_type(struct bpf_object *obj, carry_place place, void *arg,
	       struct caretaker_state_type *t, char *log, size_t size)
{
	struct caretaker_state_section *s = t->section;
	struct bpf_map *map;
	uint64_t offset;
	int err;

	memset(t, 0, sizeof(*t));
	bpf_object__for_each_map(map, obj) {
		if (!carry_is_state(map) || place(arg, map, &offset))
			continue;
		if (s == t->section + CARETAKER_STATE_SECTIONS)
			return refuse(log, size, -E2BIG, "state in more than %u sections",
				      CARETAKER_STATE_SECTIONS);
		s->offset = offset;
		err = section_type(obj, map, s++, log, size);
		if (err)
			return err;
	}
	t->size = sizeof(*t);
	t->version = CARETAKER_STATE_TYPE_VERSION;
	t->nr = s - t->section;
	return t->nr ? 0 : refuse(log, size, -ENODATA, "the handlers have no state");
}

static int btf_read(uint32_t id, void **btf, size_t *len)
{
	struct bpf_btf_info info = { 0 };
	__u32 size = sizeof(info);
	int fd = bpf_btf_get_fd_by_id(id), err;

	if (fd < 0)
		return -errno;
	err = bpf_btf_get_info_by_fd(fd, &info, &size) ? -errno : 0;
	if (!err && info.btf_size > CARETAKER_BTF_MAX)
		err = -E2BIG;
	if (err)
		goto out;
	*len = info.btf_size;
	*btf = malloc(*len);
	info = (struct bpf_btf_info){ .btf = (uintptr_t)*btf, .btf_size = *len };
	size = sizeof(info);
	err = !*btf ? -ENOMEM : bpf_btf_get_info_by_fd(fd, &info, &size) ? -errno : 0;
	if (!err)
		goto out;
	free(*btf);
	*btf = NULL;
	*len = 0;
out:
	close(fd);
	return err;
}

/* What the kernel has, not the file. The programs of an object share it. */
int carry_btf(const struct bpf_object *obj, void **btf, size_t *len)
{
	struct bpf_program *p;

	*btf = NULL;
	*len = 0;
	bpf_object__for_each_program(p, obj) {
		struct bpf_prog_info info = { 0 };
		__u32 size = sizeof(info);

		if (bpf_program__fd(p) < 0 ||
		    bpf_prog_get_info_by_fd(bpf_program__fd(p), &info, &size) || !info.btf_id)
			continue;
		return btf_read(info.btf_id, btf, len);
	}
	return -ENOENT;
}

static const struct caretaker_state_section *
section_find(const struct caretaker_state_type *t, const char *name)
{
	uint32_t i;

	for (i = 0; i < t->nr; i++)
		if (!strncmp(t->section[i].name, name, sizeof(t->section[i].name)))
			return &t->section[i];
	return NULL;
}

static int section_compare(const struct caretaker_state_section *old,
			   const struct caretaker_state_section *now, char *log, size_t size)
{
	if (!old)
		return refuse(log, size, -EINVAL, "there was no section %.15s", now->name);
	if (old->bytes != now->bytes)
		return refuse(log, size, -EINVAL, "section %.15s had %llu bytes, now it has %llu",
			      old->name, (unsigned long long)old->bytes,
			      (unsigned long long)now->bytes);
	if (old->types != now->types)
		return refuse(log, size, -EINVAL,
			      "the variables in section %.15s are other ones, or have other types",
			      old->name);
	return 0;
}

static int type_compare(const struct caretaker_state_type *old,
			const struct caretaker_state_type *now, char *log, size_t size)
{
	uint32_t i;
	int err = 0;

	if (old->size != sizeof(*old) || old->version != CARETAKER_STATE_TYPE_VERSION ||
	    old->nr > CARETAKER_STATE_SECTIONS)
		return refuse(log, size, -EINVAL,
			      "its types were noted by another version of the library");
	for (i = 0; i < old->nr; i++)
		if (!section_find(now, old->section[i].name))
			return refuse(log, size, -EINVAL, "there is no section %.15s any more",
				      old->section[i].name);
	for (i = 0; i < now->nr && !err; i++)
		err = section_compare(section_find(old, now->section[i].name), &now->section[i],
				      log, size);
	return err;
}

/* Where the bytes of a section go, NULL when they cannot. */
static void *section_value(struct bpf_object *obj, const struct caretaker_state_section *now)
{
	const struct btf_type *sec;
	struct bpf_map *map;
	size_t room;
	void *value;

	bpf_object__for_each_map(map, obj) {
		sec = carry_is_state(map) ? carry_section(obj, map) : NULL;
		if (!sec || strncmp(btf__name_by_offset(bpf_object__btf(obj), sec->name_off),
				    now->name, sizeof(now->name) - 1))
			continue;
		value = bpf_map__initial_value(map, &room);
		return value && room >= now->bytes ? value : NULL;
	}
	return NULL;
}

static int section_check(struct bpf_object *obj, const struct caretaker_state_section *old,
			 size_t len, char *log, size_t size)
{
	if (old->offset > len || old->bytes > len - old->offset)
		return refuse(log, size, -EINVAL, "%zu bytes of state were kept, %llu are needed",
			      len, (unsigned long long)(old->offset + old->bytes));
	if (!section_value(obj, old))
		return refuse(log, size, -EINVAL, "section %.15s cannot be written",
			      old->name);
	return 0;
}

int carry_into(struct bpf_object *obj, carry_place place, void *arg,
	       const struct caretaker_state_type *old, const void *state, size_t len, char *log,
	       size_t size)
{
	const struct caretaker_state_section *s = old->section;
	struct caretaker_state_type now;
	uint32_t i;
	int err;

	err = carry_type(obj, place, arg, &now, log, size);
	if (!err)
		err = type_compare(old, &now, log, size);
	for (i = 0; !err && i < old->nr; i++)
		err = section_check(obj, &s[i], len, log, size);
	if (err)
		return err;
	for (i = 0; i < old->nr; i++)
		memcpy(section_value(obj, &s[i]), (const char *)state + s[i].offset, s[i].bytes);
	return 0;
}

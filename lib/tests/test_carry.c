// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* State goes into an object that has the same types, and into no other. KTAP; needs no kernel. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <bpf/libbpf.h>

#include "carry.h"

/* Objects that take the state of base, or the reason why they do not. */
static const struct carry_case {
	const char *name;
	int err;
	const char *why;
} cases[] = {
	{ "base", 0, "" },
	{ "same", 0, "" },
	{ "wider", -EINVAL, "bytes, now it has" },
	{ "renamed", -EINVAL, "other types" },
	{ "moved", -EINVAL, "other types" },
	{ "placed", -EINVAL, "other types" },
	{ "cut", -EINVAL, "other types" },
	{ "longer", -EINVAL, "bytes, now it has" },
	{ "other", -EINVAL, "other ones" },
	{ "data", -EINVAL, "no section .bss any more" },
	{ "both", -EINVAL, "there was no section .data" },
	{ "none", -ENODATA, "no state" },
	{ "plain", -ENODATA, "no state" },	/* without types libbpf makes no such map */
};

#define NR_CASES	(sizeof(cases) / sizeof(cases[0]))

static const char *dir;
static unsigned int nr, failed;
static char log[256];

static void result(bool ok, const char *what, const char *name)
{
	if (!ok)
		printf("# %s\n", log);
	failed += !ok;
	printf("%sok %u %s%s\n", ok ? "" : "not ", ++nr, what, name);
}

static struct bpf_object *open_one(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.bpf.o", dir, name);
	return bpf_object__open_file(path, NULL);
}

/* In place of the kernel's layout: each section on pages of its own, in the order of the maps. */
static int place(void *obj, const struct bpf_map *wanted, uint64_t *offset)
{
	const struct bpf_map *map = NULL;

	*offset = 0;
	while ((map = bpf_object__next_map(obj, map)) && map != wanted)
		if (carry_is_state(map))
			*offset += 4096;
	return 0;
}

/* As when no program uses it. */
static int place_none(void *obj, const struct bpf_map *wanted, uint64_t *offset)
{
	return -ENOENT;
}

static bool holds(struct bpf_object *obj, const unsigned char *state, size_t len)
{
	struct bpf_map *map;
	size_t size;
	void *value;

	bpf_object__for_each_map(map, obj) {
		value = bpf_map__initial_value(map, &size);
		if (value && size == len && !memcmp(value, state, len))
			return true;
	}
	return false;
}

static void one(const struct carry_case *c, const struct caretaker_state_type *type,
		const unsigned char *state)
{
	struct bpf_object *obj = open_one(c->name);
	int err;

	log[0] = 0;
	if (!obj) {
		result(false, "no object ", c->name);
		return;
	}
	err = carry_into(obj, place, obj, type, state, type->section[0].bytes, log,
			 sizeof(log));
	result(err == c->err && (c->err ? !!strstr(log, c->why) :
				 holds(obj, state, type->section[0].bytes)),
	       c->err ? "refused: state of other types, " : "carried: state of the same types, ",
	       c->name);
	bpf_object__close(obj);
}

/* What is wrong with the note or the bytes, not with the object. */
static void damaged(const struct caretaker_state_type *type, const unsigned char *state)
{
	struct bpf_object *obj = open_one("base");
	size_t len = type->section[0].bytes;
	struct caretaker_state_type t = *type;

	result(carry_into(obj, place, obj, type, state, len - 1, log, sizeof(log)) == -EINVAL &&
	       strstr(log, "bytes of state were kept") && !holds(obj, state, len),
	       "refused: too few bytes", "");
	t.section[0].offset = ~0ULL;
	result(carry_into(obj, place, obj, &t, state, len, log, sizeof(log)) == -EINVAL &&
	       strstr(log, "bytes of state were kept") && !holds(obj, state, len),
	       "refused: a place behind all state", "");
	t = *type;
	t.version++;
	result(carry_into(obj, place, obj, &t, state, len, log, sizeof(log)) == -EINVAL &&
	       strstr(log, "another version"), "refused: a note of another version", "");
	memset(&t, 0xff, sizeof(t));
	t.size = sizeof(t);
	t.version = CARETAKER_STATE_TYPE_VERSION;
	result(carry_into(obj, place, obj, &t, state, len, NULL, 0) == -EINVAL,
	       "refused: a note that is damaged", "");
	bpf_object__close(obj);
}

/* Each of two sections gets the bytes of its own place, and one of them alone is not enough. */
static void sections(const unsigned char *state)
{
	struct bpf_object *obj = open_one("both"), *base = open_one("base");
	struct caretaker_state_type t;
	const struct caretaker_state_section *s = t.section;
	bool ok;

	ok = !carry_type(obj, place, obj, &t, log, sizeof(log)) && t.nr == 2 &&
	     s[0].offset != s[1].offset;
	result(ok, "two sections are noted", "");
	result(ok && !carry_into(obj, place, obj, &t, state, s[1].offset + s[1].bytes, log,
				 sizeof(log)) &&
	       holds(obj, state + s[0].offset, s[0].bytes) &&
	       holds(obj, state + s[1].offset, s[1].bytes), "carried: two sections", "");
	result(ok && carry_into(base, place, base, &t, state, 2 * 4096, log,
				sizeof(log)) == -EINVAL &&
	       strstr(log, "no section .data any more"), "refused: a section is gone", "");
	result(carry_type(obj, place_none, obj, &t, log, sizeof(log)) == -ENODATA,
	       "a section that no program uses is no state", "");
	bpf_object__close(obj);
	bpf_object__close(base);
}

int main(int argc, char **argv)
{
	struct caretaker_state_type type;
	static unsigned char state[2 * 4096];
	struct bpf_object *base;
	unsigned int i;

	if (argc != 2)
		return 2;
	dir = argv[1];
	libbpf_set_print(NULL);
	printf("KTAP version 1\n1..%zu\n", NR_CASES + 9);
	for (i = 0; i < sizeof(state); i++)
		state[i] = (unsigned char)(i * 7 + i / 4096 + 1);
	base = open_one("base");
	result(base && !carry_type(base, place, base, &type, log, sizeof(log)) && type.nr == 1 &&
	       type.section[0].bytes < 4096 && !strcmp(type.section[0].name, ".bss"),
	       "the type of the state is noted", "");
	if (failed)
		return 1;
	for (i = 0; i < NR_CASES; i++)
		one(&cases[i], &type, state);
	damaged(&type, state);
	sections(state);
	bpf_object__close(base);
	return failed ? 1 : 0;
}

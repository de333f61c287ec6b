// SPDX-License-Identifier: GPL-2.0
/* Digest and types of a handler object, found without a kernel, as caretaker-verify does. */
#include "../../verifier-ext/user/object.h"
#include "digest.h"

int corpus_digest(const struct corpus_entry *e, unsigned char *digest)
{
	static struct object o;
	int err = object_open_mem(&o, e->start, (size_t)(e->end - e->start));

	if (!err)
		err = object_digest(&o, digest);
	object_close(&o);
	return err;
}

struct wanted {
	const char *name;
	unsigned long long *number;
};

/* Values that are zero do not come here. */
static void take(void *arg, const struct object_value *v)
{
	const struct wanted *w = arg;

	if (!strcmp(v->path, w->name))
		*w->number = v->number;
}

int corpus_state(const struct corpus_entry *e, const void *state, size_t len, const char *name,
		 unsigned long long *number)
{
	struct wanted w = { .name = name, .number = number };
	struct object_reader r = { .value = take, .arg = &w };
	static struct object o;
	int err = object_open_mem(&o, e->start, (size_t)(e->end - e->start));

	*number = 0;
	if (!err)
		err = object_state(&o, state, len, &r);
	object_close(&o);
	return err;
}

#define MAX_SECTIONS	4

int types_state(const void *btf, size_t btf_len, const struct types_section *sections,
		unsigned int nr, const void *state, size_t len, const char *name,
		unsigned long long *number)
{
	struct wanted w = { .name = name, .number = number };
	struct object_reader r = { .value = take, .arg = &w };
	struct object_section s[MAX_SECTIONS];
	unsigned int i;

	*number = 0;
	for (i = 0; i < nr && i < MAX_SECTIONS; i++) {
		snprintf(s[i].name, sizeof(s[i].name), "%s", sections[i].name);
		s[i].offset = sections[i].offset;
		s[i].bytes = sections[i].bytes;
	}
	return object_state_btf(btf, btf_len, s, i, state, len, &r);
}

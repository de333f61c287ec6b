// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Prints the state that handlers kept, by the types that are in the file, or by those of an object
 * that is named.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <caretaker.h>

#include "../lib/output.h"
#include "../lib/tool.h"
#include "verify.h"

/* More than all writable pages and scratch memory of a set */
#define STATE_BYTES	((OBJECT_PAGES + 1U) * CTV_PAGE)
/* and the types with it */
#define RECORD_BYTES	(STATE_BYTES + CARETAKER_BTF_MAX + 4096)

/* @path: object, NULL without one */
struct print {
	const char *path;
	bool json;
};

/* Its length, or a negative errno. */
static ssize_t state_read(const char *path, u8 *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = read(fd, buf + used, size - used);
		if (n > 0)
			used += (size_t)n;
	} while ((n > 0 && used < size) || (n < 0 && errno == EINTR));
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return n;
	return used == size ? -E2BIG : (ssize_t)used;
}

/* Names come from the file. */
static void print_plain(const char *s)
{
	for (; *s; s++)
		putchar(*s < ' ' || *s > '~' ? '?' : *s);
}

static void print_bytes(const u8 *bytes, u32 len)
{
	u32 i;

	putchar('"');
	for (i = 0; i < len; i++) {
		if (bytes[i] == '\n')
			printf("\\n");
		else if (bytes[i] == '"' || bytes[i] == '\\')
			printf("\\%c", bytes[i]);
		else if (bytes[i] < ' ' || bytes[i] > '~')
			printf("\\x%02x", bytes[i]);
		else
			putchar(bytes[i]);
	}
	putchar('"');
}

static void text_value(const struct object_value *v)
{
	printf("  ");
	print_plain(v->path);
	putchar(' ');
	if (v->bytes)
		print_bytes(v->bytes, v->len);
	else if (v->is_address)
		printf("%#llx", (unsigned long long)v->number);
	else if (v->is_signed)
		printf("%lld", (long long)v->number);
	else
		printf("%llu", (unsigned long long)v->number);
	if (v->name) {
		printf(" (");
		print_plain(v->name);
		putchar(')');
	}
	putchar('\n');
}

static void json_bytes(const u8 *bytes, u32 len)
{
	char *hex = malloc(2 * (size_t)len + 1);
	u32 i;

	if (!hex)
		return;
	for (i = 0; i < len; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02x", bytes[i]);
	json_string("bytes", hex);
	free(hex);
}

static void json_value(const char *path, const struct object_value *v)
{
	json_begin("value");
	if (path)
		json_string("object", path);
	json_string("section", v->section);
	json_string("variable", v->path);
	if (v->bytes)
		json_bytes(v->bytes, v->len);
	else if (v->is_signed && (s64)v->number < 0)
		json_real("value", (double)(s64)v->number);
	else
		json_number("value", v->number);
	if (v->name)
		json_string("name", v->name);
	json_end();
}

static void print_value(void *arg, const struct object_value *v)
{
	const struct print *p = arg;

	if (p->json)
		json_value(p->path, v);
	else
		text_value(v);
}

/* Values are not asked for, but what they are. */
static void print_nothing(void *arg, const struct object_value *v)
{
}

static int record_walk(const struct caretaker_state_record *rec, struct object_reader *r)
{
	struct object_section s[CARETAKER_STATE_SECTIONS];
	u32 i;

	for (i = 0; i < rec->type.nr; i++) {
		memcpy(s[i].name, rec->type.section[i].name, sizeof(s[i].name));
		s[i].offset = rec->type.section[i].offset;
		s[i].bytes = rec->type.section[i].bytes;
	}
	return object_state_btf(rec->btf, rec->btf_len, s, rec->type.nr, rec->state, rec->state_len,
				r);
}

/* Damaged types would print some values before they are noticed: all are looked at first. */
static int record_check(const char *file, const struct caretaker_state_record *rec,
			struct object_reader *r)
{
	int err = record_walk(rec, r);

	if (err)
		tool_err("--state %s: its types: %s", file, r->why);
	return err;
}

static int record_print(const struct verify_options *opts, const struct caretaker_state_record *rec)
{
	struct print p = { .json = opts->json };
	struct object_reader r = { .value = print_nothing };
	int err = record_check(opts->state, rec, &r);

	if (err)
		return err;
	if (!opts->json)
		printf("%s: %zu bytes, by the %zu bytes of types in it\n", opts->state,
		       rec->state_len, rec->btf_len);
	r.value = print_value;
	r.arg = &p;
	return record_walk(rec, &r);
}

/* The object's types may be others than those in the file. */
static int types_agree(const char *file, const char *path, const struct object *o,
		       const struct caretaker_state_record *rec)
{
	struct object_reader kept = { .value = print_nothing }, own = kept;
	int err = record_check(file, rec, &kept);

	if (err)
		return err;
	if (!object_state(o, rec->state, rec->state_len, &own) && own.types == kept.types)
		return 0;
	tool_err("%s: state %s: the variables in it are others than the object's, or have other places or types: name no object to print it by its own types",
		 path, file);
	return -EINVAL;
}

static int object_print(const struct verify_options *opts, const char *path, const struct object *o,
			const u8 *state, size_t len)
{
	struct print p = { .path = path, .json = opts->json };
	struct object_reader r = { .value = print_value, .arg = &p };
	int err = object_state(o, state, len, &r);

	if (err)
		tool_err("%s: state %s: %s", path, opts->state, r.why);
	return err;
}

static int state_too_long(const char *file)
{
	tool_err("--state %s: longer than any state: give what KVM_CARETAKER_GET_STATE gave, or what cvmm wrote",
		 file);
	return -E2BIG;
}

static int state_print(const struct verify_options *opts, const char *path, const struct object *o,
		       u8 *buf)
{
	ssize_t len = state_read(opts->state, buf, RECORD_BYTES);
	struct caretaker_state_record rec;
	char why[256];
	int err;

	if (len == -E2BIG)
		return state_too_long(opts->state);
	if (len < 0) {
		tool_err("--state %s: %s", opts->state, strerror((int)-len));
		return (int)len;
	}
	err = caretaker_state_unpack(buf, (size_t)len, &rec, why, sizeof(why));
	if (err == -ENOMSG && o)
		return len < (ssize_t)STATE_BYTES ? object_print(opts, path, o, buf, (size_t)len) :
			state_too_long(opts->state);
	if (err) {
		tool_err("--state %s: %s%s", opts->state, why, err == -ENOMSG ?
			 ": name the object that it is of" : "");
		return err;
	}
	if (!o)
		return record_print(opts, &rec);
	err = types_agree(opts->state, path, o, &rec);
	return err ? err : object_print(opts, path, o, rec.state, rec.state_len);
}

/**
 * report_state() - print what is in a file of state
 * @opts:	command line
 * @path:	file of the object, NULL: by the types in the file
 * @o:		object, which was accepted, or NULL
 *
 * Return: 0, or a negative errno after a message.
 */
int report_state(const struct verify_options *opts, const char *path, const struct object *o)
{
	u8 *buf = malloc(RECORD_BYTES);
	int err = -ENOMEM;

	if (buf)
		err = state_print(opts, path, o, buf);
	else
		tool_err("out of memory");
	free(buf);
	return err;
}

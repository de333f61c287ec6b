// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Prints the state that handlers kept, by the types of their object. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/output.h"
#include "../lib/tool.h"
#include "verify.h"

/* More than all writable pages and scratch memory of a set */
#define STATE_BYTES	((OBJECT_PAGES + 1U) * CTV_PAGE)

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

static int state_print(const struct verify_options *opts, const char *path, const struct object *o,
		       u8 *buf)
{
	struct print p = { .path = path, .json = opts->json };
	ssize_t len = state_read(opts->state, buf, STATE_BYTES);
	char why[256];
	int err;

	if (len < 0) {
		tool_err("--state %s: %s", opts->state, len == -E2BIG ?
			 "longer than any state: give what KVM_CARETAKER_GET_STATE gave" :
			 strerror((int)-len));
		return (int)len;
	}
	err = object_state(o, buf, (size_t)len, print_value, &p, why, sizeof(why));
	if (err)
		tool_err("%s: state %s: %s", path, opts->state, why);
	return err;
}

/**
 * report_state() - print what is in a file of state
 * @opts:	command line
 * @path:	file of the object
 * @o:		object, which was accepted
 *
 * Return: 0, or a negative errno after a message.
 */
int report_state(const struct verify_options *opts, const char *path, const struct object *o)
{
	u8 *buf = malloc(STATE_BYTES);
	int err = -ENOMEM;

	if (buf)
		err = state_print(opts, path, o, buf);
	else
		tool_err("out of memory");
	free(buf);
	return err;
}

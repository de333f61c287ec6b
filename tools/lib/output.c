// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Durations, tables and JSON. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

/**
 * tsc_to_ns() - time that a number of TSC cycles takes
 * @cycles:	cycles
 * @khz:	frequency of the TSC in kHz
 *
 * Return: nanoseconds; NS_NONE when the frequency is not known or the time is out of range.
 */
uint64_t tsc_to_ns(uint64_t cycles, uint32_t khz)
{
	unsigned __int128 ns;

	if (!khz)
		return NS_NONE;
	ns = (unsigned __int128)cycles * 1000000 / khz;
	return ns < NS_NONE ? (uint64_t)ns : NS_NONE;
}

/**
 * tsc_span() - time between two TSC stamps
 * @from:	earlier one, 0: not taken
 * @to:		later one, 0: not taken
 * @khz:	frequency of the TSC in kHz
 *
 * Return: nanoseconds; NS_NONE when a stamp is missing or they are the other way round.
 */
uint64_t tsc_span(uint64_t from, uint64_t to, uint32_t khz)
{
	if (!from || !to || to < from)
		return NS_NONE;
	return tsc_to_ns(to - from, khz);
}

/**
 * fmt_ns() - a duration for people
 * @ns:		nanoseconds or NS_NONE
 * @buf:	FMT_MAX bytes
 */
const char *fmt_ns(uint64_t ns, char *buf)
{
	if (ns == NS_NONE)
		return "-";
	if (ns < 1000)
		snprintf(buf, FMT_MAX, "%" PRIu64 " ns", ns);
	else if (ns < 1000000)
		snprintf(buf, FMT_MAX, "%.2f us", ns / 1e3);
	else if (ns < 1000000000)
		snprintf(buf, FMT_MAX, "%.2f ms", ns / 1e6);
	else
		snprintf(buf, FMT_MAX, "%.3f s", ns / 1e9);
	return buf;
}

/**
 * fmt_offset() - a point in time for people: seconds with all nanoseconds
 * @ns:		nanoseconds from the start, or NS_NONE
 * @buf:	FMT_MAX bytes
 */
const char *fmt_offset(uint64_t ns, char *buf)
{
	if (ns == NS_NONE)
		return "-";
	snprintf(buf, FMT_MAX, "%" PRIu64 ".%09" PRIu64, ns / 1000000000, ns % 1000000000);
	return buf;
}

/**
 * table_begin() - start a table
 * @t:		the table
 * @nr_cols:	columns
 * @left:	bit i: column i starts at the left
 * @...:	headings, const char *
 */
void table_begin(struct table *t, unsigned int nr_cols, unsigned int left, ...)
{
	unsigned int i;
	va_list ap;

	*t = (struct table){ .nr_cols = nr_cols, .left = left };
	va_start(ap, left);
	for (i = 0; i < nr_cols; i++)
		table_text(t, va_arg(ap, const char *));
	va_end(ap);
}

static void table_put(struct table *t, char *text)
{
	char **cells;
	size_t cap;

	if (!text || t->bad)
		goto err_free;
	if (t->nr == t->cap) {
		cap = t->cap ? 2 * t->cap : 256;
		cells = realloc(t->cells, cap * sizeof(*cells));
		if (!cells)
			goto err_free;
		t->cells = cells;
		t->cap = cap;
	}
	t->cells[t->nr++] = text;
	return;

err_free:
	free(text);
	t->bad = true;
}

/**
 * table_text() - next cell; what a terminal must not get becomes a question mark
 * @t:		the table
 * @text:	its text
 */
void table_text(struct table *t, const char *text)
{
	char *copy = strdup(text), *p;

	for (p = copy; p && *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
			*p = '?';
	table_put(t, copy);
}

/**
 * table_cell() - next cell
 * @t:		the table
 * @fmt:	its text in the form of printf()
 */
void table_cell(struct table *t, const char *fmt, ...)
{
	char buf[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	table_text(t, buf);
}

/**
 * table_number() - next cell
 * @t:		the table
 * @v:		its number
 */
void table_number(struct table *t, uint64_t v)
{
	table_cell(t, "%" PRIu64, v);
}

static int table_width(const struct table *t, unsigned int col)
{
	size_t i, width = 0;

	for (i = col; i < t->nr; i += t->nr_cols)
		if (strlen(t->cells[i]) > width)
			width = strlen(t->cells[i]);
	return width;
}

static void table_print_row(const struct table *t, char *const *row, const int *width,
			    unsigned int indent)
{
	unsigned int c;

	printf("%*s", (int)indent, "");
	for (c = 0; c < t->nr_cols; c++) {
		if (c)
			printf("  ");
		if (!(t->left & 1U << c))
			printf("%*s", width[c], row[c]);
		else if (c + 1 < t->nr_cols)
			printf("%-*s", width[c], row[c]);
		else
			printf("%s", row[c]);
	}
	putchar('\n');
}

/**
 * table_column() - one more column; before the first row
 * @t:		the table
 * @heading:	its heading
 */
void table_column(struct table *t, const char *heading)
{
	t->nr_cols++;
	table_text(t, heading);
}

/**
 * table_end() - print a table and free it
 * @t:		the table
 * @indent:	blanks before each row
 *
 * Return: false when memory ran out: nothing was printed, a message has told so.
 */
bool table_end(struct table *t, unsigned int indent)
{
	int width[32];
	unsigned int c;
	size_t i;

	for (c = 0; c < t->nr_cols; c++)
		width[c] = table_width(t, c);
	for (i = 0; !t->bad && i + t->nr_cols <= t->nr; i += t->nr_cols)
		table_print_row(t, t->cells + i, width, indent);
	for (i = 0; i < t->nr; i++)
		free(t->cells[i]);
	free(t->cells);
	if (t->bad)
		tool_err("printing a table: no memory");
	return !t->bad;
}

/* Objects of one type as CSV instead: a line of their keys before the first, then their values. */
static const char *csv_type;
static FILE *csv_keys, *csv_values;
static char *csv_keys_text, *csv_values_text;
static size_t csv_keys_len, csv_values_len;
static bool csv_begun, csv_skip;

/**
 * json_as_csv() - print objects of one type as CSV, and no others
 * @type:	the type; all its objects have the same keys
 *
 * Before the first object. What is nested is left out.
 *
 * Return: false when memory ran out, which a message has told.
 */
bool json_as_csv(const char *type)
{
	csv_keys = open_memstream(&csv_keys_text, &csv_keys_len);
	csv_values = open_memstream(&csv_values_text, &csv_values_len);
	if (csv_keys && csv_values) {
		csv_type = type;
		return true;
	}
	tool_err("printing CSV: no memory");
	return false;
}

/* What was longer once is in the text still. */
static void csv_line(FILE *f, char *const *text)
{
	long len = ftell(f);

	if (!fflush(f) && len >= 0)
		printf("%.*s\n", (int)len, *text);
}

void json_begin(const char *type)
{
	if (!csv_type) {
		printf("{\"type\":\"%s\"", type);
		return;
	}
	csv_skip = strcmp(type, csv_type);
	rewind(csv_keys);
	rewind(csv_values);
}

void json_end(void)
{
	if (!csv_type) {
		printf("}\n");
		return;
	}
	if (csv_skip)
		return;
	if (!csv_begun)
		csv_line(csv_keys, &csv_keys_text);
	csv_begun = true;
	csv_line(csv_values, &csv_values_text);
}

/* Where the value goes */
static FILE *json_key(const char *key)
{
	const char *comma;

	if (!csv_type) {
		printf(",\"%s\":", key);
		return stdout;
	}
	comma = ftell(csv_keys) > 0 ? "," : "";
	fprintf(csv_keys, "%s%s", comma, key);
	fputs(comma, csv_values);
	return csv_values;
}

/* Bytes above ASCII are taken as Latin-1: any input makes valid JSON. */
static void json_text(const char *s)
{
	unsigned char c;

	putchar('"');
	while ((c = *s++)) {
		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < ' ' || c > '~')
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

/* As RFC 4180 has it; what a terminal must not get becomes a question mark */
static void csv_text(const char *s, FILE *f)
{
	bool quoted = strpbrk(s, ",\"");

	if (quoted)
		putc('"', f);
	for (; *s; s++) {
		if (*s == '"')
			putc('"', f);
		putc(*s < ' ' || *s > '~' ? '?' : *s, f);
	}
	if (quoted)
		putc('"', f);
}

/* @value: NULL becomes null */
void json_string(const char *key, const char *value)
{
	FILE *f = json_key(key);

	if (csv_type)
		csv_text(value ? value : "", f);
	else if (value)
		json_text(value);
	else
		printf("null");
}

void json_number(const char *key, uint64_t value)
{
	fprintf(json_key(key), "%" PRIu64, value);
}

void json_signed(const char *key, int64_t value)
{
	fprintf(json_key(key), "%" PRId64, value);
}

/* NS_NONE becomes null */
void json_ns(const char *key, uint64_t ns)
{
	if (ns == NS_NONE)
		json_null(key);
	else
		json_number(key, ns);
}

/* As a string: JSON readers lose bits of large numbers. */
void json_hex(const char *key, uint64_t value, int digits)
{
	fprintf(json_key(key), csv_type ? "%0*" PRIx64 : "\"%0*" PRIx64 "\"", digits, value);
}

void json_bool(const char *key, bool value)
{
	fputs(value ? "true" : "false", json_key(key));
}

/* In CSV nothing stands between the commas. */
void json_null(const char *key)
{
	fputs(csv_type ? "" : "null", json_key(key));
}

void json_real(const char *key, double value)
{
	fprintf(json_key(key), "%.3f", value);
}

/**
 * json_array() - begin a field that holds objects, which the caller prints
 * @key:	its key
 *
 * Return: false when it is left out.
 */
bool json_array(const char *key)
{
	if (csv_type)
		return false;
	json_key(key);
	return true;
}

/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* Output: durations, tables for people, JSON for programs. */
#ifndef CTOOLS_OUTPUT_H
#define CTOOLS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tool.h"

#define FMT_MAX	24

/* A time that is not known */
#define NS_NONE	UINT64_MAX

uint64_t tsc_to_ns(uint64_t cycles, uint32_t khz);
uint64_t tsc_span(uint64_t from, uint64_t to, uint32_t khz);
const char *fmt_ns(uint64_t ns, char *buf);
const char *fmt_offset(uint64_t ns, char *buf);

/**
 * struct table - cells that are printed in columns as wide as they need to be
 * @nr_cols:	columns
 * @left:	bit i: column i starts at the left, the others end at the right
 * @cells:	texts of all cells, row by row; the first row is the heading
 * @nr:		cells
 * @cap:	room in @cells
 * @bad:	no memory: nothing is printed
 */
struct table {
	unsigned int nr_cols;
	unsigned int left;
	char **cells;
	size_t nr;
	size_t cap;
	bool bad;
};

void table_begin(struct table *t, unsigned int nr_cols, unsigned int left, ...);
void table_column(struct table *t, const char *heading);
void table_text(struct table *t, const char *text);
TOOL_PRINTF(2, 3) void table_cell(struct table *t, const char *fmt, ...);
void table_number(struct table *t, uint64_t v);
bool table_end(struct table *t, unsigned int indent);

/* One JSON object per line: json_begin(), fields, json_end(). */
bool json_as_csv(const char *type);
void json_begin(const char *type);
void json_end(void);
void json_string(const char *key, const char *value);
void json_number(const char *key, uint64_t value);
void json_ns(const char *key, uint64_t ns);
void json_hex(const char *key, uint64_t value, int digits);
void json_bool(const char *key, bool value);
void json_null(const char *key);
void json_real(const char *key, double value);
void json_signed(const char *key, int64_t value);
bool json_array(const char *key);

#endif /* CTOOLS_OUTPUT_H */

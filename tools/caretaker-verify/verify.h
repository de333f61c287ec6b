/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
#ifndef VERIFY_H
#define VERIFY_H

#include <stdbool.h>

#include "user/object.h"

/**
 * struct verify_options - what the command line says
 * @budget:	cost that one call may have, 0 for the kernel's default
 * @json:	NDJSON
 * @rules:	list the rules and stop
 * @state:	file with state to be printed, NULL for none
 */
struct verify_options {
	long budget;
	bool json;
	bool rules;
	const char *state;
};

void report_begin(const struct verify_options *opts);
void report_object(const struct verify_options *opts, const char *path, const struct object *o,
		   int err);
int report_state(const struct verify_options *opts, const char *path, const struct object *o);
void report_rules(const struct verify_options *opts);

#endif /* VERIFY_H */

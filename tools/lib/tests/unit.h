/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* What the unit tests of the tools' library share. */
#ifndef CTOOLS_UNIT_H
#define CTOOLS_UNIT_H

#include <stdbool.h>
#include <stdio.h>

#include "tool.h"

#define CHECK(cond)							\
	do {								\
		if (!(cond)) {						\
			printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #cond);	\
			return false;					\
		}							\
	} while (0)

/**
 * struct unit_case - a test
 * @name:	its name
 * @run:	returns false, after a diagnostic, when it fails
 */
struct unit_case {
	const char *name;
	bool (*run)(void);
};

#define CASE(f) { #f, f }

/* Runs them and prints KTAP. Return: the exit status. */
static inline int unit_run(const struct unit_case *cases, size_t nr)
{
	size_t i, failed = 0;
	bool ok;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* The messages of refusals are expected: make them diagnostics */
	tool_name = "# message";
	printf("KTAP version 1\n1..%zu\n", nr);
	for (i = 0; i < nr; i++) {
		ok = cases[i].run();
		failed += !ok;
		printf("%sok %zu %s\n", ok ? "" : "not ", i + 1, cases[i].name);
	}
	return failed != 0;
}

#endif /* CTOOLS_UNIT_H */

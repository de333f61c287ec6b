/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KTAP output for tests that are a table of cases.
 *
 * A case is a function that returns KTAP_PASS, KTAP_FAIL or KTAP_SKIP. CHECK() leaves it at the
 * first thing that is wrong, and says what.
 */
#ifndef SELFTESTS_KTAP_H
#define SELFTESTS_KTAP_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum ktap_result {
	KTAP_PASS,
	KTAP_FAIL,
	KTAP_SKIP,
};

/* Exit status of a test program, as in kselftest */
#define KTAP_EXIT_PASS	0
#define KTAP_EXIT_FAIL	1
#define KTAP_EXIT_SKIP	4

/**
 * struct ktap_case - one line of a table of tests
 * @name:	its name
 * @run:	the test
 * @needed:	when it fails, the cases after it fail, too, without being run
 */
struct ktap_case {
	const char *name;
	enum ktap_result (*run)(void);
	bool needed;
};

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Leaves the case as failed. The text follows the form of printf(). */
#define CHECK(cond, ...)						\
	do {								\
		if (!(cond)) {						\
			ktap_diag_at(__FILE__, __LINE__, #cond);	\
			ktap_diag(__VA_ARGS__);				\
			return KTAP_FAIL;				\
		}							\
	} while (0)

/* Leaves the case as skipped, with a reason. */
#define SKIP(...)							\
	do {								\
		ktap_skip_reason(__VA_ARGS__);				\
		return KTAP_SKIP;					\
	} while (0)

#define KTAP_PRINTF(a, b) __attribute__((format(printf, a, b)))

KTAP_PRINTF(1, 2) void ktap_diag(const char *fmt, ...);
void ktap_diag_at(const char *file, int line, const char *cond);
KTAP_PRINTF(1, 2) void ktap_skip_reason(const char *fmt, ...);

/* For tests that make their own names: plan, then one result per case, then the exit status. */
void ktap_plan(unsigned int n);
KTAP_PRINTF(2, 3) void ktap_result(enum ktap_result res, const char *fmt, ...);
int ktap_finish(void);

/* All of a table: prints everything, returns the exit status. @secs: time limit per case. */
int ktap_run(const struct ktap_case *cases, unsigned int n, unsigned int secs);
/* As ktap_run(), but every case is skipped for one reason. */
int ktap_skip_all(const struct ktap_case *cases, unsigned int n, const char *reason);

#ifdef __cplusplus
}
#endif

#endif /* SELFTESTS_KTAP_H */

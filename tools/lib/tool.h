/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* What ctop and ctrace have in common: exit statuses, messages, the option table. */
#ifndef CTOOLS_TOOL_H
#define CTOOLS_TOOL_H

#include <stdbool.h>
#include <stddef.h>

#define TOOL_VERSION	"0.1"
/*
 * Of all JSON that the tools write; a reader may rely on the fields of a schema, to which others
 * may be added. 2 has all fields of 1, times of exits, the time ledger, and the row that exit
 * reasons share.
 */
#define TOOL_SCHEMA	2

#define TOOL_NELEM(a)	(sizeof(a) / sizeof((a)[0]))
#define TOOL_PRINTF(a, b) __attribute__((format(printf, a, b)))

/**
 * enum tool_status - exit statuses, as the man pages say
 * @TOOL_OK:		all of it was done
 * @TOOL_FAILED:	run-time failure, unreadable or damaged data among it
 * @TOOL_USAGE:		wrong usage
 * @TOOL_PERM:		not permitted; the message names what is missing
 * @TOOL_NODATA:	not supported here, or no data; the message says what to do
 * @TOOL_LOST:		all of it was done, but data was lost; only with --strict
 */
enum tool_status {
	TOOL_OK		= 0,
	TOOL_FAILED	= 1,
	TOOL_USAGE	= 2,
	TOOL_PERM	= 3,
	TOOL_NODATA	= 4,
	TOOL_LOST	= 5,
};

enum opt_type {
	OPT_FLAG,	/* bool */
	OPT_STRING,	/* const char * */
	OPT_NUMBER,	/* long, at least @min */
	OPT_SECONDS,	/* double, more than 0 and at most OPT_SECONDS_MAX */
};

#define OPT_SECONDS_MAX	86400.0

/**
 * struct opt - one line of a table of options; help and checks come from it
 * @letter:	short name, or a value above 255 for none
 * @name:	long name
 * @arg:	name of the argument for the help, NULL for none
 * @type:	what @to points at
 * @to:		where the value goes
 * @min:	least value of OPT_NUMBER
 * @help:	one line
 */
struct opt {
	int letter;
	const char *name;
	const char *arg;
	enum opt_type type;
	void *to;
	long min;
	const char *help;
};

/**
 * struct opt_usage - the rest of the help
 * @line:	what follows "usage: "
 * @what:	what the command does
 * @examples:	examples and exit statuses
 * @words:	words may follow the options: argv[optind] is the first one
 */
struct opt_usage {
	const char *line;
	const char *what;
	const char *examples;
	bool words;
};

extern const char *tool_name;

/* Exit statuses for the end of a help text */
extern const char tool_status_help[];

TOOL_PRINTF(1, 2) void tool_err(const char *fmt, ...);
void tool_err_hold(bool hold);
const char *tool_err_held(void);
void tool_err_forget(void);
unsigned long long tool_caps(void);
bool tool_flush(void);
enum tool_status tool_done(enum tool_status status);

int opt_parse(int argc, char **argv, const struct opt *opts, size_t nr,
	      const struct opt_usage *usage);
void opt_help(const struct opt *opts, size_t nr, const struct opt_usage *usage);

#endif /* CTOOLS_TOOL_H */

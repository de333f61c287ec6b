// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Messages and the option table. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define OPT_MAX	32

const char *tool_name = "ctools";

const char tool_status_help[] =
	"Exit status: 0 done, 1 failure or damaged data, 2 wrong usage, 3 not permitted,\n"
	"4 not supported here or no data, 5 with --strict: done, but data was lost.\n";

/* While something else has the terminal: the last message, and whether to keep it here */
static bool err_hold;
static char err_held[256];

/* Why output did not get out: the first reason */
static int out_errno;

/**
 * tool_flush() - what was printed goes out
 *
 * Return: false when it does not; tool_done() tells why.
 */
bool tool_flush(void)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return true;
	if (!out_errno)
		out_errno = errno;
	return false;
}

/**
 * tool_err() - message to standard error, with the tool's name before it
 * @fmt:	object, action, reason and remedy, without a new line
 */
void tool_err(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (err_hold) {
		vsnprintf(err_held, sizeof(err_held), fmt, ap);
	} else {
		tool_flush();
		fprintf(stderr, "%s: ", tool_name);
		vfprintf(stderr, fmt, ap);
		fputc('\n', stderr);
	}
	va_end(ap);
}

/**
 * tool_err_hold() - keep messages instead of printing them, or print them again
 * @hold:	keep them; only the last one is kept
 */
void tool_err_hold(bool hold)
{
	err_hold = hold;
}

/* Return: the last message that was kept, empty for none */
const char *tool_err_held(void)
{
	return err_held;
}

void tool_err_forget(void)
{
	err_held[0] = '\0';
}

/**
 * tool_done() - the end of a tool: output that did not get out is a failure
 * @status:	exit status so far
 *
 * Return: the exit status.
 */
enum tool_status tool_done(enum tool_status status)
{
	bool bad = !tool_flush();

	errno = 0;
	if (!fclose(stdout) && !bad)
		return status;
	if (!out_errno)
		out_errno = errno;
	fprintf(stderr, "%s: writing the output: %s\n", tool_name,
		out_errno ? strerror(out_errno) : "failed");
	return status == TOOL_OK ? TOOL_FAILED : status;
}

static void opt_print(const struct opt *o)
{
	char left[64];
	int n = 0;

	if (o->letter < 256)
		n = snprintf(left, sizeof(left), "-%c, --%s", o->letter, o->name);
	else
		n = snprintf(left, sizeof(left), "    --%s", o->name);
	if (o->arg && n < (int)sizeof(left))
		snprintf(left + n, sizeof(left) - n, " %s", o->arg);
	printf("  %-22s %s\n", left, o->help);
}

/**
 * opt_help() - print the help to standard output
 * @opts:	table of options
 * @nr:		its lines
 * @usage:	the rest
 */
void opt_help(const struct opt *opts, size_t nr, const struct opt_usage *usage)
{
	size_t i;

	printf("usage: %s\n\n%s\n", usage->line, usage->what);
	for (i = 0; i < nr; i++)
		opt_print(&opts[i]);
	printf("  %-22s %s\n  %-22s %s\n", "-V, --version", "version, and stop", "-h, --help",
	       "this text, and stop");
	printf("\n%s\n%s", usage->examples, tool_status_help);
}

static int opt_bad(const struct opt *o, const char *arg, const char *want)
{
	tool_err("--%s %s: not %s", o->name, arg, want);
	return TOOL_USAGE;
}

static int opt_number(const struct opt *o, const char *arg)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(arg, &end, 10);
	if (errno || end == arg || *end)
		return opt_bad(o, arg, "a number");
	if (v < o->min) {
		tool_err("--%s %s: too small, the least is %ld", o->name, arg, o->min);
		return TOOL_USAGE;
	}
	*(long *)o->to = v;
	return -1;
}

static int opt_seconds(const struct opt *o, const char *arg)
{
	char *end;
	double v;

	v = strtod(arg, &end);
	/* The negation also catches NaN. */
	if (end == arg || *end || !(v > 0 && v <= OPT_SECONDS_MAX))
		return opt_bad(o, arg, "a number of seconds between 0 and 86400");
	*(double *)o->to = v;
	return -1;
}

static int opt_take(const struct opt *o, const char *arg)
{
	switch (o->type) {
	case OPT_FLAG:
		*(bool *)o->to = true;
		return -1;
	case OPT_STRING:
		*(const char **)o->to = arg;
		return -1;
	case OPT_NUMBER:
		return opt_number(o, arg);
	case OPT_SECONDS:
		return opt_seconds(o, arg);
	}
	return TOOL_FAILED;
}

static const struct opt *opt_find(const struct opt *opts, size_t nr, int letter)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (opts[i].letter == letter)
			return &opts[i];
	return NULL;
}

/* Both forms that getopt_long() wants */
static void opt_forms(const struct opt *opts, size_t nr, char *letters, struct option *names)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		names[i] = (struct option){
			.name = opts[i].name,
			.has_arg = opts[i].arg ? required_argument : no_argument,
			.val = opts[i].letter,
		};
		if (opts[i].letter > 255)
			continue;
		*letters++ = opts[i].letter;
		if (opts[i].arg)
			*letters++ = ':';
	}
	names[i++] = (struct option){ "version", no_argument, NULL, 'V' };
	names[i++] = (struct option){ "help", no_argument, NULL, 'h' };
	names[i] = (struct option){ 0 };
	strcpy(letters, "Vh");
}

static int opt_usage_error(const struct opt_usage *usage)
{
	fprintf(stderr, "usage: %s\n%s -h tells more\n", usage->line, tool_name);
	return TOOL_USAGE;
}

/**
 * opt_parse() - take the options of a command line
 * @argc:	words
 * @argv:	words; the first one is not looked at
 * @opts:	table of options
 * @nr:		its lines, at most OPT_MAX
 * @usage:	for the help
 *
 * Return: -1 to go on, else the exit status: help or version was asked for, or wrong usage.
 */
int opt_parse(int argc, char **argv, const struct opt *opts, size_t nr,
	      const struct opt_usage *usage)
{
	struct option names[OPT_MAX + 3];
	char letters[2 * OPT_MAX + 3];
	int c, r;

	if (nr > OPT_MAX)
		return TOOL_FAILED;
	opt_forms(opts, nr, letters, names);
	optind = 0;
	while ((c = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		if (c == '?')
			return opt_usage_error(usage);
		if (c == 'h') {
			opt_help(opts, nr, usage);
			return TOOL_OK;
		}
		if (c == 'V') {
			printf("%s %s\n", tool_name, TOOL_VERSION);
			return TOOL_OK;
		}
		r = opt_take(opt_find(opts, nr, c), optarg);
		if (r >= 0)
			return r;
	}
	if (optind == argc || usage->words)
		return -1;
	tool_err("%s: there is nothing that takes this word", argv[optind]);
	return opt_usage_error(usage);
}

/* Effective capabilities of this process, all when /proc does not tell */
unsigned long long tool_caps(void)
{
	unsigned long long caps = ~0ULL;
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "CapEff:", 7))
			caps = strtoull(line + 7, NULL, 16);
	if (f)
		fclose(f);
	return caps;
}

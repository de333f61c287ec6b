// SPDX-License-Identifier: GPL-2.0
/* KTAP output for tests that are a table of cases. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"

static unsigned int ktap_planned, ktap_done, ktap_failed, ktap_skipped;
static const char *ktap_current;
static char ktap_reason[256];

void ktap_diag(const char *fmt, ...)
{
	char buf[1024], *line, *save = NULL;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		printf("# %s\n", line);
	fflush(stdout);
}

void ktap_diag_at(const char *file, int line, const char *cond)
{
	const char *base = strrchr(file, '/');

	ktap_diag("%s:%d: not true: %s", base ? base + 1 : file, line, cond);
}

void ktap_skip_reason(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ktap_reason, sizeof(ktap_reason), fmt, ap);
	va_end(ap);
}

void ktap_plan(unsigned int n)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	ktap_planned = n;
	printf("KTAP version 1\n1..%u\n", n);
	fflush(stdout);
}

void ktap_result(enum ktap_result res, const char *fmt, ...)
{
	char name[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	ktap_done++;
	printf("%sok %u %s", res == KTAP_FAIL ? "not " : "", ktap_done, name);
	if (res == KTAP_SKIP)
		printf(" # SKIP %s", ktap_reason[0] ? ktap_reason : "no reason given");
	printf("\n");
	fflush(stdout);
	ktap_failed += res == KTAP_FAIL;
	ktap_skipped += res == KTAP_SKIP;
	ktap_reason[0] = '\0';
}

int ktap_finish(void)
{
	printf("# Totals: pass:%u fail:%u skip:%u\n", ktap_done - ktap_failed - ktap_skipped,
	       ktap_failed, ktap_skipped);
	fflush(stdout);
	if (ktap_failed || ktap_done != ktap_planned)
		return KTAP_EXIT_FAIL;
	return ktap_skipped == ktap_done ? KTAP_EXIT_SKIP : KTAP_EXIT_PASS;
}

/* The rest of the table cannot be trusted after a hang: end here, the plan tells what is missing */
static void ktap_timeout(int sig)
{
	static const char msg[] = "# the time limit of this case is over\n";
	char line[320];
	int len;

	(void)sig;
	len = snprintf(line, sizeof(line), "not ok %u %s\n", ktap_done + 1, ktap_current);
	if (write(STDOUT_FILENO, msg, sizeof(msg) - 1) < 0 || write(STDOUT_FILENO, line, len) < 0)
		_exit(KTAP_EXIT_FAIL);
	_exit(KTAP_EXIT_FAIL);
}

int ktap_run(const struct ktap_case *cases, unsigned int n, unsigned int secs)
{
	struct sigaction sa = { .sa_handler = ktap_timeout };
	enum ktap_result res;
	bool lost = false;
	unsigned int i;

	sigaction(SIGALRM, &sa, NULL);
	ktap_plan(n);
	for (i = 0; i < n; i++) {
		ktap_current = cases[i].name;
		alarm(secs);
		res = lost ? KTAP_FAIL : cases[i].run();
		alarm(0);
		if (lost)
			ktap_diag("not run: a case before it is needed for it");
		lost |= cases[i].needed && res == KTAP_FAIL;
		ktap_result(res, "%s", cases[i].name);
	}
	return ktap_finish();
}

int ktap_skip_all(const struct ktap_case *cases, unsigned int n, const char *reason)
{
	unsigned int i;

	ktap_plan(n);
	for (i = 0; i < n; i++) {
		ktap_skip_reason("%s", reason);
		ktap_result(KTAP_SKIP, "%s", cases[i].name);
	}
	return ktap_finish();
}

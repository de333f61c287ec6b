// SPDX-License-Identifier: GPL-2.0
/* KTAP on stdout. */
#include "test.h"

static unsigned int nr, failed;

void test_result(bool ok, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %u ", ok ? "" : "not ", ++nr);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	failed += !ok;
}

void test_skip(const char *name, const char *fmt, ...)
{
	va_list ap;

	printf("ok %u %s # SKIP ", ++nr, name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void test_note(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

int test_finish(void)
{
	printf("1..%u\n", nr);
	return failed ? 1 : 0;
}

// SPDX-License-Identifier: GPL-2.0
/* usage: ctv_test [-n RANDOM_PROGRAMS] [-s SEED] [OBJECT...], KTAP on stdout */
#include <unistd.h>

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

int main(int argc, char **argv)
{
	unsigned long count = 20000;
	u64 seed = 1;
	int opt;

	while ((opt = getopt(argc, argv, "n:s:")) != -1) {
		if (opt == 'n')
			count = strtoul(optarg, NULL, 0);
		else if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	setlinebuf(stdout);
	puts("KTAP version 1");
	test_vectors();
	test_pairs();
	test_refusals();
	test_checker();
	test_random(count, seed);
	test_objects(argc - optind, argv + optind);
	test_uart(argc - optind, argv + optind);
	printf("1..%u\n", nr);
	return failed ? 1 : 0;
}

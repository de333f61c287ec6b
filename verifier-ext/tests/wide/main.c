// SPDX-License-Identifier: GPL-2.0
/*
 * usage: ctv_wide [-c CONFORMANCE_CASES], KTAP on stdout
 *
 * The compiler against results that others worked out. It is built with limits of length, and a
 * range of addresses, that leave no such program out.
 */
#include <unistd.h>

#include "test.h"

/* Each step is a signal */
#define STEP_MAX	100

int main(int argc, char **argv)
{
	const char *cases = NULL;
	int opt;

	while ((opt = getopt(argc, argv, "c:")) != -1) {
		if (opt != 'c')
			return 2;
		cases = optarg;
	}
	setlinebuf(stdout);
	puts("KTAP version 1");
	run_step_every = 1;
	run_step_max = STEP_MAX;
	test_conformance(cases);
	test_kernel_vectors();
	test_note("%lu programs single-stepped, %lu instructions of the processor", run_stepped,
		  run_steps);
	return test_finish();
}

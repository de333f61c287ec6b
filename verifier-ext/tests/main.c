// SPDX-License-Identifier: GPL-2.0
/* usage: ctv_test [-n RANDOM_PROGRAMS] [-s SEED] [OBJECT...], KTAP on stdout */
#include <unistd.h>

#include "test.h"

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
	run_step_every = 1;
	test_vectors();
	test_note("%lu programs single-stepped, %lu instructions of the processor", run_stepped,
		  run_steps);
	run_step_every = 0;
	test_pairs();
	test_refusals();
	test_checker();
	test_kfunc_calls();
	test_random(count, seed);
	test_objects(argc - optind, argv + optind);
	test_digests(argc - optind, argv + optind);
	test_uart(argc - optind, argv + optind);
	test_handlers(argc - optind, argv + optind);
	test_timed(argc - optind, argv + optind);
	return test_finish();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * usage: ctv_test [-r] [-n RANDOM_PROGRAMS] [-s SEED] [-f FIRST] [-k EVERY] [-p SECS] [OBJECT...]
 *
 * KTAP on stdout. -r: random programs alone; -f: the number of the first one; -k: single-step every
 * so many-th of them, and of those written down the most, 0: none; -p: a line now and then, how
 * far it is.
 */
#include <unistd.h>

#include "test.h"

static void test_checked_in(bool step)
{
	run_step_every = step;
	test_vectors();
	run_step_every = step ? 500 : 0;
	test_pairs();
	run_step_every = step;
	test_refusals();
	test_checker();
	test_kfunc_calls();
	test_ahead();
	test_note("%lu programs single-stepped, %lu instructions of the processor", run_stepped,
		  run_steps);
}

static void test_given(int nr, char **paths)
{
	test_objects(nr, paths);
	test_digests(nr, paths);
	test_uart(nr, paths);
	test_handlers(nr, paths);
	test_timed(nr, paths);
	test_shared(nr, paths);
}

int main(int argc, char **argv)
{
	struct random_opts opts = { .count = 20000, .seed = 1 };
	unsigned int every = 500;
	bool random = false;
	int opt;

	while ((opt = getopt(argc, argv, "rn:s:f:k:p:")) != -1) {
		switch (opt) {
		case 'r':
			random = true;
			break;
		case 'n':
			opts.count = strtoul(optarg, NULL, 0);
			break;
		case 's':
			opts.seed = strtoull(optarg, NULL, 0);
			break;
		case 'f':
			opts.first = strtoul(optarg, NULL, 0);
			break;
		case 'k':
			every = (unsigned int)strtoul(optarg, NULL, 0);
			break;
		case 'p':
			opts.progress = (unsigned int)strtoul(optarg, NULL, 0);
			break;
		default:
			return 2;
		}
	}
	setlinebuf(stdout);
	puts("KTAP version 1");
	if (!random)
		test_checked_in(every);
	run_step_every = every;
	test_random(&opts);
	run_step_every = 0;
	if (!random)
		test_given(argc - optind, argv + optind);
	return test_finish();
}

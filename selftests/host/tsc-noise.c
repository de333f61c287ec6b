// SPDX-License-Identifier: GPL-2.0
/*
 * How long a program that does nothing but read the TSC does not get to run: what a pause that is
 * measured on this machine contains in any case. One line for its CPU.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

int main(int argc, char **argv)
{
	uint64_t khz, end, last, now, longest = 0;
	unsigned int over_ms = 0;
	cpu_set_t set;

	if (argc != 4) {
		fprintf(stderr, "usage: tsc-noise CPU SECONDS TSC-KHZ\n");
		return 2;
	}
	CPU_ZERO(&set);
	CPU_SET(atoi(argv[1]), &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		perror("tsc-noise: that CPU");
		return 1;
	}
	khz = strtoull(argv[3], NULL, 10);
	last = __rdtsc();
	end = last + strtoull(argv[2], NULL, 10) * khz * 1000;
	for (; last < end; last = now) {
		now = __rdtsc();
		if (now - last > longest)
			longest = now - last;
		over_ms += now - last > khz;
	}
	printf("CPU %s: longest distance of two TSC readings %.3f ms, %u longer than 1 ms\n",
	       argv[1], (double)longest / khz, over_ms);
	return 0;
}

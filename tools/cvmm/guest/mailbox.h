/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * The mailbox: guest memory at the end of RAM that the guest's e820 map calls reserved. The
 * workload in the guest writes it through /dev/mem, cvmm and the demo read it. It is ordinary
 * guest memory: it stays where it is while the host's kernel is replaced.
 */
#ifndef CVMM_GUEST_MAILBOX_H
#define CVMM_GUEST_MAILBOX_H

#include <stdint.h>

#define MAILBOX_BYTES	(2u << 20)
#define MAILBOX_MAGIC	0x584f424cu	/* "LBOX" */
#define MAILBOX_VERSION	2

#define MAILBOX_NR_HIST	256
#define MAILBOX_NR_RING	24576
#define MAILBOX_NR_CPUS	16	/* further ones are not recorded */
#define MAILBOX_NR_CPU_RING 4096

/* mailbox.command */
#define MAILBOX_GO	0	/* carry on */
#define MAILBOX_END	1	/* print the results and power off */

/**
 * struct mailbox_slice - what happened in one slice of time
 * @tsc:	guest TSC at its end
 * @loops:	loops since the start
 * @max_delta:	largest distance of two TSC readings that ended in this slice
 * @max_tsc:	guest TSC at the end of that distance
 */
struct mailbox_slice {
	uint64_t tsc;
	uint64_t loops;
	uint64_t max_delta;
	uint64_t max_tsc;
};

/**
 * struct mailbox_cpu_slice - the worst of one slice of time on one CPU
 * @delta:	workload: largest distance of two TSC readings; software: largest latency of
 *		cyclictest; in TSC cycles
 * @tsc:	guest TSC at its end
 */
struct mailbox_cpu_slice {
	uint64_t delta;
	uint64_t tsc;
};

/**
 * struct mailbox_cpu - one CPU of the guest; written by a thread that is pinned to it
 * @slices:	slices so far; slice i is in ring[i % MAILBOX_NR_CPU_RING]
 * @loops:	passes of the loop
 * @max_delta:	largest of all
 * @backwards:	TSC readings below the one before
 * @clock_checks: checks of the clocks
 * @mono_back:	times CLOCK_MONOTONIC was below what any CPU had read before
 * @real_back:	the same of CLOCK_REALTIME
 * @mono_step:	largest difference between what CLOCK_MONOTONIC and the TSC advanced, in ns
 * @real_step:	the same of CLOCK_REALTIME
 * @step_tsc:	guest TSC when @mono_step was seen
 * @ipis:	round trips: all other CPUs were interrupted and answered, or the next one was woken
 *		and woke this one
 * @ipi_max:	the longest one, in TSC cycles
 * @hist:	distances or latencies by mailbox_bucket()
 */
struct mailbox_cpu {
	uint64_t slices;
	uint64_t loops;
	uint64_t max_delta;
	uint64_t backwards;
	uint64_t clock_checks;
	uint64_t mono_back;
	uint64_t real_back;
	uint64_t mono_step;
	uint64_t real_step;
	uint64_t step_tsc;
	uint64_t ipis;
	uint64_t ipi_max;
	uint64_t reserved[4];
	uint64_t hist[MAILBOX_NR_HIST];
	struct mailbox_cpu_slice ring[MAILBOX_NR_CPU_RING];
};

/**
 * struct mailbox - all of it
 * @magic:	workload, last of the header: MAILBOX_MAGIC
 * @version:	workload: MAILBOX_VERSION
 * @command:	VMM: MAILBOX_GO or MAILBOX_END
 * @avx:	workload: 1 when the checksum lives in AVX registers, 0 for SSE
 * @slices:	workload: slices so far; slice i is in ring[i % MAILBOX_NR_RING]
 * @tsc_start:	workload: guest TSC at the start
 * @tsc_now:	workload: guest TSC, once per slice
 * @loops:	workload: loops so far, once per slice
 * @lines:	workload: complete lines sent
 * @bytes:	workload: bytes of lines sent
 * @cpuids:	workload: CPUID instructions executed
 * @cpuid_bad:	workload: those whose result differed from the first one
 * @checks:	workload: comparisons of the vector checksum with the scalar one
 * @bad_checks:	workload: comparisons that failed
 * @max_delta:	workload: largest distance of two TSC readings, in TSC cycles
 * @backwards:	workload: TSC readings below the one before
 * @done:	workload: 1 when the results are complete
 * @nr_cpus:	workload: CPUs of the guest
 * @dmesg_bad:	workload, at the end: lines of the guest's kernel log that should not be there
 * @hist:	workload, at the end: distances by mailbox_bucket()
 * @ring:	workload, once per slice
 * @cpu:	by CPU number
 */
struct mailbox {
	uint32_t magic;
	uint32_t version;
	uint32_t command;
	uint32_t avx;
	uint64_t slices;
	uint64_t tsc_start;
	uint64_t tsc_now;
	uint64_t loops;
	uint64_t lines;
	uint64_t bytes;
	uint64_t cpuids;
	uint64_t cpuid_bad;
	uint64_t checks;
	uint64_t bad_checks;
	uint64_t max_delta;
	uint64_t backwards;
	uint64_t done;
	uint64_t nr_cpus;
	uint64_t dmesg_bad;
	uint64_t reserved[15];
	uint64_t hist[MAILBOX_NR_HIST];
	struct mailbox_slice ring[MAILBOX_NR_RING];
	struct mailbox_cpu cpu[MAILBOX_NR_CPUS];
};

_Static_assert(sizeof(struct mailbox) <= MAILBOX_BYTES, "mailbox fits");
_Static_assert(__builtin_offsetof(struct mailbox, hist) == 0x100, "mailbox layout");

/* Four buckets per power of two. */
static inline unsigned int mailbox_bucket(uint64_t v)
{
	unsigned int msb;

	if (v < 4)
		return v;
	msb = 63 - __builtin_clzll(v);
	return msb * 4 + ((v >> (msb - 2)) & 3);
}

#endif /* CVMM_GUEST_MAILBOX_H */

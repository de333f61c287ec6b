// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * A loop on each CPU of the guest but the first: distances of TSC readings, clock checks, and once
 * per slice a membarrier, which interrupts all other CPUs and waits for their answers.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>
#include <linux/membarrier.h>

#include "guest.h"

#define CLOCK_EVERY	1024	/* loops */
#define STACK_BYTES	(256 << 10)

struct loop {
	struct mailbox_cpu *cpu;
	struct clocks clocks;
	pthread_t thread;
	unsigned int nr;
	uint64_t slice, last, next, slice_max, slice_max_tsc;
};

static struct loop loops[MAILBOX_NR_CPUS];
static unsigned int nr_loops;
static bool stop;

static void ipi_probe(struct mailbox_cpu *c)
{
	uint64_t start = __rdtsc(), took;

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
		return;
	took = __rdtsc() - start;
	if (took > c->ipi_max)
		c->ipi_max = took;
	c->ipis++;
}

static void slice_end(struct loop *l, uint64_t now)
{
	struct mailbox_cpu *c = l->cpu;
	struct mailbox_cpu_slice *s = &c->ring[c->slices % MAILBOX_NR_CPU_RING];

	s->delta = l->slice_max;
	s->tsc = l->slice_max_tsc;
	__atomic_store_n(&c->slices, c->slices + 1, __ATOMIC_RELEASE);
	l->slice_max = 0;
	l->next = now + l->slice;
	ipi_probe(c);
}

static void pass(struct loop *l)
{
	struct mailbox_cpu *c = l->cpu;
	uint64_t now = __rdtsc(), delta = now - l->last;

	if ((int64_t)delta < 0) {
		c->backwards++;
		delta = 0;
	}
	l->last = now;
	c->hist[mailbox_bucket(delta)]++;
	if (delta > l->slice_max) {
		l->slice_max = delta;
		l->slice_max_tsc = now;
		if (delta > c->max_delta)
			c->max_delta = delta;
	}
	if (!(++c->loops % CLOCK_EVERY))
		clocks_check(&l->clocks);
	if (now >= l->next)
		slice_end(l, now);
}

static void *loop_run(void *arg)
{
	struct loop *l = arg;

	cpu_pin(l->nr);
	l->last = __rdtsc();
	l->next = l->last + l->slice;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		pass(l);
	return NULL;
}

/**
 * cpus_start() - start the loops; the caller is pinned to CPU 0
 * @b: mailbox
 * @slice: TSC cycles of a slice
 */
void cpus_start(struct mailbox *b, uint64_t slice)
{
	uint64_t khz = cmdline_number("cvmm.tsc_khz=", 1);
	pthread_attr_t attr;
	long nr = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int i;

	b->nr_cpus = nr;
	cpu_pin(0);
	nr_loops = nr > MAILBOX_NR_CPUS ? MAILBOX_NR_CPUS : nr;
	if (nr > 1 && syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		guest_die("membarrier");
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);	/* memory is locked */
	for (i = 1; i < nr_loops; i++) {
		struct loop *l = &loops[i];

		l->cpu = &b->cpu[i];
		l->nr = i;
		l->slice = slice;
		clocks_init(&l->clocks, l->cpu, khz);
		if (pthread_create(&l->thread, &attr, loop_run, l))
			guest_die("starting a thread");
	}
}

/**
 * cpus_stop() - end the loops
 */
void cpus_stop(void)
{
	unsigned int i;

	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 1; i < nr_loops; i++)
		pthread_join(loops[i].thread, NULL);
}

/**
 * cpus_results() - print what the CPUs saw
 * @b: mailbox
 */
void cpus_results(const struct mailbox *b)
{
	unsigned int i;

	printf("RESULT cpus=%lu\n", b->nr_cpus);
	for (i = 0; i < MAILBOX_NR_CPUS && i < b->nr_cpus; i++) {
		const struct mailbox_cpu *c = &b->cpu[i];

		printf("RESULT cpu=%u loops=%lu max_delta=%lu backwards=%lu clock_checks=%lu ", i,
		       c->loops, c->max_delta, c->backwards, c->clock_checks);
		printf("mono_back=%lu real_back=%lu mono_step_ns=%lu real_step_ns=%lu ",
		       c->mono_back, c->real_back, c->mono_step, c->real_step);
		printf("ipis=%lu ipi_max=%lu\n", c->ipis, c->ipi_max);
	}
}

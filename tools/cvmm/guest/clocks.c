// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Do the guest's clocks go on smoothly? Each check reads both clocks between two readings of the
 * TSC. They must never be below what any CPU read before, and must have advanced as the TSC did.
 */
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#include "guest.h"

#define BRACKET_MAX_NS	20000	/* a wider one was interrupted: it says nothing about a step */

/* The newest readings of all CPUs, in ns */
static uint64_t mono_newest, real_newest;

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static uint64_t cycles_ns(uint64_t cycles, uint64_t khz)
{
	return (__uint128_t)cycles * 1000000 / khz;
}

/* Reads a clock; returns whether it is below a reading that was complete before. */
static int read_newest(clockid_t id, uint64_t *newest, uint64_t *now)
{
	uint64_t seen = __atomic_load_n(newest, __ATOMIC_ACQUIRE), old = seen;

	*now = clock_ns(id);
	while (*now > old && !__atomic_compare_exchange_n(newest, &old, *now, 0, __ATOMIC_ACQ_REL,
							  __ATOMIC_ACQUIRE))
		;
	return *now < seen;
}

static uint64_t step_of(uint64_t now, uint64_t before, uint64_t tsc_ns)
{
	return llabs((int64_t)(now - before) - (int64_t)tsc_ns);
}

/**
 * clocks_init() - start checking
 * @c: to be used by one thread
 * @cpu: takes the results
 * @khz: TSC frequency
 */
void clocks_init(struct clocks *c, struct mailbox_cpu *cpu, uint64_t khz)
{
	*c = (struct clocks){ .cpu = cpu, .khz = khz };
}

/**
 * clocks_check() - one check
 * @c: this thread's clocks
 */
void clocks_check(struct clocks *c)
{
	struct mailbox_cpu *cpu = c->cpu;
	uint64_t t0 = __rdtsc(), t1, mono, real, ns, step;

	cpu->mono_back += read_newest(CLOCK_MONOTONIC, &mono_newest, &mono);
	cpu->real_back += read_newest(CLOCK_REALTIME, &real_newest, &real);
	t1 = __rdtsc();
	cpu->clock_checks++;
	if (cycles_ns(t1 - t0, c->khz) > BRACKET_MAX_NS)
		return;
	if (c->tsc) {
		ns = cycles_ns(t0 - c->tsc, c->khz);
		step = step_of(mono, c->mono, ns);
		if (step > cpu->mono_step) {
			cpu->mono_step = step;
			cpu->step_tsc = t0;
		}
		step = step_of(real, c->real, ns);
		if (step > cpu->real_step)
			cpu->real_step = step;
	}
	c->tsc = t0;
	c->mono = mono;
	c->real = real;
}

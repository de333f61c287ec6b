// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * For a guest that runs ordinary software (software-init): what that software does not record by
 * itself goes to the mailbox.
 *
 *   soft watch    kernel log and results; prints them when told to end by SIGTERM
 *   soft probe    a token that goes round all CPUs, and the clocks of each
 *   soft cyclic   reads "cyclictest -v" on standard input: largest latency per CPU and slice
 *   soft wait     says that the guest runs, when its software does, and returns when the VMM wants
 *		   it to end
 *   soft idle     the same for a guest without software: looks at the clocks of CPU 0 now and then
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "guest.h"

#define SLICE_MS	20
#define PROBE_MS	2
#define IDLE_MS		100
#define INTERVAL_MS	1	/* cyclictest -i 1000 */
#define PROBE_PRIORITY	50	/* below cyclictest, above everything else */
#define CYCLIC_PRIORITY	60

struct probe {
	struct mailbox *box;
	struct clocks clocks;
	pthread_t thread;
	unsigned int nr;
	uint32_t token;		/* 1: it is this CPU's turn */
};

static struct probe probes[MAILBOX_NR_CPUS];
static unsigned int nr_cpus;
static uint64_t khz;

static void sleep_ms(unsigned int ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000L };

	nanosleep(&t, NULL);
}

static void priority_set(int priority)
{
	struct sched_param p = { .sched_priority = priority };

	if (sched_setscheduler(0, SCHED_FIFO, &p))
		guest_die("sched_setscheduler");
}

static void token_wait(struct probe *p)
{
	while (!__atomic_exchange_n(&p->token, 0, __ATOMIC_ACQ_REL))
		syscall(SYS_futex, &p->token, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void token_pass(struct probe *to)
{
	__atomic_store_n(&to->token, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &to->token, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Every CPU but the first: wake the next one, look at the clocks. */
static void *probe_run(void *arg)
{
	struct probe *p = arg;

	cpu_pin(p->nr);
	priority_set(PROBE_PRIORITY);
	for (;;) {
		token_wait(p);
		token_pass(&probes[(p->nr + 1) % nr_cpus]);
		p->box->cpu[p->nr].ipis++;
		clocks_check(&p->clocks);
	}
	return NULL;
}

static void slice_end(struct mailbox *b, uint64_t now, uint64_t max, uint64_t max_tsc)
{
	struct mailbox_slice *s = &b->ring[b->slices % MAILBOX_NR_RING];

	s->tsc = now;
	s->loops = b->loops;
	s->max_delta = max;
	s->max_tsc = max_tsc;
	b->tsc_now = now;
	__atomic_store_n(&b->slices, b->slices + 1, __ATOMIC_RELEASE);
}

/* One round of the token. Returns its time in TSC cycles. */
static uint64_t probe_round(struct probe *p)
{
	struct mailbox_cpu *c = &p->box->cpu[0];
	uint64_t start = __rdtsc(), took;

	if (nr_cpus > 1) {
		token_pass(&probes[1]);
		token_wait(p);
		c->ipis++;
	}
	took = __rdtsc() - start;
	if (took > c->ipi_max)
		c->ipi_max = took;
	return took;
}

static void probe_first(struct probe *p)
{
	uint64_t next = __rdtsc() + SLICE_MS * khz, max = 0, max_tsc = 0, took, now;

	for (;;) {
		sleep_ms(PROBE_MS);
		took = probe_round(p);
		clocks_check(&p->clocks);
		p->box->loops++;
		now = __rdtsc();
		if (took > max) {
			max = took;
			max_tsc = now;
		}
		if (now < next)
			continue;
		slice_end(p->box, now, max, max_tsc);
		max = 0;
		next = now + SLICE_MS * khz;
	}
}

static void probe(struct mailbox *b)
{
	unsigned int i;

	for (i = 0; i < nr_cpus; i++) {
		probes[i].box = b;
		probes[i].nr = i;
		clocks_init(&probes[i].clocks, &b->cpu[i], khz);
		if (i && pthread_create(&probes[i].thread, NULL, probe_run, &probes[i]))
			guest_die("starting a thread");
	}
	cpu_pin(0);
	priority_set(PROBE_PRIORITY);
	probe_first(&probes[0]);
}

struct slice {
	uint64_t next, max, max_tsc;
};

struct sample {
	unsigned int task;
	unsigned long cycle, us;
};

static void cyclic_sample(struct mailbox_cpu *c, struct slice *s, uint64_t latency, uint64_t tsc)
{
	c->loops++;
	c->hist[mailbox_bucket(latency)]++;
	if (latency > c->max_delta)
		c->max_delta = latency;
	if (latency > s->max) {
		s->max = latency;
		s->max_tsc = tsc;
	}
	if (tsc < s->next)
		return;
	c->ring[c->slices % MAILBOX_NR_CPU_RING] = (struct mailbox_cpu_slice){ s->max, s->max_tsc };
	__atomic_store_n(&c->slices, c->slices + 1, __ATOMIC_RELEASE);
	s->max = 0;
	s->next = tsc + SLICE_MS * khz;
}

/*
 * Samples that arrived together: the last one of each task has just been taken, those before it
 * an interval earlier each.
 */
static void cyclic_batch(struct mailbox *b, const struct sample *s, unsigned int nr, uint64_t now)
{
	static struct slice slices[MAILBOX_NR_CPUS];
	unsigned long last[MAILBOX_NR_CPUS] = { 0 };
	unsigned int i;

	for (i = 0; i < nr; i++)
		last[s[i].task] = s[i].cycle;
	for (i = 0; i < nr; i++)
		cyclic_sample(&b->cpu[s[i].task], &slices[s[i].task], s[i].us * khz / 1000,
			      now - (last[s[i].task] - s[i].cycle) * INTERVAL_MS * khz);
}

/* Lines are "task: cycle: latency in us". Returns how many bytes of complete lines there were. */
static size_t cyclic_parse(char *buf, size_t len, struct sample *s, unsigned int *nr)
{
	size_t at = 0;
	char *end;

	for (*nr = 0; (end = memchr(buf + at, '\n', len - at)); at = end + 1 - buf) {
		struct sample *n = &s[*nr];

		*end = 0;
		if (sscanf(buf + at, " %u: %lu: %lu", &n->task, &n->cycle, &n->us) == 3 &&
		    n->task < nr_cpus)
			++*nr;
	}
	return at;
}

/* A task of cyclictest is pinned to the CPU of its number. Its output comes in batches. */
static void cyclic(struct mailbox *b)
{
	static char buf[64 << 10];
	static struct sample samples[sizeof(buf) / 6];
	size_t len = 0, used;
	unsigned int nr;
	ssize_t n;

	priority_set(CYCLIC_PRIORITY);
	while ((n = read(STDIN_FILENO, buf + len, sizeof(buf) - len)) > 0) {
		len += n;
		used = cyclic_parse(buf, len, samples, &nr);
		cyclic_batch(b, samples, nr, __rdtsc());
		len -= used;
		memmove(buf, buf + used, len);
	}
}

static void watch(struct mailbox *b)
{
	sigset_t set;
	int sig;

	kmsg_start();
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigwait(&set, &sig);
	cpus_results(b);
	kmsg_results(b);
	fflush(stdout);
	__atomic_store_n(&b->done, 1, __ATOMIC_RELEASE);
}

/* Has cyclictest's output of every CPU begun? */
static bool all_sampled(const struct mailbox *b)
{
	unsigned int i;

	for (i = 0; i < nr_cpus; i++) {
		if (!__atomic_load_n(&b->cpu[i].loops, __ATOMIC_RELAXED))
			return false;
	}
	return true;
}

static void started(struct mailbox *b)
{
	b->tsc_start = __rdtsc();
	__atomic_store_n(&b->magic, MAILBOX_MAGIC, __ATOMIC_RELEASE);
}

static bool is_to_end(const struct mailbox *b)
{
	return __atomic_load_n(&b->command, __ATOMIC_ACQUIRE) == MAILBOX_END;
}

static void wait_for_end(struct mailbox *b)
{
	while (!all_sampled(b))
		sleep_ms(50);
	started(b);
	while (!is_to_end(b))
		sleep_ms(50);
}

static void idle(struct mailbox *b)
{
	struct clocks c;

	clocks_init(&c, &b->cpu[0], khz);
	cpu_pin(0);
	started(b);
	while (!is_to_end(b)) {
		sleep_ms(IDLE_MS);
		clocks_check(&c);
		b->loops++;
		slice_end(b, __rdtsc(), 0, 0);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";
	struct mailbox *b;

	khz = guest_start();
	b = mailbox_map();
	b->version = MAILBOX_VERSION;
	b->nr_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	nr_cpus = b->nr_cpus > MAILBOX_NR_CPUS ? MAILBOX_NR_CPUS : b->nr_cpus;
	if (!strcmp(what, "watch"))
		watch(b);
	else if (!strcmp(what, "probe"))
		probe(b);
	else if (!strcmp(what, "cyclic"))
		cyclic(b);
	else if (!strcmp(what, "wait"))
		wait_for_end(b);
	else if (!strcmp(what, "idle"))
		idle(b);
	else
		return 2;
	return 0;
}

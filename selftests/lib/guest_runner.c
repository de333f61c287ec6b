// SPDX-License-Identifier: GPL-2.0
/* A thread that runs the vCPU as a VMM does, and waiting for what the guest writes. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "ktap.h"
#include "kvm_guest.h"

void sleep_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

bool wait_change(const volatile uint64_t *p, uint64_t old, unsigned int ms)
{
	for (; *p == old; ms--) {
		if (!ms)
			return false;
		sleep_ms(1);
	}
	return true;
}

bool wait_equal(const volatile uint64_t *p, uint64_t want, unsigned int ms)
{
	for (; *p != want; ms--) {
		if (!ms)
			return false;
		sleep_ms(1);
	}
	return true;
}

static void runner_wake(int sig)
{
	(void)sig;
}

/* False when the thread has to end */
static bool runner_step(struct guest_runner *r)
{
	int reason = guest_run(r->g);

	switch (reason) {
	case -EINTR:
	case -EAGAIN:
		r->interrupted++;
		return true;
	case -EBUSY:
		r->busy++;
		sleep_ms(1);
		return true;
	case KVM_EXIT_IO:
		if (r->hold_io)
			return false;
		if (guest_serve_io(r->g))
			r->done++;
		else if (r->g->run->io.direction == KVM_EXIT_IO_IN)
			r->served++;
		return true;
	case KVM_EXIT_MMIO:
		if (!r->g->mmio || !r->g->mmio(r->g))
			break;
		r->mmio++;
		return true;
	}
	r->error = reason ? reason : -EPROTO;
	guest_describe(r->g, "the vCPU thread ends");
	return false;
}

static void *runner_main(void *arg)
{
	struct guest_runner *r = arg;

	while (!r->stop && runner_step(r))
		;
	return NULL;
}

int runner_start(struct guest_runner *r, struct kvm_guest *g)
{
	struct sigaction sa = { .sa_handler = runner_wake };
	int err;

	memset(r, 0, sizeof(*r));
	r->g = g;
	g->run->immediate_exit = 0;
	sigaction(SIGUSR1, &sa, NULL);
	err = pthread_create(&r->thread, NULL, runner_main, r);
	if (err) {
		ktap_diag("pthread_create: %s", strerror(err));
		return -err;
	}
	r->started = true;
	return 0;
}

int runner_stop(struct guest_runner *r)
{
	struct timespec end;
	unsigned int i;

	if (!r->started)
		return r->error;
	r->stop = true;
	for (i = 0; i < 1000; i++) {
		r->g->run->immediate_exit = 1;
		pthread_kill(r->thread, SIGUSR1);
		clock_gettime(CLOCK_REALTIME, &end);
		end.tv_nsec += 10000000;
		if (end.tv_nsec >= 1000000000) {
			end.tv_nsec -= 1000000000;
			end.tv_sec++;
		}
		if (!pthread_timedjoin_np(r->thread, NULL, &end)) {
			r->started = false;
			r->g->run->immediate_exit = 0;
			return r->error;
		}
	}
	ktap_diag("the vCPU thread does not leave KVM_RUN");
	return -ETIMEDOUT;
}

int runner_wait(struct guest_runner *r, unsigned int ms)
{
	for (; ms && r->started && !__atomic_load_n(&r->error, __ATOMIC_ACQUIRE); ms--)
		sleep_ms(1);
	return runner_stop(r);
}

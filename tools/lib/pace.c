// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Looks at equal distances, until a signal. */
#include <errno.h>
#include <math.h>
#include <signal.h>

#include "pace.h"

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	stopped = sig;
}

/*
 * The first SIGINT or SIGTERM is a wish to end, the second one ends it at once; so does a terminal
 * that goes away, unless that is not to matter (nohup).
 */
void pace_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND }, was;

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	if (!sigaction(SIGHUP, NULL, &was) && was.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &sa, NULL);
}

bool pace_stopped(void)
{
	return stopped;
}

void pace_begin(struct pace *p)
{
	clock_gettime(CLOCK_MONOTONIC, &p->next);
}

/**
 * pace_wait() - sleep until the next look is due
 * @p:		the pace
 * @secs:	from look to look
 *
 * Return: false when a signal wants the end.
 */
bool pace_wait(struct pace *p, double secs)
{
	double whole;

	p->next.tv_nsec += modf(secs, &whole) * 1e9;
	p->next.tv_sec += (time_t)whole + p->next.tv_nsec / 1000000000;
	p->next.tv_nsec %= 1000000000;
	while (!stopped &&
	       clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &p->next, NULL) == EINTR)
		;
	return !stopped;
}

/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* Looks at equal distances, until a signal. */
#ifndef CTOOLS_PACE_H
#define CTOOLS_PACE_H

#include <stdbool.h>
#include <time.h>

/**
 * struct pace - when the next look is due
 * @next:	CLOCK_MONOTONIC
 */
struct pace {
	struct timespec next;
};

void pace_signals(void);
bool pace_stopped(void);
void pace_begin(struct pace *p);
bool pace_wait(struct pace *p, double secs);

#endif /* CTOOLS_PACE_H */

/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* Histograms of durations with slots that double. */
#ifndef CTOOLS_HIST_H
#define CTOOLS_HIST_H

#include <stdbool.h>
#include <stdint.h>

#include "ctele.h"

#define HIST_SLOTS	64

/**
 * struct hist - durations; slot i counts those from 2^i to 2^(i+1) - 1 ns, slot 0 also 0 ns
 * @slots:	counts
 * @nr:		durations
 * @sum:	their sum in ns
 * @max:	longest one in ns
 * @open:	those that have not ended, which are in none of the above
 */
struct hist {
	uint64_t slots[HIST_SLOTS];
	uint64_t nr;
	uint64_t sum;
	uint64_t max;
	uint64_t open;
};

void hist_add(struct hist *h, uint64_t ns);
void hist_add_stall(struct hist *h, const struct kvm_caretaker_stall *s, uint32_t khz);
uint64_t hist_mean(const struct hist *h);
uint64_t hist_percentile(const struct hist *h, unsigned int percent);
bool hist_range(const struct hist *h, unsigned int *first, unsigned int *last);
void hist_label(unsigned int slot, char *buf);

#endif /* CTOOLS_HIST_H */

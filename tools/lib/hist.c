// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Histograms of durations. */
#include <stdio.h>

#include "hist.h"
#include "output.h"

void hist_add(struct hist *h, uint64_t ns)
{
	h->slots[ns ? 63 - __builtin_clzll(ns) : 0]++;
	h->nr++;
	h->sum = h->sum + ns < h->sum ? UINT64_MAX : h->sum + ns;
	if (ns > h->max)
		h->max = ns;
}

/**
 * hist_add_stall() - count a stall; one of unknown length is left out
 * @h:		the histogram
 * @s:		the stall
 * @khz:	frequency of the TSC
 */
void hist_add_stall(struct hist *h, const struct kvm_caretaker_stall *s, uint32_t khz)
{
	uint64_t ns = tsc_span(s->tsc_start, s->tsc_end, khz);

	if (s->tsc_start && !s->tsc_end)
		h->open++;
	else if (ns != NS_NONE)
		hist_add(h, ns);
}

/* Return: NS_NONE when there is none */
uint64_t hist_mean(const struct hist *h)
{
	return h->nr ? h->sum / h->nr : NS_NONE;
}

/**
 * hist_range() - which slots are in use
 * @h:		the histogram
 * @first:	out
 * @last:	out
 *
 * Return: false when none is.
 */
bool hist_range(const struct hist *h, unsigned int *first, unsigned int *last)
{
	unsigned int i;

	*first = HIST_SLOTS;
	for (i = 0; i < HIST_SLOTS; i++) {
		if (!h->slots[i])
			continue;
		if (*first == HIST_SLOTS)
			*first = i;
		*last = i;
	}
	return *first < HIST_SLOTS;
}

/**
 * hist_label() - what a slot counts, e.g. "1.02 us - 2.05 us"
 * @slot:	the slot
 * @buf:	2 * FMT_MAX bytes
 */
void hist_label(unsigned int slot, char *buf)
{
	uint64_t from = slot ? 1ULL << slot : 0;
	char a[FMT_MAX], b[FMT_MAX];

	snprintf(buf, 2 * FMT_MAX, "%s - %s", fmt_ns(from, a),
		 fmt_ns(slot < 63 ? 2ULL << slot : NS_NONE - 1, b));
}

/**
 * hist_percentile() - a duration that so many of 100 do not exceed, as exact as the slots are
 * @h:		the histogram
 * @percent:	1 to 100
 *
 * Return: the end of the slot, at most the longest one; NS_NONE when there is none.
 */
uint64_t hist_percentile(const struct hist *h, unsigned int percent)
{
	unsigned __int128 want = ((unsigned __int128)h->nr * percent + 99) / 100;
	uint64_t seen = 0, end;
	unsigned int i;

	for (i = 0; h->nr && i < HIST_SLOTS; i++) {
		seen += h->slots[i];
		if (seen < want)
			continue;
		end = i < 63 ? (2ULL << i) - 1 : UINT64_MAX;
		return end < h->max ? end : h->max;
	}
	return NS_NONE;
}

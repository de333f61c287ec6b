// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* How long exits took. */
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "times.h"

/* Takes an earlier look off. A Caretaker that began anew since then counts from zero. */
static void cell_since(struct ctele_cell *now, const struct ctele_cell *was, uint32_t *buckets)
{
	unsigned int i;

	if (was->count > now->count || was->gap_count > now->gap_count ||
	    was->cycles > now->cycles || was->gap_cycles > now->gap_cycles)
		return;
	now->count -= was->count;
	now->gap_count -= was->gap_count;
	now->cycles -= was->cycles;
	now->gap_cycles -= was->gap_cycles;
	/* Modulo 2^32, as they count */
	for (i = 0; was->hist && i < TIMES_NR; i++)
		buckets[i] -= was->hist[i];
}

static uint64_t bucket_top(unsigned int bucket)
{
	return bucket + 1 < TIMES_NR ? kvm_caretaker_bucket_from(bucket + 1) : UINT64_MAX;
}

/* @was: the longest one at the earlier look: one that is as long may be of before. */
static void times_add_max(struct times *x, uint64_t max, uint64_t was, const uint32_t *buckets)
{
	unsigned int top = TIMES_NR;
	bool le = was && was == max;

	while (top && !buckets[top - 1])
		top--;
	if (le)
		max = !top ? 0 : max < bucket_top(top - 1) ? max : bucket_top(top - 1);
	if (max < x->max || (max == x->max && (le || !x->max_le)))
		return;
	x->max = max;
	x->max_le = le;
}

static void times_add_hist(struct times *x, const struct ctele_cell *c, uint64_t max_was,
			   const uint32_t *buckets)
{
	unsigned int i;

	times_add_max(x, c->max, max_was, buckets);
	for (i = 0; i < TIMES_NR; i++) {
		x->buckets[i] += buckets[i];
		x->timed += buckets[i];
	}
}

/**
 * times_add() - take in the exits of one row by one server
 * @x:		sums; all zero at the start
 * @t:		telemetry
 * @base:	an earlier look, which is taken off; NULL for none
 * @row:	index of the reason, or CTELE_ROW_SHARED
 * @server:	enum kvm_caretaker_server
 * @gap:	exits while detached alone
 *
 * One histogram has all exits. It is that of the exits in gaps only when there were no others,
 * and only when its counters cannot have wrapped.
 */
void times_add(struct times *x, const struct kvm_caretaker_telemetry *t,
	       const struct kvm_caretaker_telemetry *base, unsigned int row, unsigned int server,
	       bool gap)
{
	struct ctele_cell c, was = { 0 };
	uint32_t buckets[TIMES_NR];

	if (!ctele_cell(t, row, server, &c))
		return;
	if (c.hist)
		memcpy(buckets, c.hist, sizeof(buckets));
	if (base && base->abi == t->abi && ctele_cell(base, row, server, &was))
		cell_since(&c, &was, buckets);
	if (c.max_old)
		was.max = c.max;
	if (!(gap ? c.gap_count : c.count + c.gap_count))
		return;
	x->count += c.gap_count + (gap ? 0 : c.count);
	x->cycles += c.gap_cycles + (gap ? 0 : c.cycles);
	if (!c.hist || (x->khz && x->khz != t->tsc_khz))
		x->untimed = true;
	else if ((gap && c.count) || c.count + c.gap_count > UINT32_MAX)
		x->no_hist = true;
	else
		times_add_hist(x, &c, was.max, buckets);
	x->khz = t->tsc_khz;
}

/* Sums of other vCPUs, reasons or servers as well */
void times_merge(struct times *x, const struct times *from)
{
	unsigned int i;

	if (!from->count)
		return;
	x->untimed |= from->untimed || (x->khz && x->khz != from->khz);
	x->no_hist |= from->no_hist;
	x->khz = from->khz;
	x->count += from->count;
	x->timed += from->timed;
	x->cycles += from->cycles;
	for (i = 0; i < TIMES_NR; i++)
		x->buckets[i] += from->buckets[i];
	if (from->max > x->max || (from->max == x->max && !from->max_le)) {
		x->max = from->max;
		x->max_le = from->max_le;
	}
}

/* Are the sums known? */
bool times_known(const struct times *x)
{
	return x->count && !x->untimed;
}

/* Is the histogram known, and the longest exit? */
bool times_hist_known(const struct times *x)
{
	return times_known(x) && !x->no_hist && x->timed;
}

uint64_t times_ns(const struct times *x)
{
	return times_known(x) ? tsc_to_ns(x->cycles, x->khz) : NS_NONE;
}

/* Exits that are going on have no time yet; where they cannot be told, one does not matter. */
uint64_t times_mean_ns(const struct times *x)
{
	uint64_t n = times_hist_known(x) ? x->timed : x->count, ns = times_ns(x);

	return ns == NS_NONE ? NS_NONE : ns / n;
}

uint64_t times_max_ns(const struct times *x)
{
	return times_hist_known(x) ? tsc_to_ns(x->max, x->khz) : NS_NONE;
}

/**
 * times_percentile_ns() - a time that so many of 100 exits do not exceed
 * @x:		the exits
 * @percent:	1 to 100
 *
 * Return: the end of its bucket, at most the longest exit: an upper bound; NS_NONE when not known.
 */
uint64_t times_percentile_ns(const struct times *x, unsigned int percent)
{
	unsigned __int128 want = ((unsigned __int128)x->timed * percent + 99) / 100;
	uint64_t seen = 0, top;
	unsigned int i;

	for (i = 0; times_hist_known(x) && i < TIMES_NR; i++) {
		seen += x->buckets[i];
		if (seen < want)
			continue;
		top = bucket_top(i);
		return tsc_to_ns(top < x->max ? top : x->max, x->khz);
	}
	return NS_NONE;
}

/**
 * times_longer() - how many exits certainly took at least so long
 * @x:		the exits
 * @ns:		nanoseconds
 *
 * Return: those in buckets that begin there or later.
 */
uint64_t times_longer(const struct times *x, uint64_t ns)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; times_hist_known(x) && x->khz && i < TIMES_NR; i++)
		if (times_from_ns(x, i) >= ns)
			n += x->buckets[i];
	return n;
}

/* Which buckets are in use. Return: false when none is. */
bool times_range(const struct times *x, unsigned int *first, unsigned int *last)
{
	unsigned int i;

	*first = TIMES_NR;
	*last = 0;
	for (i = 0; times_hist_known(x) && i < TIMES_NR; i++) {
		if (!x->buckets[i])
			continue;
		if (*first == TIMES_NR)
			*first = i;
		*last = i;
	}
	return *first < TIMES_NR;
}

/* Fewest nanoseconds of an exit in a bucket */
uint64_t times_from_ns(const struct times *x, unsigned int bucket)
{
	return tsc_to_ns(kvm_caretaker_bucket_from(bucket), x->khz);
}

/**
 * times_label() - what a bucket counts, e.g. "1.02 us - 2.05 us"
 * @x:		the exits
 * @bucket:	the bucket
 * @buf:	2 * FMT_MAX bytes
 */
void times_label(const struct times *x, unsigned int bucket, char *buf)
{
	char a[FMT_MAX], b[FMT_MAX];

	if (bucket + 1 < TIMES_NR)
		snprintf(buf, 2 * FMT_MAX, "%s - %s", fmt_ns(times_from_ns(x, bucket), a),
			 fmt_ns(times_from_ns(x, bucket + 1), b));
	else
		snprintf(buf, 2 * FMT_MAX, "%s or more", fmt_ns(times_from_ns(x, bucket), a));
}

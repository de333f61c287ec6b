// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Exits and stalls by reason, over all vCPUs: -S, and what "ctrace hist" shows. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctrace.h"
#include "../lib/hist.h"
#include "../lib/show.h"

/**
 * struct summary - sums over vCPUs
 * @times:	exits by row and server
 * @all:	the same by row
 * @stalls:	stalls on record by reason
 * @shares:	reasons whose exits are in the row that is shared
 * @lost:	what is missing of all vCPUs
 */
struct summary {
	struct times times[CTELE_NR_ROWS][KVM_CARETAKER_NR_SERVERS];
	struct times all[CTELE_NR_ROWS];
	struct hist stalls[CTELE_NR_ROWS];
	reason_set shares;
	uint64_t lost;
};

/**
 * summary_new() - begin to sum up
 * @set:	the look that says what is missing
 *
 * Return: to be freed with free(); NULL when memory ran out; a message has told so.
 */
struct summary *summary_new(const struct ctele_set *set)
{
	struct summary *s = calloc(1, sizeof(*s));

	if (s)
		s->lost = ctele_set_lost(set);
	else
		tool_err("summing up: no memory");
	return s;
}

/* Stalls that are in @now and were not in @before */
static void add_stalls(struct summary *s, const struct ctele_vcpu *now, uint64_t from,
		       uint64_t since)
{
	const struct kvm_caretaker_telemetry *t = &now->tele;
	const struct kvm_caretaker_stall *stall;
	uint64_t i = ctele_stall_first(t);

	for (i = i < from ? from : i; i < t->nr_stalls; i++) {
		stall = ctele_stall(t, i);
		if (ctele_stall_sane(stall) && stall->tsc_start >= since)
			hist_add_stall(&s->stalls[reason_index(stall->reason)], stall, t->tsc_khz);
	}
}

/**
 * summary_add() - take in what a vCPU counted
 * @s:		the summary
 * @now:	the vCPU
 * @before:	an earlier look at it, whose counts are taken off; NULL for none
 * @gap:	exits in gaps alone, and stalls of the last gap
 */
void summary_add(struct summary *s, const struct ctele_vcpu *now, const struct ctele_vcpu *before,
		 bool gap)
{
	const struct kvm_caretaker_telemetry *base = before ? &before->tele : NULL;
	struct times x;
	struct ctele_gap g;
	unsigned int r, i;
	uint64_t n;

	for (r = 0; r < CTELE_NR_ROWS; r++) {
		if (r < KVM_CARETAKER_NR_REASONS)
			s->shares[r] |= ctele_row_shares(&now->tele, r);
		for (i = 0; i < KVM_CARETAKER_NR_SERVERS && ctele_row_used(&now->tele, r); i++) {
			memset(&x, 0, sizeof(x));
			times_add(&x, &now->tele, base, r, i, gap);
			times_merge(&s->times[r][i], &x);
			times_merge(&s->all[r], &x);
		}
	}
	n = before && before->tele.nr_stalls <= now->tele.nr_stalls ? before->tele.nr_stalls : 0;
	add_stalls(s, now, n, gap && ctele_gap(&now->tele, &g) ? g.run : 0);
}

/* Over all rows; *ns: their time, NS_NONE when some are not timed */
static uint64_t summary_total(const struct summary *s, uint64_t *ns)
{
	struct times total = { .count = 0 };
	unsigned int r;

	for (r = 0; r < CTELE_NR_ROWS; r++)
		times_merge(&total, &s->all[r]);
	*ns = times_ns(&total);
	return total.count;
}

static bool summary_wanted(const struct summary *s, unsigned int row,
			   const struct ctrace_options *opts)
{
	unsigned int r;

	if (row < KVM_CARETAKER_NR_REASONS)
		return opts->reasons[row];
	for (r = 0; r < KVM_CARETAKER_NR_REASONS; r++)
		if (opts->reasons[r] && s->shares[r])
			return true;
	return false;
}

/* By time stalled, then by time, then by exits: what hurts comes first. */
static const struct summary *sorted;

static int compare_numbers(uint64_t u, uint64_t v)
{
	return u > v ? -1 : u < v;
}

static int summary_compare(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;
	int r = compare_numbers(sorted->stalls[x].sum, sorted->stalls[y].sum);

	if (!r)
		r = compare_numbers(sorted->all[x].cycles, sorted->all[y].cycles);
	if (!r)
		r = compare_numbers(sorted->all[x].count, sorted->all[y].count);
	return r ? r : x < y ? -1 : x > y;
}

static unsigned int summary_order(const struct summary *s, const struct ctrace_options *opts,
				  unsigned int *order)
{
	const struct hist *h;
	unsigned int r, n = 0;

	for (r = 0; r < CTELE_NR_ROWS; r++) {
		h = &s->stalls[r];
		if (summary_wanted(s, r, opts) && (s->all[r].count || h->nr || h->open))
			order[n++] = r;
	}
	sorted = s;
	qsort(order, n, sizeof(*order), summary_compare);
	return n;
}

static void percent_cell(struct table *t, uint64_t part, uint64_t of)
{
	if (part == NS_NONE || of == NS_NONE)
		table_text(t, "-");
	else
		table_cell(t, "%.2f", of ? 100.0 * part / of : 0.0);
}

static void summary_row(struct table *t, const struct summary *s, unsigned int r, uint64_t total,
			uint64_t total_ns)
{
	const struct hist *h = &s->stalls[r];
	const struct times *x = &s->all[r];
	char name[REASON_NAME_MAX], buf[FMT_MAX];
	unsigned int i;

	percent_cell(t, times_ns(x), total_ns);
	table_text(t, fmt_ns(times_ns(x), buf));
	table_text(t, fmt_ns(times_mean_ns(x), buf));
	table_text(t, fmt_ns(times_percentile_ns(x, 99), buf));
	table_text(t, fmt_ns(times_max_ns(x), buf));
	percent_cell(t, x->count, total);
	table_number(t, x->count);
	for (i = 0; i < KVM_CARETAKER_NR_SERVERS; i++)
		table_number(t, s->times[r][i].count);
	table_number(t, h->nr + h->open);
	table_text(t, h->nr ? fmt_ns(h->sum, buf) : "-");
	table_text(t, h->nr ? fmt_ns(h->max, buf) : "-");
	table_text(t, reason_name_index(r, name));
}

static bool summary_table(const struct summary *s, const unsigned int *order, unsigned int n)
{
	uint64_t ns, total = summary_total(s, &ns);
	char buf[FMT_MAX];
	struct table t;
	unsigned int i;

	table_begin(&t, 15, 1 << 14, "% TIME", "TIME", "MEAN", "P99<=", "MAX", "% EXITS", "EXITS",
		    "NATIVE", "HANDLER", "KVM", "BLOCKED", "STALLS", "STALLED", "LONGEST",
		    "REASON");
	for (i = 0; i < n; i++)
		summary_row(&t, s, order[i], total, ns);
	if (!table_end(&t, 0))
		return false;
	printf("%" PRIu64 " exits for %u reasons, time %s\n", total, n,
	       ns == NS_NONE ? "not known" : fmt_ns(ns, buf));
	return true;
}

static void summary_json(const struct summary *s, unsigned int r)
{
	const struct hist *h = &s->stalls[r];
	const struct times *by = s->times[r];
	char name[REASON_NAME_MAX], key[24];
	unsigned int i;

	json_begin("summary");
	json_string("reason", reason_name_index(r, name));
	json_number("index", r);
	for (i = 0; i < KVM_CARETAKER_NR_SERVERS; i++)
		json_number(ctrace_server_names[i], by[i].count);
	json_number("total", s->all[r].count);
	for (i = 0; i < KVM_CARETAKER_NR_SERVERS; i++) {
		snprintf(key, sizeof(key), "%s_ns", ctrace_server_names[i]);
		json_ns(key, times_ns(&by[i]));
	}
	json_number("stalls", h->nr + h->open);
	json_number("stalls_open", h->open);
	json_ns("stalled_ns", h->nr ? h->sum : NS_NONE);
	json_ns("mean_stall_ns", hist_mean(h));
	json_ns("max_stall_ns", h->nr ? h->max : NS_NONE);
	show_json_times(&s->all[r]);
	json_number("lost", s->lost);
	json_end();
}

/**
 * summary_print() - print it, what stalled longest first
 * @s:		the summary
 * @opts:	form, reasons
 */
bool summary_print(const struct summary *s, const struct ctrace_options *opts)
{
	unsigned int order[CTELE_NR_ROWS], n, i;

	n = summary_order(s, opts, order);
	if (!opts->json)
		return summary_table(s, order, n);
	for (i = 0; i < n; i++)
		summary_json(s, order[i]);
	return true;
}

/**
 * summary_hist() - print histograms of exits by reason and server, and of stalls by reason
 * @s:		the summary
 * @opts:	form, reasons
 *
 * Return: false when there is none.
 */
bool summary_hist(const struct summary *s, const struct ctrace_options *opts)
{
	const uint64_t *lost = opts->json ? &s->lost : NULL;
	unsigned int order[CTELE_NR_ROWS], n, i, server;
	bool shown = false;

	n = summary_order(s, opts, order);
	for (i = 0; i < n; i++) {
		for (server = 0; server < KVM_CARETAKER_NR_SERVERS; server++)
			shown |= hist_of_exits(&s->times[order[i]][server], order[i], server,
					       lost);
		shown |= hist_of_stalls(&s->stalls[order[i]], order[i], lost);
	}
	return shown;
}

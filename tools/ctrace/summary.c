// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Exits and stalls by reason, over all vCPUs: -S and "ctrace hist". */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctrace.h"
#include "../lib/hist.h"

struct summary {
	uint64_t by[KVM_CARETAKER_NR_REASONS][KVM_CARETAKER_NR_SERVERS];
	struct hist stalls[KVM_CARETAKER_NR_REASONS];
};

struct summary *summary_new(void)
{
	struct summary *s = calloc(1, sizeof(*s));

	if (!s)
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
	struct ctele_gap g;
	unsigned int r, i;
	uint64_t n, was;

	for (r = 0; r < KVM_CARETAKER_NR_REASONS; r++) {
		for (i = 0; i < KVM_CARETAKER_NR_SERVERS; i++) {
			n = now->tele.gap_exits[r][i] + (gap ? 0 : now->tele.exits[r][i]);
			was = !before ? 0 : before->tele.gap_exits[r][i] +
					    (gap ? 0 : before->tele.exits[r][i]);
			s->by[r][i] += n >= was ? n - was : n;
		}
	}
	n = before && before->tele.nr_stalls <= now->tele.nr_stalls ? before->tele.nr_stalls : 0;
	add_stalls(s, now, n, gap && ctele_gap(&now->tele, &g) ? g.run : 0);
}

static uint64_t summary_total(const struct summary *s)
{
	uint64_t total = 0;
	unsigned int r, i;

	for (r = 0; r < KVM_CARETAKER_NR_REASONS; r++)
		for (i = 0; i < KVM_CARETAKER_NR_SERVERS; i++)
			total += s->by[r][i];
	return total;
}

static bool summary_has(const struct summary *s, unsigned int r)
{
	const uint64_t *by = s->by[r];

	return by[0] || by[1] || by[2] || by[3] || s->stalls[r].nr || s->stalls[r].open;
}

static uint64_t row_total(const uint64_t *by)
{
	return by[0] + by[1] + by[2] + by[3];
}

/* By time stalled, then by exits: what hurts comes first. */
static const struct summary *sorted;

static int summary_compare(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;
	uint64_t u = sorted->stalls[x].sum, v = sorted->stalls[y].sum;

	if (u == v) {
		u = row_total(sorted->by[x]);
		v = row_total(sorted->by[y]);
	}
	if (u != v)
		return u > v ? -1 : 1;
	return x < y ? -1 : x > y;
}

static unsigned int summary_order(const struct summary *s, const struct ctrace_options *opts,
				  unsigned int *order)
{
	unsigned int r, n = 0;

	for (r = 0; r < KVM_CARETAKER_NR_REASONS; r++)
		if (opts->reasons[r] && summary_has(s, r))
			order[n++] = r;
	sorted = s;
	qsort(order, n, sizeof(*order), summary_compare);
	return n;
}

static void summary_row(struct table *t, const struct summary *s, unsigned int r, uint64_t total)
{
	const struct hist *h = &s->stalls[r];
	char name[REASON_NAME_MAX], buf[FMT_MAX];
	unsigned int i;

	table_cell(t, "%.2f", total ? 100.0 * row_total(s->by[r]) / total : 0.0);
	table_number(t, row_total(s->by[r]));
	for (i = 0; i < KVM_CARETAKER_NR_SERVERS; i++)
		table_number(t, s->by[r][i]);
	table_number(t, h->nr + h->open);
	table_text(t, h->nr ? fmt_ns(h->sum, buf) : "-");
	table_text(t, h->nr ? fmt_ns(h->max, buf) : "-");
	table_text(t, reason_name_index(r, name));
}

static bool summary_table(const struct summary *s, const unsigned int *order, unsigned int n)
{
	uint64_t total = summary_total(s);
	struct table t;
	unsigned int i;

	table_begin(&t, 10, 1 << 9, "% EXITS", "EXITS", "NATIVE", "HANDLER", "KVM", "BLOCKED",
		    "STALLS", "STALLED", "LONGEST", "REASON");
	for (i = 0; i < n; i++)
		summary_row(&t, s, order[i], total);
	if (!table_end(&t, 0))
		return false;
	printf("%" PRIu64 " exits for %u reasons\n", total, n);
	return true;
}

static void summary_json(const struct summary *s, unsigned int r)
{
	const struct hist *h = &s->stalls[r];
	char name[REASON_NAME_MAX];

	json_begin("summary");
	json_string("reason", reason_name_index(r, name));
	json_number("index", r);
	json_number("native", s->by[r][KVM_CARETAKER_NATIVE]);
	json_number("handler", s->by[r][KVM_CARETAKER_HANDLER]);
	json_number("kvm", s->by[r][KVM_CARETAKER_KVM]);
	json_number("blocked", s->by[r][KVM_CARETAKER_BLOCKED]);
	json_number("total", row_total(s->by[r]));
	json_number("stalls", h->nr + h->open);
	json_number("stalls_open", h->open);
	json_ns("stalled_ns", h->nr ? h->sum : NS_NONE);
	json_ns("mean_ns", hist_mean(h));
	json_ns("max_ns", h->nr ? h->max : NS_NONE);
	json_end();
}

/**
 * summary_print() - print it, what stalled longest first
 * @s:		the summary
 * @opts:	form, reasons
 */
bool summary_print(const struct summary *s, const struct ctrace_options *opts)
{
	unsigned int order[KVM_CARETAKER_NR_REASONS], n, i;

	n = summary_order(s, opts, order);
	if (!opts->json)
		return summary_table(s, order, n);
	for (i = 0; i < n; i++)
		summary_json(s, order[i]);
	return true;
}

static void hist_json(const struct hist *h, const char *reason)
{
	unsigned int first, last, i;
	bool any = hist_range(h, &first, &last);

	json_begin("hist");
	json_string("reason", reason);
	json_number("stalls", h->nr);
	json_number("stalls_open", h->open);
	json_ns("mean_ns", hist_mean(h));
	json_ns("max_ns", h->nr ? h->max : NS_NONE);
	printf(",\"slots\":[");
	for (i = first; any && i <= last; i++)
		printf("%s{\"from_ns\":%llu,\"count\":%" PRIu64 "}", i == first ? "" : ",",
		       i ? 1ULL << i : 0, h->slots[i]);
	printf("]");
	json_end();
}

static void hist_print(const struct hist *h, const char *reason)
{
	static const char bar[] = "########################################";
	char label[2 * FMT_MAX], mean[FMT_MAX], max[FMT_MAX];
	unsigned int first, last, i;
	uint64_t most = 0;

	printf("%s: %" PRIu64 " stalls, mean %s, longest %s, going on %" PRIu64 "\n", reason,
	       h->nr, fmt_ns(hist_mean(h), mean), fmt_ns(h->nr ? h->max : NS_NONE, max), h->open);
	if (!hist_range(h, &first, &last))
		return;
	for (i = first; i <= last; i++)
		most = h->slots[i] > most ? h->slots[i] : most;
	for (i = first; i <= last; i++) {
		hist_label(i, label);
		printf("  %24s %8" PRIu64 " |%-40.*s|\n", label, h->slots[i],
		       (int)((double)h->slots[i] * 40 / most + (h->slots[i] ? 0.999 : 0)), bar);
	}
}

static bool hist_show(const struct summary *s, const struct ctrace_options *opts)
{
	unsigned int order[KVM_CARETAKER_NR_REASONS], n, i, shown = 0;
	char name[REASON_NAME_MAX];

	n = summary_order(s, opts, order);
	for (i = 0; i < n; i++) {
		if (!s->stalls[order[i]].nr && !s->stalls[order[i]].open)
			continue;
		shown++;
		reason_name_index(order[i], name);
		if (opts->json)
			hist_json(&s->stalls[order[i]], reason_name_index(order[i], name));
		else
			hist_print(&s->stalls[order[i]], reason_name_index(order[i], name));
	}
	return shown;
}

static enum tool_status hist_run(const struct ctele_set *set, const struct ctrace_options *opts)
{
	struct summary *s = summary_new();
	enum tool_status status = set->status;
	size_t i;

	if (!s)
		return TOOL_FAILED;
	for (i = 0; i < set->nr; i++)
		summary_add(s, set->vcpus[i], NULL, false);
	if (opts->json)
		ctrace_json_header(set, "hist");
	if (!hist_show(s, opts) && status == TOOL_OK) {
		tool_err("no stall of %zu vCPUs is recorded: nothing blocked, or -e leaves it out",
			 set->nr);
		status = TOOL_NODATA;
	}
	free(s);
	return status;
}

/**
 * ctrace_hist() - how long vCPUs stalled, by reason
 * @opts:	what and how
 */
enum tool_status ctrace_hist(const struct ctrace_options *opts)
{
	enum tool_status status;
	struct ctele_set set;

	status = ctele_load_last(&opts->source, &set);
	if (status == TOOL_OK)
		status = ctele_lost_end(&set, opts->strict, hist_run(&set, opts));
	ctele_free(&set);
	return status;
}

// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* ctrace hist: how long exits took and how long vCPUs stalled. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctrace.h"
#include "../lib/hist.h"
#include "../lib/show.h"

static void hist_line(const char *label, uint64_t n, uint64_t most)
{
	static const char bar[] = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@";

	printf("  %24s %10" PRIu64 " |%-40.*s|\n", label, n,
	       (int)((double)n * 40 / most + (n ? 0.999 : 0)), bar);
}

static void exits_json(const struct times *x, unsigned int row, unsigned int server, uint64_t lost)
{
	char name[REASON_NAME_MAX];

	json_begin("exit_hist");
	json_string("reason", reason_name_index(row, name));
	json_number("index", row);
	json_string("server", ctrace_server_names[server]);
	json_number("count", x->count);
	show_json_times(x);
	json_number("lost", lost);
	json_end();
}

static void exits_title(const struct times *x, unsigned int row, unsigned int server)
{
	char name[REASON_NAME_MAX], sum[FMT_MAX], mean[FMT_MAX];
	char p50[FMT_MAX], p99[FMT_MAX], max[FMT_MAX];

	printf("%s, %s: %" PRIu64 " exits, together %s, mean %s", reason_name_index(row, name),
	       ctrace_server_names[server], x->count, fmt_ns(times_ns(x), sum),
	       fmt_ns(times_mean_ns(x), mean));
	if (!times_hist_known(x))
		printf(": histogram not known, %s\n",
		       x->no_hist ? "its counters of 32 bits have wrapped" : "none has ended");
	else
		printf(", p50 <= %s, p99 <= %s, max %s%s\n",
		       fmt_ns(times_percentile_ns(x, 50), p50),
		       fmt_ns(times_percentile_ns(x, 99), p99), x->max_le ? "<= " : "",
		       fmt_ns(times_max_ns(x), max));
}

/**
 * hist_of_exits() - how long the exits of one row took that one server served
 * @x:		the exits
 * @row:	the row
 * @server:	the server
 * @lost:	what is missing of all vCPUs, for NDJSON; NULL for people
 *
 * Return: false when there is nothing to show.
 */
bool hist_of_exits(const struct times *x, unsigned int row, unsigned int server,
		   const uint64_t *lost)
{
	unsigned int first, last, i;
	char label[2 * FMT_MAX];
	uint64_t most = 0;

	if (!times_known(x))
		return false;
	if (lost) {
		exits_json(x, row, server, *lost);
		return true;
	}
	exits_title(x, row, server);
	if (!times_range(x, &first, &last))
		return true;
	for (i = first; i <= last; i++)
		most = x->buckets[i] > most ? x->buckets[i] : most;
	for (i = first; i <= last; i++) {
		times_label(x, i, label);
		hist_line(label, x->buckets[i], most);
	}
	return true;
}

static void stalls_json(const struct hist *h, const char *reason, uint64_t lost)
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
	json_number("lost", lost);
	json_end();
}

static void stalls_print(const struct hist *h, const char *reason)
{
	char label[2 * FMT_MAX], mean[FMT_MAX], max[FMT_MAX];
	unsigned int first, last, i;
	uint64_t most = 0;

	printf("%s: %" PRIu64 " stalls on record, mean %s, longest %s, going on %" PRIu64 "\n",
	       reason, h->nr, fmt_ns(hist_mean(h), mean),
	       fmt_ns(h->nr ? h->max : NS_NONE, max), h->open);
	if (!hist_range(h, &first, &last))
		return;
	for (i = first; i <= last; i++)
		most = h->slots[i] > most ? h->slots[i] : most;
	for (i = first; i <= last; i++) {
		hist_label(i, label);
		hist_line(label, h->slots[i], most);
	}
}

/**
 * hist_of_stalls() - how long vCPUs stalled in exits of one reason
 * @h:		the stalls
 * @row:	the reason
 * @lost:	what is missing of all vCPUs, for NDJSON; NULL for people
 *
 * Return: false when there is nothing to show.
 */
bool hist_of_stalls(const struct hist *h, unsigned int row, const uint64_t *lost)
{
	char name[REASON_NAME_MAX];

	if (!h->nr && !h->open)
		return false;
	reason_name_index(row, name);
	if (lost)
		stalls_json(h, reason_name_index(row, name), *lost);
	else
		stalls_print(h, reason_name_index(row, name));
	return true;
}

static enum tool_status hist_run(const struct ctele_set *set, const struct ctrace_options *opts)
{
	struct summary *s = summary_new(set);
	enum tool_status status = set->status;
	size_t i;

	if (!s)
		return TOOL_FAILED;
	for (i = 0; i < set->nr; i++)
		summary_add(s, set->vcpus[i], NULL, false);
	if (opts->json)
		ctrace_json_header(set, "hist");
	else if (set->untimed)
		printf("telemetry of ABI 1: exits of %u vCPUs are not timed, their reasons show stalls alone\n",
		       set->untimed);
	if (!summary_hist(s, opts) && status == TOOL_OK) {
		tool_err("no stall of %zu vCPUs is recorded and no exit timed: there was none, or -e leaves it out",
			 set->nr);
		status = TOOL_NODATA;
	}
	free(s);
	return status;
}

/**
 * ctrace_hist() - how long exits took and vCPUs stalled
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

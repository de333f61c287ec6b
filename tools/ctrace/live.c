// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* ctrace live, record and report: one look after the other. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctrace.h"
#include "../lib/pace.h"
#include "../lib/record.h"

/* Exits since the first look, of vCPUs that were there then or came later */
static bool live_summary(const struct ctele_set *first, const struct ctele_set *last,
			 const struct ctrace_options *opts)
{
	struct summary *s = summary_new(last);
	size_t i;
	bool ok;

	if (!s)
		return false;
	for (i = 0; i < last->nr; i++)
		summary_add(s, last->vcpus[i], events_find(first, last->vcpus[i]), false);
	ok = summary_print(s, opts);
	free(s);
	return ok;
}

/**
 * struct live - looks of live or report
 * @e:		what happened; holds the latest look
 * @summary:	sums at the end instead of events
 * @start:	the first look, for the sums
 * @looks:	so far
 */
struct live {
	struct events e;
	bool summary;
	struct ctele_set start;
	unsigned long looks;
};

static bool live_take(struct live *l, struct ctele_set *now, const char *command)
{
	bool ok = true;

	ctele_lost_add(now, &l->e.before);
	if (!l->looks++ && l->e.opts->json)
		ctrace_json_header(now, command);
	if (!l->summary)
		ok = events_look(&l->e, now);
	/* The first look is kept for the sums, all others until the next one. */
	if (l->looks == 2 && l->summary)
		l->start = l->e.before;
	else
		ctele_free(&l->e.before);
	l->e.before = *now;
	memset(now, 0, sizeof(*now));
	return tool_flush() && ok;
}

static enum tool_status live_end(struct live *l, enum tool_status status)
{
	if (l->summary && l->looks && !live_summary(&l->start, &l->e.before, l->e.opts))
		status = TOOL_FAILED;
	if (status == TOOL_OK)
		status = l->e.before.status;
	status = ctele_lost_end(&l->e.before, l->e.opts->strict, status);
	ctele_free(&l->e.before);
	ctele_free(&l->start);
	return status;
}

/* The VMs may all end, and others start: that ends nothing. */
static enum tool_status live_load(struct ctele_reader *r, struct ctele_set *now, bool first)
{
	enum tool_status status;

	tool_err_hold(!first);
	status = ctele_load(r, now);
	tool_err_hold(false);
	if (status == TOOL_NODATA && !first)
		status = TOOL_OK;
	else if (status != TOOL_OK && !first)
		tool_err("%s", tool_err_held());
	return status;
}

static enum tool_status live_run(struct live *l, struct ctele_reader *r)
{
	const struct ctrace_options *opts = l->e.opts;
	enum tool_status status;
	struct ctele_set now;
	struct pace pace;

	pace_begin(&pace);
	do {
		status = live_load(r, &now, !l->looks);
		if (status == TOOL_OK && !r->end && !live_take(l, &now, "live"))
			status = TOOL_FAILED;
		ctele_free(&now);
	} while (status == TOOL_OK && !r->end && (long)l->looks != opts->count &&
		 pace_wait(&pace, opts->delay));
	return status;
}

/**
 * ctrace_live() - tell what happens, by looking again and again
 * @opts:	what and how
 */
enum tool_status ctrace_live(const struct ctrace_options *opts)
{
	struct live l = { .e = { .opts = opts, .first = true }, .summary = opts->summary };
	struct ctele_source src = opts->source;
	enum tool_status status;
	struct ctele_reader r;

	/* What was before the first look is not told. */
	src.events_new = true;
	status = ctele_open(&r, &src);
	if (status != TOOL_OK)
		return status;
	pace_signals();
	status = live_run(&l, &r);
	if (status == TOOL_OK)
		status = r.damage;
	ctele_close(&r);
	return live_end(&l, status);
}

static enum tool_status report_file(struct live *l, const char *path)
{
	struct ctele_source src = l->e.opts->source;
	enum tool_status status;
	struct ctele_reader r;
	struct ctele_set now;

	src.file = path;
	status = ctele_open(&r, &src);
	if (status != TOOL_OK)
		return status;
	do {
		status = ctele_load(&r, &now);
		if (status == TOOL_OK && !r.end && !live_take(l, &now, "report"))
			status = TOOL_FAILED;
		ctele_free(&now);
	} while (status == TOOL_OK && !r.end && r.finite);
	if (status == TOOL_OK)
		status = r.damage;
	ctele_close(&r);
	return status;
}

/**
 * ctrace_report() - tell what happened in recordings, as one timeline in their order
 * @opts:	what and how
 */
enum tool_status ctrace_report(const struct ctrace_options *opts)
{
	struct live l = { .e = { .opts = opts, .first = true, .past = true },
			  .summary = opts->summary };
	enum tool_status status, worst = TOOL_OK;
	char **path;

	if (!opts->words[0]) {
		tool_err("report: a recording is missing: ctrace report FILE, made by ctrace record -o FILE");
		return TOOL_USAGE;
	}
	for (path = opts->words; *path; path++) {
		status = report_file(&l, *path);
		worst = worst == TOOL_OK ? status : worst;
	}
	return live_end(&l, worst);
}

static enum tool_status record_failed(const char *path)
{
	tool_err("%s: writing the recording: %s", path, strerror(errno));
	return TOOL_FAILED;
}

/* @last: the first look; out: the latest one */
static enum tool_status record_looks(struct ctele_reader *r, FILE *f,
				     const struct ctrace_options *opts, struct ctele_set *last)
{
	enum tool_status status = TOOL_OK;
	struct ctele_set missing = { .nr = 0 };
	struct record_writer w;
	struct pace pace;

	pace_begin(&pace);
	if (!record_write_head(&w, f, last))
		return record_failed(opts->output);
	while (status == TOOL_OK && !r->end) {
		if (!record_write_look(&w, last))
			return record_failed(opts->output);
		ctele_lost_add(&missing, last);
		w.events += last->nr_events;
		if ((long)w.looks == opts->count || !pace_wait(&pace, opts->delay))
			break;
		ctele_free(last);
		status = live_load(r, last, false);
	}
	if (!record_write_end(&w))
		return record_failed(opts->output);
	last->events_lost = missing.events_lost;
	last->events_cut = missing.events_cut;
	last->events_damaged = missing.events_damaged;
	tool_err("%s: %" PRIu64 " looks, %zu vCPUs in the last one, %" PRIu64 " events, %" PRIu64 " bytes",
		 opts->output, w.looks, last->nr, w.events, w.bytes);
	return status;
}

/* Nothing is written over when there is nothing to record. */
static enum tool_status record_to(struct ctele_reader *r, const struct ctrace_options *opts)
{
	enum tool_status status;
	struct ctele_set last;
	FILE *f;

	status = ctele_load(r, &last);
	if (status != TOOL_OK)
		goto out;
	f = fopen(opts->output, "we");
	if (!f) {
		status = record_failed(opts->output);
		goto out;
	}
	status = record_looks(r, f, opts, &last);
	if (fclose(f) && status == TOOL_OK)
		status = record_failed(opts->output);
	if (status == TOOL_OK)
		status = last.status;
	status = ctele_lost_end(&last, opts->strict, status);
out:
	ctele_free(&last);
	return status;
}

/**
 * ctrace_record() - write looks into a file
 * @opts:	what and where to
 */
enum tool_status ctrace_record(const struct ctrace_options *opts)
{
	enum tool_status status;
	struct ctele_reader r;

	if (!opts->output) {
		tool_err("record: where to? ctrace record -o FILE");
		return TOOL_USAGE;
	}
	status = ctele_open(&r, &opts->source);
	if (status != TOOL_OK)
		return status;
	pace_signals();
	status = record_to(&r, opts);
	ctele_close(&r);
	return status;
}

// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* ctrace gap: the last handover of each vCPU. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctrace.h"

const char *const gap_step_names[GAP_NR_STEPS] = {
	[GAP_STOP]	= "stop",
	[GAP_RUN]	= "run",
	[GAP_KICK]	= "kick",
	[GAP_PARK]	= "park",
	[GAP_ADOPT]	= "adopt",
};

/* Records of earlier gaps come first: they are in the order of time. */
static void view_stalls(struct gap_view *view)
{
	const struct kvm_caretaker_telemetry *t = &view->v->tele;
	const struct kvm_caretaker_stall *s;
	uint64_t i;

	view->end = t->nr_stalls;
	view->first = t->nr_stalls;
	for (i = ctele_stall_first(t); i < t->nr_stalls; i++) {
		s = ctele_stall(t, i);
		view->bad += !ctele_stall_sane(s);
		if (s->tsc_start < view->g.run)
			view->earlier++;
		else if (view->first == t->nr_stalls)
			view->first = i;
	}
}

/**
 * gap_view_make() - look at the last gap of a vCPU
 * @view:	out
 * @v:		the vCPU
 *
 * Return: false when it had none.
 */
bool gap_view_make(struct gap_view *view, const struct ctele_vcpu *v)
{
	memset(view, 0, sizeof(*view));
	view->v = v;
	view->khz = v->tele.tsc_khz;
	if (!ctele_gap(&v->tele, &view->g))
		return false;
	view->at[GAP_STOP] = view->g.stop;
	view->at[GAP_RUN] = view->g.run;
	view->at[GAP_KICK] = view->g.kick;
	view->at[GAP_PARK] = view->g.park;
	view->at[GAP_ADOPT] = view->g.adopt;
	view_stalls(view);
	return true;
}

/**
 * gap_offset() - time since the start of the handover
 * @view:	the gap
 * @tsc:	TSC stamp, 0: not taken
 *
 * Return: nanoseconds or NS_NONE.
 */
uint64_t gap_offset(const struct gap_view *view, uint64_t tsc)
{
	return tsc_span(view->g.start, tsc, view->khz);
}

/**
 * gap_until_next() - how long a step took
 * @view:	the gap
 * @step:	the step
 *
 * Return: nanoseconds until the step after it; NS_NONE for the last one and when a stamp is
 * missing.
 */
uint64_t gap_until_next(const struct gap_view *view, enum gap_step step)
{
	if (step == GAP_ADOPT)
		return NS_NONE;
	return tsc_span(view->at[step], view->at[step + 1], view->khz);
}

/* One header for all subcommands */
void ctrace_json_header(const struct ctele_set *set, const char *command)
{
	json_begin("header");
	json_number("schema", TOOL_SCHEMA);
	json_string("tool", tool_name);
	json_string("version", TOOL_VERSION);
	json_string("command", command);
	json_string("kernel", set->kernel[0] ? set->kernel : NULL);
	if (!strcmp(command, "gap"))
		json_string("clock", "host TSC, ns from the stop of each vCPU, else from its run");
	json_number("vms", set->vms);
	json_number("vcpus", set->nr);
	json_number("unreadable", set->unreadable);
	json_number("damaged", set->damaged);
	json_number("untimed", set->untimed);
	json_number("lost", ctele_set_lost(set));
	json_end();
}

static enum tool_status gap_damaged(const struct gap_view *view)
{
	if (!view->bad)
		return TOOL_OK;
	tool_err("vCPU %ld: %llu stall records are damaged: shown as they are", view->v->dir_vcpu,
		 (unsigned long long)view->bad);
	return TOOL_FAILED;
}

static bool gap_show(const struct gap_view *view, const struct ctele_set *set,
		     const struct ctrace_options *opts)
{
	if (opts->json) {
		gap_print_json(view);
		if (opts->explain)
			explain_print_json(view);
		if (opts->events)
			gap_events_print_json(view, set);
		ledger_print_json(view);
		return true;
	}
	if (!(opts->explain ? explain_print(view) : gap_print(view)))
		return false;
	return !opts->events || gap_events_print(view, set);
}

/* *shown: vCPUs that had a gap */
static enum tool_status gap_show_all(const struct ctele_set *set,
				     const struct ctrace_options *opts, size_t *shown)
{
	enum tool_status worst = set->status;
	struct gap_view view;
	size_t i;

	for (i = 0; i < set->nr; i++) {
		if (!gap_view_make(&view, set->vcpus[i]))
			continue;
		view.boot = &set->boot;
		if (opts->json && !*shown)
			ctrace_json_header(set, "gap");
		if (!opts->json && *shown)
			putchar('\n');
		++*shown;
		if (!gap_show(&view, set, opts))
			return TOOL_FAILED;
		if (gap_damaged(&view) != TOOL_OK)
			worst = TOOL_FAILED;
	}
	return worst;
}

static enum tool_status gap_sum_all(const struct ctele_set *set,
				    const struct ctrace_options *opts, size_t *shown)
{
	struct summary *sum = summary_new(set);
	struct ctele_gap g;
	bool ok;
	size_t i;

	if (!sum)
		return TOOL_FAILED;
	for (i = 0; i < set->nr; i++) {
		if (!ctele_gap(&set->vcpus[i]->tele, &g))
			continue;
		summary_add(sum, set->vcpus[i], NULL, true);
		++*shown;
	}
	if (opts->json && *shown)
		ctrace_json_header(set, "gap");
	ok = !*shown || summary_print(sum, opts);
	free(sum);
	return ok ? set->status : TOOL_FAILED;
}

static size_t gap_count(const struct ctele_set *set)
{
	struct ctele_gap g;
	size_t i, n = 0;

	for (i = 0; i < set->nr; i++)
		n += ctele_gap(&set->vcpus[i]->tele, &g);
	return n;
}

/* Files instead of text: a message says where they are. */
static enum tool_status gap_files(const struct ctele_set *set, const struct ctrace_options *opts,
				  size_t *shown)
{
	enum tool_status status = TOOL_OK;

	*shown = gap_count(set);
	if (*shown && opts->html)
		status = html_write(opts->html, set);
	if (*shown && status == TOOL_OK && opts->perfetto)
		status = perfetto_write(opts->perfetto, set);
	return status == TOOL_OK ? set->status : status;
}

static enum tool_status gap_run(const struct ctele_set *set, const struct ctrace_options *opts)
{
	enum tool_status status;
	size_t shown = 0;

	if (opts->html || opts->perfetto)
		status = gap_files(set, opts, &shown);
	else if (opts->summary)
		status = gap_sum_all(set, opts, &shown);
	else
		status = gap_show_all(set, opts, &shown);
	if (shown || status != TOOL_OK)
		return status;
	tool_err("none of %zu vCPUs was handed over yet: there is a gap to show after a preserve",
		 set->nr);
	return TOOL_NODATA;
}

/**
 * ctrace_gap() - print the last gap of each vCPU
 * @opts:	what and how
 */
enum tool_status ctrace_gap(const struct ctrace_options *opts)
{
	enum tool_status status;
	struct ctele_set set;

	status = ctele_load_last(&opts->source, &set);
	if (status == TOOL_OK)
		status = ctele_lost_end(&set, opts->strict, gap_run(&set, opts));
	ctele_free(&set);
	return status;
}

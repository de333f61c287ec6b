// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The time of exits that were served, and the time ledger: what a vCPU did when it did not stand
 * still. Exits have no stamps of their own, so a slow one is told without when.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctrace.h"
#include "../lib/show.h"

const char *const ctrace_server_names[KVM_CARETAKER_NR_SERVERS] = {
	[KVM_CARETAKER_NATIVE]	= "native",
	[KVM_CARETAKER_HANDLER]	= "handler",
	[KVM_CARETAKER_KVM]	= "kvm",
	[KVM_CARETAKER_BLOCKED]	= "blocked",
};

/**
 * gap_exits_get() - exits of one row that were taken in gaps
 * @x:		out
 * @t:		telemetry
 * @row:	index of the reason, or CTELE_ROW_SHARED
 *
 * Return: false when there were none.
 */
bool gap_exits_get(struct gap_exits *x, const struct kvm_caretaker_telemetry *t, unsigned int row)
{
	unsigned int s;

	memset(x, 0, sizeof(*x));
	for (s = 0; s < KVM_CARETAKER_NR_SERVERS && ctele_row_used(t, row); s++) {
		times_add(&x->by[s], t, NULL, row, s, true);
		times_merge(&x->all, &x->by[s]);
	}
	return x->all.count;
}

static void gap_total(struct gap_exits *total, const struct kvm_caretaker_telemetry *t)
{
	struct gap_exits x;
	unsigned int row, s;

	memset(total, 0, sizeof(*total));
	for (row = 0; row < CTELE_NR_ROWS; row++) {
		if (!gap_exits_get(&x, t, row))
			continue;
		for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++)
			times_merge(&total->by[s], &x.by[s]);
	}
}

/**
 * struct slow - exits of one row by one server that took longer than a pause that is named
 * @row:	the row
 * @server:	the server
 * @count:	at least so many
 * @x:		the exits
 * @alone:	all were taken in gaps; else some may have been before or after
 */
struct slow {
	unsigned int row;
	unsigned int server;
	uint64_t count;
	struct times x;
	bool alone;
};

/* Those that blocked are pauses, and told as such. */
static bool slow_find(struct slow *slow, const struct kvm_caretaker_telemetry *t, unsigned int row,
		      unsigned int server)
{
	*slow = (struct slow){ .row = row, .server = server, .alone = true };
	times_add(&slow->x, t, NULL, row, server, true);
	if (!slow->x.count)
		return false;
	if (slow->x.no_hist) {
		memset(&slow->x, 0, sizeof(slow->x));
		times_add(&slow->x, t, NULL, row, server, false);
		slow->alone = false;
	}
	slow->count = times_longer(&slow->x, PAUSE_NAMED_NS);
	return slow->count;
}

static void slow_each(const struct gap_view *view,
		      void (*show)(const struct gap_view *view, const struct slow *slow))
{
	struct slow slow;
	unsigned int row, s;

	for (row = 0; row < CTELE_NR_ROWS; row++)
		for (s = 0; s < KVM_CARETAKER_BLOCKED && ctele_row_used(&view->v->tele, row); s++)
			if (slow_find(&slow, &view->v->tele, row, s))
				show(view, &slow);
}

/* In the names of causes, which pauses have as well */
static const char *slow_cause(const struct slow *slow)
{
	return slow->server == KVM_CARETAKER_HANDLER ? "slow-handler" : "slow-native";
}

static const char *slow_remedy(const struct slow *slow)
{
	if (slow->server == KVM_CARETAKER_HANDLER)
		return "make the handler of this class shorter; see ctrace hist for its times";
	return "the payload itself is short: look for what keeps the pCPU, as SMIs do";
}

static void slow_print(const struct gap_view *view, const struct slow *slow)
{
	char name[REASON_NAME_MAX], max[FMT_MAX];

	printf("  slow: %s served by %s: at least %" PRIu64 " of %" PRIu64 " exits took longer than 10 us, the longest %s%s\n",
	       reason_name_index(slow->row, name), ctrace_server_names[slow->server], slow->count,
	       slow->x.timed, fmt_ns(times_max_ns(&slow->x), max),
	       slow->alone ? "" : " (those outside of gaps are among them)");
	if (slow->server == KVM_CARETAKER_HANDLER)
		printf("      to do: %s\n", slow_remedy(slow));
}

/**
 * served_print() - what exits that were served in gaps took, and which were slow
 * @view:	the gap
 */
void served_print(const struct gap_view *view)
{
	char ns[FMT_MAX], mean[FMT_MAX];
	struct gap_exits total;
	const char *comma = "";
	unsigned int s;

	if (!ctele_timed(&view->v->tele)) {
		printf("  telemetry of ABI 1: the time of exits that were served is not known\n");
		return;
	}
	gap_total(&total, &view->v->tele);
	printf("  served in gaps: ");
	for (s = 0; s < KVM_CARETAKER_BLOCKED; s++) {
		if (!total.by[s].count)
			continue;
		printf("%s%s %" PRIu64 " exits in %s (mean %s)", comma, ctrace_server_names[s],
		       total.by[s].count, fmt_ns(times_ns(&total.by[s]), ns),
		       fmt_ns(times_mean_ns(&total.by[s]), mean));
		comma = ", ";
	}
	printf("%s\n", comma[0] ? "" : "none");
	slow_each(view, slow_print);
}

static void slow_json(const struct gap_view *view, const struct slow *slow)
{
	char name[REASON_NAME_MAX];

	json_begin("slow");
	show_json(view->v);
	json_string("cause", slow_cause(slow));
	json_string("remedy", slow_remedy(slow));
	json_string("reason", reason_name_index(slow->row, name));
	json_string("server", ctrace_server_names[slow->server]);
	json_number("at_least", slow->count);
	json_number("longer_than_ns", PAUSE_NAMED_NS);
	json_bool("gaps_alone", slow->alone);
	show_json_times(&slow->x);
	json_end();
}

void served_print_json(const struct gap_view *view)
{
	slow_each(view, slow_json);
}

/**
 * ledger_print() - what the time of a vCPU went to
 * @view:	its gap
 */
void ledger_print(const struct gap_view *view)
{
	struct ledger l = { .vcpus = 0 };
	char ns[FMT_MAX], text[64];
	unsigned int i;

	ledger_add(&l, view->v, NULL);
	if (l.missing) {
		printf("time ledger: not known, this telemetry has none\n");
		return;
	}
	printf("time ledger since install, %s:", fmt_ns(tsc_to_ns(l.elapsed, l.khz), ns));
	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++)
		printf(" %s %s (%.2f %%),", ledger_names[i],
		       fmt_ns(tsc_to_ns(l.by[i], l.khz), ns), ledger_percent(&l, l.by[i]));
	printf(" residual %s\n", ledger_residual_text(&l, text, sizeof(text)));
}

void ledger_print_json(const struct gap_view *view)
{
	struct ledger l = { .vcpus = 0 };

	ledger_add(&l, view->v, NULL);
	if (l.missing)
		return;
	json_begin("ledger");
	show_json(view->v);
	show_json_ledger(&l);
	json_end();
}

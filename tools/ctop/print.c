// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* One look as a table or as NDJSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctop.h"
#include "../lib/output.h"
#include "../lib/show.h"

static void gap_of_vcpu(struct ctop_gap *all, const struct kvm_caretaker_telemetry *t,
			const struct ctele_set *set)
{
	struct ctele_gap g;
	uint64_t ns, ago;

	if (!ctele_gap(t, &g))
		return;
	all->in_gap += !g.kick;
	ns = tsc_span(g.run, g.kick ? g.kick : set->tsc, t->tsc_khz);
	if (ns != NS_NONE && ns > all->ns)
		all->ns = ns;
	ago = tsc_span(g.kick, set->tsc, t->tsc_khz);
	if (ago != NS_NONE && ago < set->realtime_ns &&
	    (all->ended_ns == NS_NONE || set->realtime_ns - ago > all->ended_ns))
		all->ended_ns = set->realtime_ns - ago;
}

/**
 * gap_of_set() - the last gap of all vCPUs
 * @set:	the vCPUs
 */
struct ctop_gap gap_of_set(const struct ctele_set *set)
{
	struct ctop_gap all = { .ended_ns = NS_NONE };
	size_t i;

	for (i = 0; i < set->nr; i++)
		gap_of_vcpu(&all, &set->vcpus[i]->tele, set);
	return all;
}

/**
 * print_clock() - a time for people
 * @realtime_ns: CLOCK_REALTIME
 * @buf:	FMT_MAX bytes
 * @form:	of strftime()
 */
const char *print_clock(uint64_t realtime_ns, char *buf, const char *form)
{
	time_t t = realtime_ns / 1000000000;
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(buf, FMT_MAX, form, &tm))
		return "-";
	return buf;
}

static void header_what(const struct ctele_set *set, const struct ctop_options *opts)
{
	struct ctop_gap g = gap_of_set(set);
	char buf[FMT_MAX];

	if (set->nr_rehearsals) {
		printf("last rehearsal of each VM, exits while detached");
		return;
	}
	if (!opts->gap) {
		printf("exits since install, gaps included");
		return;
	}
	printf("gap %s", fmt_ns(g.ns, buf));
	if (g.in_gap)
		printf(", %u still in it", g.in_gap);
	else if (g.ended_ns != NS_NONE)
		printf(", ended %s", print_clock(g.ended_ns, buf, "%H:%M:%S"));
	printf(", exits of all gaps since install");
}

static void table_header(const struct ctele_set *set, const struct ctop_options *opts)
{
	char buf[FMT_MAX];

	printf("ctop %s", print_clock(set->realtime_ns, buf, "%Y-%m-%d %H:%M:%S"));
	printf("  kernel %s", set->kernel[0] ? set->kernel : "-");
	printf("  VMs %u  vCPUs %zu  ", set->vms, set->nr);
	header_what(set, opts);
	if (set->untimed)
		printf("  no times and no ledger for %u vCPUs (telemetry of ABI 1)", set->untimed);
	printf("  lost %" PRIu64 "\n", ctele_set_lost(set));
	print_rehearsals(set);
}

static void times_cells(struct table *t, const struct ctop_row *row)
{
	char buf[FMT_MAX];

	table_text(t, fmt_ns(times_ns(&row->time), buf));
	table_text(t, fmt_ns(times_mean_ns(&row->time), buf));
	table_text(t, fmt_ns(times_percentile_ns(&row->time, 50), buf));
	table_text(t, fmt_ns(times_percentile_ns(&row->time, 99), buf));
	table_text(t, fmt_ns(times_max_ns(&row->time), buf));
	if (row->share < 0)
		table_text(t, "-");
	else
		table_cell(t, "%.2f", row->share);
}

static void table_row(struct table *t, const struct ctop_row *row, bool times, bool rates)
{
	char buf[REASON_NAME_MAX];
	unsigned int i;

	show_cells(t, row->v);
	table_text(t, row->reason == CTOP_NO_REASON ? "-" : reason_name_index(row->reason, buf));
	for (i = 0; i < KVM_CARETAKER_NR_SERVERS; i++)
		table_number(t, row->by[i]);
	table_number(t, row->total);
	if (times)
		times_cells(t, row);
	if (!rates)
		return;
	if (row->rate < 0)
		table_text(t, "-");
	else
		table_cell(t, "%.1f", row->rate);
}

static bool print_table(const struct ctele_set *set, const struct ctop_rows *rows,
			const struct ctop_options *opts)
{
	static const char *const times_heads[] = {
		"TIME", "MEAN", "P50<=", "P99<=", "MAX", "%TIME",
	};
	bool rates = opts->count != 1, times = set->untimed < set->nr;
	struct table t;
	size_t i;

	table_header(set, opts);
	table_begin(&t, 11, 1 << 3 | 1 << 5, "PID", "VCPU", "PCPU", "STATE", "STALLS",
		    "REASON", "NATIVE", "HANDLER", "KVM", "BLOCKED", "TOTAL");
	for (i = 0; times && i < TOOL_NELEM(times_heads); i++)
		table_column(&t, times_heads[i]);
	if (rates)
		table_column(&t, "RATE/s");
	for (i = 0; i < rows->nr; i++)
		table_row(&t, &rows->rows[i], times, rates);
	if (!table_end(&t, 0))
		return false;
	if (rows->cut)
		printf("(%zu more rows)\n", rows->cut);
	return print_sets(set) && (!times || print_ledgers(set, rows));
}

static void json_header(const struct ctele_set *set, const struct ctop_rows *rows,
			const struct ctop_options *opts, unsigned long look)
{
	struct ctop_gap g = gap_of_set(set);

	json_begin("header");
	json_number("schema", TOOL_SCHEMA);
	json_string("tool", tool_name);
	json_string("version", TOOL_VERSION);
	json_string("kernel", set->kernel[0] ? set->kernel : NULL);
	json_number("look", look);
	json_number("time_ns", set->realtime_ns);
	json_string("exits", set->nr_rehearsals ? "rehearsal" : opts->gap ? "gap" : "all");
	if (opts->gap && !set->nr_rehearsals) {
		json_number("gap_ns", g.ns);
		json_number("in_gap", g.in_gap);
		json_ns("gap_ended_ns", g.ended_ns);
	}
	json_number("vms", set->vms);
	json_number("vcpus", set->nr);
	json_number("rows_cut", rows->cut);
	json_number("unreadable", set->unreadable);
	json_number("damaged", set->damaged);
	json_number("untimed", set->untimed);
	json_number("lost", ctele_set_lost(set));
	json_end();
}

static void json_or_null(const char *key, long value)
{
	if (value < 0)
		json_null(key);
	else
		json_number(key, value);
}

static void json_vcpu(const struct ctele_vcpu *v)
{
	const struct kvm_caretaker_telemetry *t = &v->tele;
	char digest[CTELE_DIGEST_TEXT];

	json_begin("vcpu");
	show_json(v);
	json_string("state", v->state[0] ? v->state : NULL);
	json_or_null("pcpu", v->pcpu);
	json_or_null("apic_id", v->apic_id);
	json_string("handlers", v->handlers[0] ? v->handlers : NULL);
	json_string("digest", ctele_digest(v, 2 * CTELE_DIGEST_BYTES, digest));
	json_number("abi", t->abi);
	json_number("stalls", t->nr_stalls);
	json_number("stray", t->stray);
	json_number("fault", t->fault);
	json_number("fuel_out", t->fuel_out);
	json_ns("idle_ns", tsc_to_ns(t->idle_tsc, t->tsc_khz));
	json_end();
}

static void json_row(const struct ctop_row *row)
{
	char buf[REASON_NAME_MAX];

	if (row->reason == CTOP_NO_REASON)
		return;
	json_begin("exit");
	show_json(row->v);
	json_string("reason", reason_name_index(row->reason, buf));
	json_number("index", row->reason);
	json_number("native", row->by[KVM_CARETAKER_NATIVE]);
	json_number("handler", row->by[KVM_CARETAKER_HANDLER]);
	json_number("kvm", row->by[KVM_CARETAKER_KVM]);
	json_number("blocked", row->by[KVM_CARETAKER_BLOCKED]);
	json_number("total", row->total);
	if (row->rate < 0)
		json_null("rate_per_s");
	else
		json_real("rate_per_s", row->rate);
	json_ns("stalled_ns", row->stalled_ns);
	json_ns("max_stall_ns", row->longest_ns);
	json_times(row);
	json_end();
}

static void print_json(const struct ctele_set *set, const struct ctop_rows *rows,
		       const struct ctop_options *opts, unsigned long look)
{
	size_t i;

	json_header(set, rows, opts, look);
	json_rehearsals(set);
	for (i = 0; i < set->nr; i++) {
		json_vcpu(set->vcpus[i]);
		json_ledger(set->vcpus[i]);
	}
	for (i = 0; i < rows->nr; i++)
		json_row(&rows->rows[i]);
}

/**
 * print_look() - print one look
 * @set:	what was read
 * @rows:	the rows of it
 * @opts:	form
 * @look:	number of the look, from 1
 *
 * Return: false when memory ran out; a message has told so.
 */
bool print_look(const struct ctele_set *set, const struct ctop_rows *rows,
		const struct ctop_options *opts, unsigned long look)
{
	switch (opts->form) {
	case CTOP_JSON:
		print_json(set, rows, opts, look);
		return true;
	case CTOP_CSV:
		print_csv(set, rows, look);
		return true;
	case CTOP_OPENMETRICS:
		if (!set->nr_rehearsals)
			return print_openmetrics(set, opts);
		print_rehearsal_metrics(set, opts);
		return true;
	case CTOP_TABLE:
		break;
	}
	if (look > 1)
		putchar('\n');
	return print_table(set, rows, opts);
}

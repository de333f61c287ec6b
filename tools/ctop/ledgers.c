// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* What the time of each vCPU went to, and what its handlers were used for. */
#include <stdio.h>
#include <string.h>

#include "ctop.h"
#include "../lib/output.h"
#include "../lib/show.h"

/* Without -r all are shown; with it those that have a row. */
static bool vcpu_shown(const struct ctele_vcpu *v, const struct ctop_rows *rows)
{
	size_t i;

	for (i = 0; rows->cut && i < rows->nr; i++)
		if (rows->rows[i].v == v)
			return true;
	return !rows->cut;
}

static void vcpu_cells(struct table *t, const struct ctele_vcpu *v)
{
	if (v->pid < 0)
		table_text(t, "-");
	else
		table_cell(t, "%ld", v->pid);
	table_cell(t, "%ld", v->dir_vcpu);
}

static void ledger_row(struct table *t, const struct ctele_vcpu *v)
{
	struct ledger l = { .vcpus = 0 };
	char buf[FMT_MAX + 32];
	unsigned int i;

	ledger_add(&l, v, NULL);
	vcpu_cells(t, v);
	table_text(t, l.missing ? "-" : fmt_ns(tsc_to_ns(l.elapsed, l.khz), buf));
	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++) {
		if (l.missing)
			table_text(t, "-");
		else
			table_cell(t, "%.3f", ledger_percent(&l, l.by[i]));
	}
	table_text(t, l.missing ? "not known" : ledger_residual_text(&l, buf, sizeof(buf)));
}

static bool ledgers_table(const struct ctele_set *set, const struct ctop_rows *rows)
{
	struct table t;
	size_t i;

	printf("\ntime %s in %%, by who had the vCPU; residual is the time in no account\n",
	       set->nr_rehearsals ? "of the rehearsal" : "since install");
	table_begin(&t, 11, 0, "PID", "VCPU", "ELAPSED", "GUEST", "NATIVE", "HANDLER", "KVM",
		    "BLOCKED", "HALTED", "HANDOVER", "RESIDUAL");
	for (i = 0; i < set->nr; i++)
		if (vcpu_shown(set->vcpus[i], rows))
			ledger_row(&t, set->vcpus[i]);
	return table_end(&t, 0);
}

static bool class_used(const struct ctele_vcpu *v, unsigned int class)
{
	return ctele_timed(&v->tele) && v->tele.classes[class].calls;
}

static void class_rows(struct table *t, const struct ctele_vcpu *v)
{
	char buf[FMT_MAX], name[24];
	uint64_t ns;
	unsigned int c;

	for (c = 0; c < KVM_CARETAKER_NR_CLASS_USES; c++) {
		if (!class_used(v, c))
			continue;
		ns = tsc_to_ns(v->tele.classes[c].cycles, v->tele.tsc_khz);
		vcpu_cells(t, v);
		table_text(t, class_name(c, name, sizeof(name)));
		table_number(t, v->tele.classes[c].calls);
		table_text(t, fmt_ns(ns, buf));
		table_text(t, fmt_ns(ns == NS_NONE ? ns : ns / v->tele.classes[c].calls, buf));
	}
}

static bool any_class(const struct ctele_set *set, const struct ctop_rows *rows)
{
	unsigned int c;
	size_t i;

	for (i = 0; i < set->nr; i++)
		for (c = 0; c < KVM_CARETAKER_NR_CLASS_USES; c++)
			if (class_used(set->vcpus[i], c) && vcpu_shown(set->vcpus[i], rows))
				return true;
	return false;
}

static bool classes_table(const struct ctele_set *set, const struct ctop_rows *rows)
{
	struct table t;
	size_t i;

	if (!any_class(set, rows))
		return true;
	printf("\ncalls of handlers by exit class %s, whatever the verdict\n",
	       set->nr_rehearsals ? "in the rehearsal" : "since install");
	table_begin(&t, 6, 1 << 2, "PID", "VCPU", "CLASS", "CALLS", "TIME", "MEAN");
	for (i = 0; i < set->nr; i++)
		if (vcpu_shown(set->vcpus[i], rows))
			class_rows(&t, set->vcpus[i]);
	return table_end(&t, 0);
}

/**
 * print_ledgers() - time ledgers and uses of handlers, as tables
 * @set:	what was read
 * @rows:	its rows
 *
 * Return: false when memory ran out; a message has told so.
 */
bool print_ledgers(const struct ctele_set *set, const struct ctop_rows *rows)
{
	return ledgers_table(set, rows) && classes_table(set, rows);
}

static void json_classes(const struct ctele_vcpu *v)
{
	char name[24];
	uint64_t ns;
	unsigned int c;

	for (c = 0; c < KVM_CARETAKER_NR_CLASS_USES; c++) {
		if (!class_used(v, c))
			continue;
		ns = tsc_to_ns(v->tele.classes[c].cycles, v->tele.tsc_khz);
		json_begin("class");
		show_json(v);
		json_string("class", class_name(c, name, sizeof(name)));
		json_number("calls", v->tele.classes[c].calls);
		json_ns("time_ns", ns);
		json_ns("mean_ns", ns == NS_NONE ? ns : ns / v->tele.classes[c].calls);
		json_end();
	}
}

/**
 * json_ledger() - time ledger of a vCPU and uses of its handlers as NDJSON
 * @v:		the vCPU
 */
void json_ledger(const struct ctele_vcpu *v)
{
	struct ledger l = { .vcpus = 0 };

	ledger_add(&l, v, NULL);
	if (l.missing)
		return;
	json_begin("ledger");
	show_json(v);
	show_json_ledger(&l);
	json_end();
	json_classes(v);
}

static void json_shared(const struct kvm_caretaker_telemetry *t)
{
	char name[REASON_NAME_MAX];
	const char *comma = "";
	unsigned int r;

	printf(",\"shared\":[");
	for (r = 0; r < KVM_CARETAKER_NR_REASONS; r++) {
		if (!ctele_row_shares(t, r))
			continue;
		printf("%s\"%s\"", comma, reason_name_index(r, name));
		comma = ",";
	}
	printf("]");
}

/**
 * json_times() - keys of the times of a row
 * @row:	the row
 */
void json_times(const struct ctop_row *row)
{
	char key[24];
	unsigned int s;

	for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++) {
		snprintf(key, sizeof(key), "%s_ns", server_names[s]);
		json_ns(key, row->by[s] ? row->ns_by[s] : NS_NONE);
	}
	show_json_times(&row->time);
	if (row->share < 0)
		json_null("share_percent");
	else
		json_real("share_percent", row->share);
	if (row->reason == CTELE_ROW_SHARED)
		json_shared(&row->v->tele);
}

// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* A vCPU in the output of every tool. */
#include <inttypes.h>
#include <stdio.h>

#include "show.h"

void show_cells(struct table *t, const struct ctele_vcpu *v)
{
	if (v->pid < 0)
		table_text(t, "-");
	else
		table_cell(t, "%ld", v->pid);
	table_cell(t, "%ld", v->dir_vcpu);
	if (v->pcpu >= 0)
		table_cell(t, "%d", v->pcpu);
	else if (v->apic_id >= 0)
		table_cell(t, "apic%ld", v->apic_id);
	else
		table_text(t, "-");
	table_text(t, v->state[0] ? v->state : "-");
	table_number(t, v->tele.nr_stalls);
}

/* Whose record this is, and what is missing of that vCPU */
void show_json(const struct ctele_vcpu *v)
{
	json_hex("vm", v->tele.vm_id, 16);
	if (v->pid < 0)
		json_null("pid");
	else
		json_number("pid", v->pid);
	json_number("vcpu", v->dir_vcpu);
	json_number("lost", ctele_lost(v));
}

static void json_buckets(const struct times *x)
{
	unsigned int first, last, i;
	bool any = times_range(x, &first, &last);

	if (!times_hist_known(x)) {
		if (json_array("buckets"))
			printf("null");
		return;
	}
	if (!json_array("buckets"))
		return;
	putchar('[');
	for (i = first; any && i <= last; i++) {
		printf("%s{\"from_ns\":%" PRIu64, i == first ? "" : ",", times_from_ns(x, i));
		if (i + 1 < TIMES_NR)
			json_number("below_ns", times_from_ns(x, i + 1));
		else
			json_null("below_ns");
		json_number("count", x->buckets[i]);
		putchar('}');
	}
	putchar(']');
}

void show_json_times(const struct times *x)
{
	if (times_hist_known(x))
		json_number("timed", x->timed);
	else
		json_null("timed");
	json_ns("time_ns", times_ns(x));
	json_ns("mean_ns", times_mean_ns(x));
	json_ns("p50_le_ns", times_percentile_ns(x, 50));
	json_ns("p99_le_ns", times_percentile_ns(x, 99));
	json_ns("max_ns", times_max_ns(x));
	json_bool("max_exact", !x->max_le);
	json_buckets(x);
}

void show_json_ledger(const struct ledger *l)
{
	char key[24];
	unsigned int i;

	json_ns("elapsed_ns", tsc_to_ns(l->elapsed, l->khz));
	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++) {
		snprintf(key, sizeof(key), "%s_ns", ledger_names[i]);
		json_ns(key, tsc_to_ns(l->by[i], l->khz));
	}
	json_signed("residual_ns", ledger_residual_ns(l));
	json_real("residual_percent", l->elapsed ? 100.0 * l->residual / l->elapsed : 0);
}

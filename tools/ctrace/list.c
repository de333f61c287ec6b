// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* ctrace list: the VMs and vCPUs that have a Caretaker. */
#include <inttypes.h>
#include <stdio.h>

#include "ctrace.h"
#include "../lib/show.h"

static uint64_t list_gap(const struct ctele_vcpu *v)
{
	struct ctele_gap g;

	if (!ctele_gap(&v->tele, &g))
		return NS_NONE;
	return tsc_span(g.run, g.kick, v->tele.tsc_khz);
}

static void list_row(struct table *t, const struct ctele_vcpu *v)
{
	char buf[FMT_MAX], digest[CTELE_DIGEST_TEXT];

	table_cell(t, "%016" PRIx64, (uint64_t)v->tele.vm_id);
	show_cells(t, v);
	table_text(t, fmt_ns(list_gap(v), buf));
	table_text(t, v->handlers[0] ? v->handlers : "-");
	table_text(t, ctele_digest(v, CTELE_DIGEST_SHORT, digest) ? digest : "-");
}

static bool list_print(const struct ctele_set *set)
{
	struct table t;
	size_t i;

	table_begin(&t, 9, 1 << 0 | 1 << 4 | 1 << 7 | 1 << 8, "VM", "PID", "VCPU", "PCPU", "STATE",
		    "STALLS", "LAST GAP", "HANDLERS", "DIGEST");
	for (i = 0; i < set->nr; i++)
		list_row(&t, set->vcpus[i]);
	return table_end(&t, 0);
}

static void list_json_vcpu(const struct ctele_vcpu *v)
{
	char digest[CTELE_DIGEST_TEXT];

	json_begin("vcpu");
	show_json(v);
	json_string("state", v->state[0] ? v->state : NULL);
	if (v->pcpu < 0)
		json_null("pcpu");
	else
		json_number("pcpu", v->pcpu);
	json_string("handlers", v->handlers[0] ? v->handlers : NULL);
	json_string("digest", ctele_digest(v, 2 * CTELE_DIGEST_BYTES, digest));
	json_number("stalls", v->tele.nr_stalls);
	json_ns("gap_ns", list_gap(v));
	json_end();
}

static void list_json(const struct ctele_set *set)
{
	size_t i;

	ctrace_json_header(set, "list");
	for (i = 0; i < set->nr; i++)
		list_json_vcpu(set->vcpus[i]);
}

/**
 * ctrace_list() - print all vCPUs that have a Caretaker
 * @opts:	what and how
 */
enum tool_status ctrace_list(const struct ctrace_options *opts)
{
	enum tool_status status;
	struct ctele_set set;

	status = ctele_load_last(&opts->source, &set);
	if (status == TOOL_OK) {
		status = set.status;
		if (opts->json)
			list_json(&set);
		else if (!list_print(&set))
			status = TOOL_FAILED;
		status = ctele_lost_end(&set, opts->strict, status);
	}
	ctele_free(&set);
	return status;
}

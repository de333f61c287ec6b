// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* What the last rehearsal of each VM came to. */
#include <inttypes.h>
#include <stdio.h>

#include "ctop.h"
#include "../lib/output.h"
#include "../lib/rehearsal.h"

/**
 * print_rehearsals() - a line for each, below the header
 * @set:	what was read
 */
void print_rehearsals(const struct ctele_set *set)
{
	const struct ctele_rehearsal *h;
	char when[FMT_MAX];

	for (h = set->rehearsals; h < set->rehearsals + set->nr_rehearsals; h++)
		printf("VM %016" PRIx64 "  rehearsed until %s, detached %.3f of %.3f s in %" PRIu64
		       " rounds, exits that would block: %" PRIu64 ", verdict: %s\n", h->vm_id,
		       print_clock(h->ended_ns, when, "%Y-%m-%d %H:%M:%S"), h->detached_ns / 1e9,
		       h->want_ns / 1e9, h->rounds, h->blocked, rehearsal_verdict(h));
}

/**
 * json_rehearsals() - an object for each
 * @set:	what was read
 */
void json_rehearsals(const struct ctele_set *set)
{
	const struct ctele_rehearsal *h;

	for (h = set->rehearsals; h < set->rehearsals + set->nr_rehearsals; h++) {
		json_begin("rehearsal");
		json_hex("vm", h->vm_id, 16);
		json_number("ended_ns", h->ended_ns);
		json_number("want_ns", h->want_ns);
		json_number("detached_ns", h->detached_ns);
		json_number("rounds", h->rounds);
		json_number("blocked_exits", h->blocked);
		json_bool("passed", h->passed);
		json_string("verdict", rehearsal_verdict(h));
		json_number("lost", ctele_set_lost(set));
		json_end();
	}
}

static double verdict_of(const struct ctele_rehearsal *h)
{
	return h->passed;
}

static double blocked_of(const struct ctele_rehearsal *h)
{
	return h->blocked;
}

static double detached_of(const struct ctele_rehearsal *h)
{
	return h->detached_ns / 1e9;
}

static double end_of(const struct ctele_rehearsal *h)
{
	return h->ended_ns / 1e9;
}

static void exits_of_vcpu(const struct ctele_vcpu *v, const struct ctop_options *opts)
{
	uint64_t by[KVM_CARETAKER_NR_SERVERS];
	char reason[REASON_NAME_MAX];
	unsigned int r, s;

	for (r = 0; r < CTELE_NR_ROWS; r++) {
		if (!row_counts(v, r, true, by) || !ctele_row_wanted(&v->tele, r, opts->reasons))
			continue;
		for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++)
			if (by[s])
				printf("caretaker_rehearsal_exits{vm=\"%016" PRIx64
				       "\",vcpu=\"%ld\",reason=\"%s\",server=\"%s\"} %" PRIu64
				       "\n", (uint64_t)v->tele.vm_id, v->dir_vcpu,
				       reason_name_index(r, reason), server_names[s], by[s]);
	}
}

/**
 * print_rehearsal_metrics() - what gates an update: gauges, for the counters are not since install
 * @set:	what was read
 * @opts:	filters
 */
void print_rehearsal_metrics(const struct ctele_set *set, const struct ctop_options *opts)
{
	static const struct {
		const char *name;
		const char *help;
		double (*value)(const struct ctele_rehearsal *h);
	} gauges[] = {
		{ "passed", "1 when the last rehearsal found nothing that would block.",
		  verdict_of },
		{ "blocked_exits", "Exits in it that would block in a gap.", blocked_of },
		{ "detached_seconds", "Time that the VM was detached in it.", detached_of },
		{ "end_timestamp_seconds", "When it ended.", end_of },
	};
	const struct ctele_rehearsal *h;
	unsigned int g;
	size_t i;

	for (g = 0; g < TOOL_NELEM(gauges); g++) {
		printf("# HELP caretaker_rehearsal_%s %s\n# TYPE caretaker_rehearsal_%s gauge\n",
		       gauges[g].name, gauges[g].help, gauges[g].name);
		for (h = set->rehearsals; h < set->rehearsals + set->nr_rehearsals; h++)
			printf("caretaker_rehearsal_%s{vm=\"%016" PRIx64 "\"} %.9f\n",
			       gauges[g].name, h->vm_id, gauges[g].value(h));
	}
	printf("# HELP caretaker_rehearsal_exits VM exits while detached in it.\n"
	       "# TYPE caretaker_rehearsal_exits gauge\n");
	for (i = 0; i < set->nr; i++)
		exits_of_vcpu(set->vcpus[i], opts);
	printf("# EOF\n");
}

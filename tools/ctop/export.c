// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* One look as comma-separated values, or as metrics for a textfile collector. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctop.h"
#include "../lib/output.h"

/* Quotes are doubled; what a terminal must not get becomes a question mark. */
static void csv_text(const char *s)
{
	printf(",\"");
	for (; *s; s++) {
		if (*s == '"')
			putchar('"');
		putchar((unsigned char)*s < ' ' || (unsigned char)*s > '~' ? '?' : *s);
	}
	putchar('"');
}

static void csv_number_or_none(long v)
{
	if (v < 0)
		putchar(',');
	else
		printf(",%ld", v);
}

static void csv_ns(uint64_t ns)
{
	if (ns == NS_NONE)
		putchar(',');
	else
		printf(",%" PRIu64, ns);
}

static void csv_row(const struct ctele_set *set, const struct ctop_row *row)
{
	const struct ctele_vcpu *v = row->v;
	char name[REASON_NAME_MAX];
	unsigned int i;

	printf("%" PRIu64 ",%016" PRIx64, set->realtime_ns, (uint64_t)v->tele.vm_id);
	csv_number_or_none(v->pid);
	printf(",%ld", v->dir_vcpu);
	csv_text(v->state);
	csv_number_or_none(v->pcpu);
	csv_text(v->handlers);
	csv_text(row->reason == CTOP_NO_REASON ? "" : reason_name_index(row->reason, name));
	for (i = 0; i < KVM_CARETAKER_NR_SERVERS; i++)
		printf(",%" PRIu64, row->by[i]);
	printf(",%" PRIu64, row->total);
	if (row->rate < 0)
		putchar(',');
	else
		printf(",%.3f", row->rate);
	csv_ns(row->stalled_ns);
	csv_ns(row->max_ns);
	printf(",%" PRIu64 ",%" PRIu64 "\n", (uint64_t)v->tele.nr_stalls,
	       ctele_stalls_lost(&v->tele));
}

/**
 * print_csv() - one line per vCPU and reason; the names of the columns come first, once
 * @set:	what was read
 * @rows:	the rows of it
 * @look:	number of the look, from 1
 */
void print_csv(const struct ctele_set *set, const struct ctop_rows *rows, unsigned long look)
{
	size_t i;

	if (look == 1)
		printf("time_ns,vm,pid,vcpu,state,pcpu,handlers,reason,native,handler,kvm,blocked,total,rate_per_s,stalled_ns,max_stall_ns,stalls,lost\n");
	for (i = 0; i < rows->nr; i++)
		csv_row(set, &rows->rows[i]);
}

static void metric_head(const char *name, const char *type, const char *help)
{
	printf("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void label_text(const char *key, const char *s)
{
	printf(",%s=\"", key);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			putchar('\\');
		putchar((unsigned char)*s < ' ' || (unsigned char)*s > '~' ? '?' : *s);
	}
	putchar('"');
}

static void metric_begin(const char *name, const struct ctele_vcpu *v)
{
	printf("%s{vm=\"%016" PRIx64 "\",vcpu=\"%ld\"", name, (uint64_t)v->tele.vm_id, v->dir_vcpu);
}

static const char *const server_names[KVM_CARETAKER_NR_SERVERS] = {
	[KVM_CARETAKER_NATIVE] = "native",
	[KVM_CARETAKER_HANDLER] = "handler",
	[KVM_CARETAKER_KVM] = "kvm",
	[KVM_CARETAKER_BLOCKED] = "blocked",
};

static void metric_exits_of(const char *name, const struct ctele_vcpu *v,
			    const struct ctop_options *opts, bool gap)
{
	uint64_t by[KVM_CARETAKER_NR_SERVERS];
	char reason[REASON_NAME_MAX];
	unsigned int r, i;

	for (r = 0; r < KVM_CARETAKER_NR_REASONS; r++) {
		if (!opts->reasons[r] || !row_counts(v, r, gap, by))
			continue;
		for (i = 0; i < KVM_CARETAKER_NR_SERVERS; i++) {
			if (!by[i])
				continue;
			metric_begin(name, v);
			label_text("reason", reason_name_index(r, reason));
			printf(",server=\"%s\"} %" PRIu64 "\n", server_names[i], by[i]);
		}
	}
}

static void metric_exits(const struct ctele_set *set, const struct ctop_options *opts)
{
	size_t i;

	if (!opts->gap) {
		metric_head("caretaker_exits_total", "counter",
			    "VM exits since the Caretaker was installed, gaps included.");
		for (i = 0; i < set->nr; i++)
			metric_exits_of("caretaker_exits_total", set->vcpus[i], opts, false);
	}
	metric_head("caretaker_gap_exits_total", "counter",
		    "VM exits that were taken while no kernel ran the vCPU.");
	for (i = 0; i < set->nr; i++)
		metric_exits_of("caretaker_gap_exits_total", set->vcpus[i], opts, true);
}

static void metric_counters(const struct ctele_set *set)
{
	static const struct {
		const char *name;
		size_t offset;
		const char *help;
	} counters[] = {
#define FIELD(f)	offsetof(struct kvm_caretaker_telemetry, f)
		{ "caretaker_stalls_total", FIELD(nr_stalls), "Blocking exits." },
		{ "caretaker_stray_events_total", FIELD(stray),
		  "NMI, machine checks and other stray events survived while detached." },
		{ "caretaker_fuel_out_total", FIELD(fuel_out),
		  "Calls of exit handlers that were cut off by their fuel." },
	};
	uint64_t value;
	size_t c, i;

	for (c = 0; c < TOOL_NELEM(counters); c++) {
		metric_head(counters[c].name, "counter", counters[c].help);
		for (i = 0; i < set->nr; i++) {
			memcpy(&value, (char *)&set->vcpus[i]->tele + counters[c].offset, 8);
			metric_begin(counters[c].name, set->vcpus[i]);
			printf("} %" PRIu64 "\n", value);
		}
	}
}

static void metric_times(const struct ctele_set *set)
{
	const struct ctele_vcpu *v;
	struct ctele_gap g;
	uint64_t ns;
	size_t i;

	metric_head("caretaker_gap_seconds", "gauge",
		    "Length of the last gap, from the first VMRUN to the kick; only once it is over.");
	for (i = 0; i < set->nr; i++) {
		v = set->vcpus[i];
		ns = ctele_gap(&v->tele, &g) ? tsc_span(g.run, g.kick, v->tele.tsc_khz) : NS_NONE;
		if (ns == NS_NONE)
			continue;
		metric_begin("caretaker_gap_seconds", v);
		printf("} %.9f\n", ns / 1e9);
	}
}

static void metric_states(const struct ctele_set *set)
{
	const struct ctele_vcpu *v;
	size_t i;

	metric_head("caretaker_vcpu_info", "gauge", "State and handlers of a vCPU; always 1.");
	for (i = 0; i < set->nr; i++) {
		v = set->vcpus[i];
		metric_begin("caretaker_vcpu_info", v);
		label_text("state", v->state[0] ? v->state : "unknown");
		label_text("handlers", v->handlers[0] ? v->handlers : "unknown");
		printf("} 1\n");
	}
}

/**
 * print_openmetrics() - all counters, whatever the order and number of rows
 * @set:	what was read
 * @opts:	filters
 */
void print_openmetrics(const struct ctele_set *set, const struct ctop_options *opts)
{
	metric_exits(set, opts);
	metric_counters(set);
	metric_times(set);
	metric_states(set);
	metric_head("caretaker_lost_total", "counter",
		    "Records that were replaced, and vCPUs that could not be read.");
	printf("caretaker_lost_total %" PRIu64 "\n# EOF\n", ctele_set_lost(set));
}

// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* One look as metrics for a textfile collector. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctop.h"
#include "../lib/output.h"

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

static void metric_exits_of(const char *name, const struct ctele_vcpu *v,
			    const struct ctop_options *opts, bool gap)
{
	uint64_t by[KVM_CARETAKER_NR_SERVERS];
	char reason[REASON_NAME_MAX];
	unsigned int r, i;

	for (r = 0; r < CTELE_NR_ROWS; r++) {
		if (!row_counts(v, r, gap, by) || !ctele_row_wanted(&v->tele, r, opts->reasons))
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

static double seconds(uint64_t cycles, uint32_t khz)
{
	return khz ? cycles / (khz * 1e3) : 0;
}

/**
 * struct family - histograms of all exits, put together in one way
 * @name:	of the metric
 * @help:	of the metric
 * @group:	which of the histograms has the exits of a row
 * @label:	writes the label of a group, with a comma behind it, or nothing
 */
struct family {
	const char *name;
	const char *help;
	unsigned int (*group)(unsigned int row);
	void (*label)(unsigned int group, char *buf, size_t len);
};

static unsigned int group_reason(unsigned int row)
{
	return row;
}

/* Names of reasons have no character that needs a backslash. */
static void label_reason(unsigned int group, char *buf, size_t len)
{
	char name[REASON_NAME_MAX];

	snprintf(buf, len, "reason=\"%s\",", reason_name_index(group, name));
}

static void label_class(unsigned int group, char *buf, size_t len)
{
	snprintf(buf, len, "class=\"%s\",", class_group_names[group]);
}

static unsigned int group_all(unsigned int row)
{
	return 0;
}

static void label_none(unsigned int group, char *buf, size_t len)
{
	*buf = '\0';
}

static const struct family families[] = {
	{ "caretaker_exit_duration_seconds",
	  "Time of VM exits by VM, reason and server, of those that are over.",
	  group_reason, label_reason },
	{ "caretaker_class_duration_seconds",
	  "The same by exit class and server; server=handler: the handler of that class.",
	  class_group, label_class },
	{ "caretaker_server_duration_seconds", "The same by server, all reasons.",
	  group_all, label_none },
};

/* Times of exits by group and server, summed up over the vCPUs of one VM */
struct vm_times {
	struct times by[CTELE_NR_ROWS][KVM_CARETAKER_NR_SERVERS];
};

static void vm_times_add(struct vm_times *vm, const struct family *f, const struct ctele_vcpu *v,
			 const struct ctop_options *opts)
{
	unsigned int r, s;

	for (r = 0; r < CTELE_NR_ROWS; r++) {
		if (!ctele_row_used(&v->tele, r) ||
		    !ctele_row_wanted(&v->tele, r, opts->reasons))
			continue;
		for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++)
			times_add(&vm->by[f->group(r)][s], &v->tele, NULL, r, s, opts->gap);
	}
}

/* Ends of the buckets as text, made once: there are many lines. A cycle count is whole. */
static const char *bucket_end(unsigned int bucket, uint32_t khz)
{
	static char ends[TIMES_NR][32];
	static uint32_t of_khz;
	unsigned int i;

	for (i = 0; of_khz != khz && i + 1 < TIMES_NR; i++)
		snprintf(ends[i], sizeof(ends[i]), "%.9g",
			 seconds(kvm_caretaker_bucket_from(i + 1) - 1, khz));
	of_khz = khz;
	return bucket + 1 < TIMES_NR ? ends[bucket] : "+Inf";
}

/* The same buckets in each look */
static void histogram_print(const struct family *f, const struct times *x,
			    const struct ctele_vcpu *v, unsigned int group, unsigned int server)
{
	char own[64], labels[128];
	uint64_t n = 0;
	unsigned int i;

	f->label(group, own, sizeof(own));
	snprintf(labels, sizeof(labels), "vm=\"%016" PRIx64 "\",%sserver=\"%s\"",
		 (uint64_t)v->tele.vm_id, own, server_names[server]);
	for (i = 0; i < TIMES_NR; i++) {
		n += x->buckets[i];
		printf("%s_bucket{%s,le=\"%s\"} %" PRIu64 "\n", f->name, labels,
		       bucket_end(i, x->khz), n);
	}
	printf("%s_sum{%s} %.9f\n%s_count{%s} %" PRIu64 "\n", f->name, labels,
	       seconds(x->cycles, x->khz), f->name, labels, n);
}

static void vm_times_print(struct vm_times *vm, const struct family *f, const struct ctele_vcpu *v)
{
	unsigned int g, s;

	for (g = 0; g < CTELE_NR_ROWS; g++)
		for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++)
			if (times_hist_known(&vm->by[g][s]) && v->tele.tsc_khz)
				histogram_print(f, &vm->by[g][s], v, g, s);
	memset(vm, 0, sizeof(*vm));
}

/* The set is sorted: the vCPUs of a VM stand together. */
static void metric_family(struct vm_times *vm, const struct family *f,
			  const struct ctele_set *set, const struct ctop_options *opts)
{
	const struct ctele_vcpu *v;
	size_t i;

	metric_head(f->name, "histogram", f->help);
	for (i = 0; i < set->nr; i++) {
		v = set->vcpus[i];
		vm_times_add(vm, f, v, opts);
		if (i + 1 == set->nr || v->tele.vm_id != set->vcpus[i + 1]->tele.vm_id)
			vm_times_print(vm, f, v);
	}
}

static bool metric_times_of_exits(const struct ctele_set *set, const struct ctop_options *opts)
{
	struct vm_times *vm = calloc(1, sizeof(*vm));
	unsigned int i;

	if (!vm) {
		tool_err("summing up times: no memory");
		return false;
	}
	for (i = 0; i < TOOL_NELEM(families); i++)
		metric_family(vm, &families[i], set, opts);
	free(vm);
	return true;
}

static void metric_ledger_of(const struct ctele_vcpu *v, bool residual)
{
	struct ledger l = { .vcpus = 0 };
	unsigned int i;

	ledger_add(&l, v, NULL);
	if (l.missing || !l.khz)
		return;
	for (i = 0; !residual && i < KVM_CARETAKER_NR_ACCOUNTS; i++) {
		metric_begin("caretaker_vcpu_seconds_total", v);
		printf(",account=\"%s\"} %.9f\n", ledger_names[i], seconds(l.by[i], l.khz));
	}
	if (residual) {
		metric_begin("caretaker_vcpu_ledger_residual_seconds", v);
		printf("} %.9f\n", ledger_residual_ns(&l) / 1e9);
	}
}

static void metric_ledgers(const struct ctele_set *set)
{
	size_t i;

	metric_head("caretaker_vcpu_seconds_total", "counter",
		    "Time since the first install by who had the vCPU.");
	for (i = 0; i < set->nr; i++)
		metric_ledger_of(set->vcpus[i], false);
	metric_head("caretaker_vcpu_ledger_residual_seconds", "gauge",
		    "Time since the first install that is in no account; negative: in two.");
	for (i = 0; i < set->nr; i++)
		metric_ledger_of(set->vcpus[i], true);
}

static void metric_classes_of(const struct ctele_vcpu *v, const char *metric, bool calls)
{
	const struct kvm_caretaker_class_use *use;
	char name[24];
	unsigned int c;

	for (c = 0; ctele_timed(&v->tele) && c < KVM_CARETAKER_NR_CLASS_USES; c++) {
		use = &v->tele.classes[c];
		if (!use->calls || (!calls && !v->tele.tsc_khz))
			continue;
		metric_begin(metric, v);
		printf(",class=\"%s\"} ", class_name(c, name, sizeof(name)));
		if (calls)
			printf("%" PRIu64 "\n", (uint64_t)use->calls);
		else
			printf("%.9f\n", seconds(use->cycles, v->tele.tsc_khz));
	}
}

static void metric_classes(const struct ctele_set *set)
{
	size_t i;

	metric_head("caretaker_handler_calls_total", "counter",
		    "Calls of exit handlers by exit class, whatever the verdict.");
	for (i = 0; i < set->nr; i++)
		metric_classes_of(set->vcpus[i], "caretaker_handler_calls_total", true);
	metric_head("caretaker_handler_seconds_total", "counter",
		    "Time of exit handlers by exit class.");
	for (i = 0; i < set->nr; i++)
		metric_classes_of(set->vcpus[i], "caretaker_handler_seconds_total", false);
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

static const char *metric_digest(const struct ctele_vcpu *v, char *buf)
{
	if (!strcmp(v->handlers, "none"))
		return "none";
	return ctele_digest(v, 2 * CTELE_DIGEST_BYTES, buf) ? buf : "unknown";
}

static void metric_state(const struct ctele_vcpu *v)
{
	char digest[CTELE_DIGEST_TEXT], pcpu[16] = "unknown";

	if (v->pcpu >= 0)
		snprintf(pcpu, sizeof(pcpu), "%d", v->pcpu);
	metric_begin("caretaker_vcpu_info", v);
	label_text("state", v->state[0] ? v->state : "unknown");
	label_text("pcpu", pcpu);
	label_text("handlers", v->handlers[0] ? v->handlers : "unknown");
	label_text("digest", metric_digest(v, digest));
	printf("} 1\n");
}

static void metric_states(const struct ctele_set *set)
{
	size_t i;

	metric_head("caretaker_vcpu_info", "gauge",
		    "State, pCPU and handlers of a vCPU; always 1.");
	for (i = 0; i < set->nr; i++)
		metric_state(set->vcpus[i]);
}

/**
 * print_openmetrics() - all counters, whatever the order and number of rows
 * @set:	what was read
 * @opts:	filters
 *
 * Return: false when memory ran out; a message has told so.
 */
bool print_openmetrics(const struct ctele_set *set, const struct ctop_options *opts)
{
	metric_exits(set, opts);
	if (!metric_times_of_exits(set, opts))
		return false;
	metric_ledgers(set);
	metric_classes(set);
	metric_counters(set);
	metric_times(set);
	metric_states(set);
	metric_head("caretaker_lost_total", "counter",
		    "Records that were replaced, and vCPUs that could not be read.");
	printf("caretaker_lost_total %" PRIu64 "\n# EOF\n", ctele_set_lost(set));
	return true;
}

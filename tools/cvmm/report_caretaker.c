// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The part of the report that is about a vCPU's Caretaker.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "cvmm.h"

/**
 * report_caretaker() - what the kernel knows of a vCPU's Caretaker, as a JSON value
 * @v: vCPU
 * @f: where to
 */
void report_caretaker(struct vcpu *v, FILE *f)
{
	struct kvm_caretaker_info i;

	if (caretaker_get_info(v->fd, &i)) {
		fprintf(f, "null");
		return;
	}
	fprintf(f, "{\"state\": \"%s\", \"flags\": %u, \"pcpu\": %u",
		caretaker_state_name(i.state), i.flags, i.pcpu);
	fprintf(f, ", \"apic_id\": %u", i.apic_id);
	fprintf(f, ", \"generation\": %u, \"preserved_bytes\": %" PRIu64 ", \"npt_bytes\": %" PRIu64
		", \"tsc_khz\": %u}", i.generation, (uint64_t)i.preserved_bytes,
		(uint64_t)i.npt_bytes, i.tsc_khz);
}

/* Without the empty buckets at the end */
static void hist_write(FILE *f, const struct kvm_caretaker_cell *c)
{
	int i, nr = KVM_CARETAKER_NR_BUCKETS;

	while (nr && !c->hist[nr - 1])
		nr--;
	fprintf(f, ", \"max\": %" PRIu64 ", \"hist\": [", (uint64_t)c->max);
	for (i = 0; i < nr; i++)
		fprintf(f, "%s%u", i ? ", " : "", c->hist[i]);
	fprintf(f, "]");
}

static void exits_write(FILE *f, const char *name, const struct kvm_caretaker_telemetry *t,
			bool gap)
{
	const char *sep = "";
	int i, s;

	fprintf(f, "      \"%s\": [", name);
	for (i = 0; i < KVM_CARETAKER_NR_SLOTS; i++) {
		for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++) {
			const struct kvm_caretaker_cell *c = &t->slots[i].by[s];
			uint64_t count = gap ? c->gap_count : c->count;

			if (!count)
				continue;
			fprintf(f, "%s{\"reason\": %u, \"served_by\": \"%s\", \"count\": %" PRIu64
				", \"cycles\": %" PRIu64, sep, t->slots[i].reason,
				caretaker_server_name(s), count,
				(uint64_t)(gap ? c->gap_cycles : c->cycles));
			hist_write(f, c);
			fprintf(f, "}");
			sep = ", ";
		}
	}
	fprintf(f, "],\n");
}

static void ledger_write(FILE *f, const struct kvm_caretaker_telemetry *t)
{
	int i;

	fprintf(f, "      \"tsc_first\": %" PRIu64 ", \"tsc_last\": %" PRIu64
		", \"open\": \"%s\",\n      \"ledger\": {", (uint64_t)t->tsc_first,
		(uint64_t)t->tsc_last, caretaker_account_name(t->open));
	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++)
		fprintf(f, "%s\"%s\": %" PRIu64, i ? ", " : "", caretaker_account_name(i),
			(uint64_t)t->ledger[i]);
	fprintf(f, "},\n      \"classes\": [");
	for (i = 0; i < KVM_CARETAKER_NR_CLASS_USES; i++)
		fprintf(f, "%s{\"calls\": %" PRIu64 ", \"cycles\": %" PRIu64 "}", i ? ", " : "",
			(uint64_t)t->classes[i].calls, (uint64_t)t->classes[i].cycles);
	fprintf(f, "],\n");
}

static void stalls_write(FILE *f, const struct kvm_caretaker_telemetry *t)
{
	uint64_t n = t->nr_stalls, i;

	fprintf(f, "      \"nr_stalls\": %" PRIu64 ", \"stalls\": [", n);
	i = n > KVM_CARETAKER_NR_STALLS ? n - KVM_CARETAKER_NR_STALLS : 0;
	for (; i < n; i++) {
		const struct kvm_caretaker_stall *s = &t->stalls[i % KVM_CARETAKER_NR_STALLS];

		fprintf(f, "{\"reason\": %" PRIu64 ", \"info1\": %" PRIu64 ", \"info2\": %" PRIu64
			", \"rip\": %" PRIu64 ", \"start\": %" PRIu64 ", \"end\": %" PRIu64
			"}%s", (uint64_t)s->reason, (uint64_t)s->info1, (uint64_t)s->info2,
			(uint64_t)s->rip, (uint64_t)s->tsc_start, (uint64_t)s->tsc_end,
			i + 1 < n ? ", " : "");
	}
	fprintf(f, "]\n");
}

static void counters_write(FILE *f, const struct kvm_caretaker_telemetry *t)
{
	const struct { const char *name; uint64_t value; } list[] = {
		{ "vcpu", t->vcpu }, { "tsc_khz", t->tsc_khz }, { "vm_id", t->vm_id },
		{ "tsc_stop", t->tsc_stop }, { "tsc_run", t->tsc_run },
		{ "tsc_kick", t->tsc_kick }, { "tsc_park", t->tsc_park },
		{ "tsc_adopt", t->tsc_adopt },
		{ "stray", t->stray }, { "stray_vector", t->stray_vector },
		{ "stray_tsc", t->stray_tsc },
		{ "fault", t->fault }, { "fault_rip", t->fault_rip },
		{ "machine_checks", t->machine_checks }, { "mc_status", t->mc_status },
		{ "mc_bank", t->mc_bank }, { "mc_addr", t->mc_addr },
		{ "mcg_status", t->mcg_status }, { "mc_tsc", t->mc_tsc },
		{ "idle_tsc", t->idle_tsc }, { "halts", t->halts }, { "fuel_out", t->fuel_out },
		{ "timer_fired", t->timer_fired }, { "timer_irqs", t->timer_irqs },
		{ "ipi_sent", t->ipi_sent }, { "ipi_received", t->ipi_received },
		{ "ipi_kicks", t->ipi_kicks }, { "injected", t->injected },
	};
	size_t i;

	fprintf(f, "     ");
	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		fprintf(f, " \"%s\": %" PRIu64 ",", list[i].name, list[i].value);
	fprintf(f, "\n");
}

/**
 * report_telemetry() - a vCPU's telemetry, as a JSON value
 * @v: vCPU
 * @f: where to
 */
void report_telemetry(struct vcpu *v, FILE *f)
{
	struct kvm_caretaker_telemetry *t = calloc(1, sizeof(*t));

	if (!t || caretaker_get_telemetry(v->fd, t)) {
		fprintf(f, "null");
		free(t);
		return;
	}
	fprintf(f, "{\n");
	counters_write(f, t);
	ledger_write(f, t);
	exits_write(f, "exits", t, false);
	exits_write(f, "gap_exits", t, true);
	stalls_write(f, t);
	fprintf(f, "    }");
	free(t);
}

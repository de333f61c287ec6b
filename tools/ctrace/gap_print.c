// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* One gap as text for people and as NDJSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctrace.h"
#include "../lib/show.h"

const char *const gap_step_texts[GAP_NR_STEPS] = {
	[GAP_STOP]	= "left KVM for the handover",
	[GAP_RUN]	= "first VMRUN in the Caretaker",
	[GAP_KICK]	= "a kernel asks for the vCPU",
	[GAP_PARK]	= "state saved by the Caretaker",
	[GAP_ADOPT]	= "continues in KVM",
};

uint64_t gap_stall_length(const struct gap_view *view, const struct kvm_caretaker_stall *s)
{
	return tsc_span(s->tsc_start, s->tsc_end, view->khz);
}

bool gap_stall_open(const struct kvm_caretaker_stall *s)
{
	return s->tsc_start && !s->tsc_end;
}

void gap_title(const struct gap_view *view)
{
	const struct ctele_vcpu *v = view->v;

	printf("VM %016" PRIx64, (uint64_t)v->tele.vm_id);
	if (v->pid >= 0)
		printf("  pid %ld", v->pid);
	printf("  vCPU %ld", v->dir_vcpu);
	if (v->state[0])
		printf("  %s", v->state);
	if (view->khz)
		printf("  TSC %u.%03u MHz", view->khz / 1000, view->khz % 1000);
	else
		printf("  TSC frequency not known: no times");
	printf("  lost %" PRIu64 "\n", ctele_lost(v));
}

static void total_print(const struct gap_view *view)
{
	char buf[FMT_MAX];

	printf("away from KVM %s (stop to adopt), ",
	       fmt_ns(tsc_span(view->g.stop, view->g.adopt, view->khz), buf));
	printf("of it in the Caretaker %s (run to kick)\n",
	       fmt_ns(tsc_span(view->g.run, view->g.kick, view->khz), buf));
}

static void step_row(struct table *t, const struct gap_view *view, enum gap_step step)
{
	char buf[FMT_MAX];

	table_text(t, fmt_offset(gap_offset(view, view->at[step]), buf));
	table_text(t, fmt_ns(gap_until_next(view, step), buf));
	table_text(t, gap_step_names[step]);
	if (view->at[step])
		table_text(t, gap_step_texts[step]);
	else
		table_text(t, step == GAP_STOP ? "not known: it stopped once more since" : "not yet");
}

static void stall_row(struct table *t, const struct gap_view *view, uint64_t i)
{
	const struct kvm_caretaker_stall *s = ctele_stall(&view->v->tele, i);
	char buf[FMT_MAX], name[REASON_NAME_MAX];

	table_text(t, fmt_offset(gap_offset(view, s->tsc_start), buf));
	table_text(t, fmt_ns(gap_stall_length(view, s), buf));
	table_text(t, "  stall");
	table_cell(t, "%" PRIu64 ": %s%s", i, reason_name(s->reason, name),
		   gap_stall_open(s) ? ", going on" : "");
}

static bool timeline_print(const struct gap_view *view)
{
	unsigned int step, phase = 0;
	struct table t;
	uint64_t i;

	table_begin(&t, 4, 1 << 2 | 1 << 3, "AT [s]", "LASTS", "STEP", "WHAT");
	for (step = GAP_STOP; step < GAP_NR_STEPS; step++) {
		step_row(&t, view, step);
		for (i = view->first; step == GAP_RUN && i < view->end; i++) {
			gap_boot_rows(&t, view, &phase, ctele_stall(&view->v->tele, i)->tsc_start);
			stall_row(&t, view, i);
		}
		if (step == GAP_RUN)
			gap_boot_rows(&t, view, &phase, UINT64_MAX);
	}
	return table_end(&t, 2);
}

static void exits_row(struct table *table, unsigned int row, const struct gap_exits *x)
{
	char name[REASON_NAME_MAX], buf[FMT_MAX];
	unsigned int s;

	table_text(table, reason_name_index(row, name));
	for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++)
		table_number(table, x->by[s].count);
	table_number(table, x->all.count);
	table_text(table, fmt_ns(times_ns(&x->all), buf));
	table_text(table, fmt_ns(times_mean_ns(&x->all), buf));
}

static bool exits_print(const struct gap_view *view)
{
	struct gap_exits x;
	struct table table;
	unsigned int r;

	printf("exits in gaps, all since install:\n");
	table_begin(&table, 8, 1 << 0, "REASON", "NATIVE", "HANDLER", "KVM", "BLOCKED", "TOTAL",
		    "TIME", "MEAN");
	for (r = 0; r < CTELE_NR_ROWS; r++)
		if (gap_exits_get(&x, &view->v->tele, r))
			exits_row(&table, r, &x);
	return table_end(&table, 2);
}

static void stall_line(struct table *t, const struct gap_view *view, uint64_t i)
{
	const struct kvm_caretaker_stall *s = ctele_stall(&view->v->tele, i);
	char buf[FMT_MAX], name[REASON_NAME_MAX], detail[REASON_DETAIL_MAX];

	table_number(t, i);
	table_text(t, reason_name(s->reason, name));
	table_cell(t, "0x%" PRIx64, (uint64_t)s->rip);
	table_text(t, fmt_offset(gap_offset(view, s->tsc_start), buf));
	table_text(t, gap_stall_open(s) ? "going on" : fmt_ns(gap_stall_length(view, s), buf));
	table_text(t, reason_detail(s->reason, s->info1, s->info2, detail));
}

static bool stalls_print(const struct gap_view *view)
{
	struct table t;
	uint64_t i;

	printf("stalls in this gap: %" PRIu64 ", in earlier ones: %" PRIu64 "\n",
	       view->end - view->first, view->earlier);
	if (view->first == view->end)
		return true;
	table_begin(&t, 6, 1 << 1 | 1 << 5, "NR", "REASON", "RIP", "AT [s]", "LASTS", "WHAT");
	for (i = view->first; i < view->end; i++)
		stall_line(&t, view, i);
	return table_end(&t, 2);
}

static void events_print(const struct kvm_caretaker_telemetry *t)
{
	char buf[FMT_MAX];

	printf("halted %s, stray events %" PRIu64 ", out of fuel %" PRIu64 "\n",
	       fmt_ns(tsc_to_ns(t->idle_tsc, t->tsc_khz), buf), (uint64_t)t->stray,
	       (uint64_t)t->fuel_out);
	if (t->machine_checks)
		printf("machine checks %" PRIu64 ", the last one: MCi_STATUS 0x%llx, bank %d, address 0x%llx, MCG_STATUS 0x%x\n",
		       (uint64_t)t->machine_checks, t->mc_status, (int)t->mc_bank, t->mc_addr,
		       t->mcg_status);
	if (t->fault)
		printf("FAULT: vector %llu at rip 0x%llx, address or error code 0x%llx\n",
		       t->fault - 1, t->fault_rip, t->fault_addr);
}

/**
 * gap_print() - a gap for people
 * @view:	the gap
 *
 * Return: false when memory ran out; a message has told so.
 */
bool gap_print(const struct gap_view *view)
{
	gap_title(view);
	total_print(view);
	if (!timeline_print(view) || !exits_print(view) || !stalls_print(view))
		return false;
	events_print(&view->v->tele);
	ledger_print(view);
	return true;
}

static void json_gap(const struct gap_view *view)
{
	const struct kvm_caretaker_telemetry *t = &view->v->tele;

	json_begin("gap");
	show_json(view->v);
	json_string("state", view->v->state[0] ? view->v->state : NULL);
	json_number("tsc_khz", view->khz);
	json_bool("stop_known", view->g.stop);
	json_ns("away_ns", tsc_span(view->g.stop, view->g.adopt, view->khz));
	json_ns("gap_ns", tsc_span(view->g.run, view->g.kick, view->khz));
	json_number("stalls", view->end - view->first);
	json_number("stalls_earlier", view->earlier);
	json_ns("idle_ns", tsc_to_ns(t->idle_tsc, t->tsc_khz));
	json_number("stray", t->stray);
	json_number("fuel_out", t->fuel_out);
	json_number("fault", t->fault);
	json_hex("fault_rip", t->fault_rip, 1);
	json_hex("fault_addr", t->fault_addr, 1);
	json_number("bad_records", view->bad);
	json_end();
}

static void json_step(const struct gap_view *view, enum gap_step step)
{
	json_begin("step");
	show_json(view->v);
	json_string("step", gap_step_names[step]);
	json_ns("at_ns", gap_offset(view, view->at[step]));
	json_ns("lasts_ns", gap_until_next(view, step));
	json_end();
}

static void json_exits(const struct gap_view *view, unsigned int row)
{
	char name[REASON_NAME_MAX], key[24];
	struct gap_exits x;
	unsigned int s;

	if (!gap_exits_get(&x, &view->v->tele, row))
		return;
	json_begin("exit");
	show_json(view->v);
	json_string("reason", reason_name_index(row, name));
	json_number("index", row);
	for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++)
		json_number(ctrace_server_names[s], x.by[s].count);
	for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++) {
		snprintf(key, sizeof(key), "%s_ns", ctrace_server_names[s]);
		json_ns(key, times_ns(&x.by[s]));
	}
	show_json_times(&x.all);
	json_end();
}

static void json_stall(const struct gap_view *view, uint64_t i)
{
	const struct kvm_caretaker_stall *s = ctele_stall(&view->v->tele, i);
	char name[REASON_NAME_MAX], detail[REASON_DETAIL_MAX];

	json_begin("stall");
	show_json(view->v);
	json_number("nr", i);
	json_string("reason", reason_name(s->reason, name));
	json_hex("code", s->reason, 1);
	json_hex("info1", s->info1, 1);
	json_hex("info2", s->info2, 1);
	json_hex("rip", s->rip, 1);
	json_string("what", reason_detail(s->reason, s->info1, s->info2, detail));
	json_ns("at_ns", gap_offset(view, s->tsc_start));
	json_ns("lasts_ns", gap_stall_length(view, s));
	json_bool("going_on", gap_stall_open(s));
	json_end();
}

/**
 * gap_print_json() - a gap as NDJSON
 * @view:	the gap
 */
void gap_print_json(const struct gap_view *view)
{
	unsigned int i;
	uint64_t s;

	json_gap(view);
	for (i = GAP_STOP; i < GAP_NR_STEPS; i++)
		json_step(view, i);
	gap_boot_print_json(view);
	for (i = 0; i < CTELE_NR_ROWS; i++)
		json_exits(view, i);
	for (s = view->first; s < view->end; s++)
		json_stall(view, s);
}

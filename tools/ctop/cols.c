// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Columns of the screen, the most important ones first: what does not fit is left out from the
 * right. Times of exits are "-" where the telemetry does not tell them.
 */
#include <inttypes.h>
#include <stdio.h>

#include "view.h"

/* Exact up to six digits */
static void count_text(uint64_t n, char *buf)
{
	static const char units[] = "kMGTPE";
	double v = n;
	int u = -1;

	if (n < 1000000) {
		snprintf(buf, VIEW_CELL_MAX, "%" PRIu64, n);
		return;
	}
	while (v >= 999.5 && units[u + 1]) {
		v /= 1000;
		u++;
	}
	snprintf(buf, VIEW_CELL_MAX, "%.*f%c", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, units[u]);
}

static void ns_text(uint64_t ns, char *buf)
{
	char text[FMT_MAX];

	snprintf(buf, VIEW_CELL_MAX, "%s", fmt_ns(ns, text));
}

static void cell_name(const struct view_item *item, char *buf)
{
	snprintf(buf, VIEW_CELL_MAX, "%s", item->name);
}

static void cell_pid(const struct view_item *item, char *buf)
{
	snprintf(buf, VIEW_CELL_MAX, item->id.pid < 0 ? "-" : "%ld", item->id.pid);
}

static void cell_vcpus(const struct view_item *item, char *buf)
{
	snprintf(buf, VIEW_CELL_MAX, "%u", item->vcpus);
}

static void cell_state(const struct view_item *item, char *buf)
{
	snprintf(buf, VIEW_CELL_MAX, "%s", item->state[0] ? item->state : "-");
}

static void cell_pcpu(const struct view_item *item, char *buf)
{
	if (item->v->pcpu >= 0)
		snprintf(buf, VIEW_CELL_MAX, "%d", item->v->pcpu);
	else if (item->v->apic_id >= 0)
		snprintf(buf, VIEW_CELL_MAX, "apic%ld", item->v->apic_id);
	else
		snprintf(buf, VIEW_CELL_MAX, "-");
}

static void cell_rate(const struct view_item *item, char *buf)
{
	if (item->rate < 0)
		snprintf(buf, VIEW_CELL_MAX, "-");
	else if (item->rate < 1000)
		snprintf(buf, VIEW_CELL_MAX, "%.1f", item->rate);
	else
		count_text(item->rate, buf);
}

static void cell_total(const struct view_item *item, char *buf)
{
	count_text(item->total, buf);
}

static void cell_native(const struct view_item *item, char *buf)
{
	count_text(item->by[KVM_CARETAKER_NATIVE], buf);
}

static void cell_handler(const struct view_item *item, char *buf)
{
	count_text(item->by[KVM_CARETAKER_HANDLER], buf);
}

static void cell_kvm(const struct view_item *item, char *buf)
{
	count_text(item->by[KVM_CARETAKER_KVM], buf);
}

static void cell_blocked(const struct view_item *item, char *buf)
{
	count_text(item->by[KVM_CARETAKER_BLOCKED], buf);
}

static void cell_stalls(const struct view_item *item, char *buf)
{
	count_text(item->stalls, buf);
}

static void cell_stalled(const struct view_item *item, char *buf)
{
	ns_text(item->stalled.nr ? item->stalled.sum : NS_NONE, buf);
}

static void cell_longest(const struct view_item *item, char *buf)
{
	ns_text(item->stalled.nr ? item->stalled.max : NS_NONE, buf);
}

static void cell_time(const struct view_item *item, char *buf)
{
	ns_text(times_ns(&item->time), buf);
}

static void cell_mean(const struct view_item *item, char *buf)
{
	ns_text(times_mean_ns(&item->time), buf);
}

static void cell_p50(const struct view_item *item, char *buf)
{
	ns_text(times_percentile_ns(&item->time, 50), buf);
}

static void cell_p99(const struct view_item *item, char *buf)
{
	ns_text(times_percentile_ns(&item->time, 99), buf);
}

static void cell_max(const struct view_item *item, char *buf)
{
	ns_text(times_max_ns(&item->time), buf);
}

static void cell_share(const struct view_item *item, char *buf)
{
	double share = row_share(&item->time, &item->ledger, item->gap_cycles,
				 item->gap_cycles != 0);

	snprintf(buf, VIEW_CELL_MAX, share < 0 ? "-" : "%.2f", share);
}

static void cell_elapsed(const struct view_item *item, char *buf)
{
	const struct ledger *l = &item->ledger;

	ns_text(l->vcpus ? tsc_to_ns(l->elapsed, l->khz) : NS_NONE, buf);
}

static void cell_residual(const struct view_item *item, char *buf)
{
	const struct ledger *l = &item->ledger;

	if (!l->vcpus)
		snprintf(buf, VIEW_CELL_MAX, "-");
	else if (!l->residual)
		snprintf(buf, VIEW_CELL_MAX, "0");
	else
		snprintf(buf, VIEW_CELL_MAX, "%.3f%%%s",
			 l->elapsed ? 100.0 * l->residual / l->elapsed : 100,
			 ledger_bad(l) ? "!" : "");
}

static void account_text(const struct view_item *item, enum kvm_caretaker_account account,
			 char *buf)
{
	double percent = ledger_percent(&item->ledger, item->ledger.by[account]);

	snprintf(buf, VIEW_CELL_MAX, percent < 0 ? "-" : "%.2f", percent);
}

#define CELL_ACCOUNT(name, account)						\
static void cell_##name(const struct view_item *item, char *buf)		\
{										\
	account_text(item, account, buf);					\
}

CELL_ACCOUNT(t_guest, KVM_CARETAKER_TIME_GUEST)
CELL_ACCOUNT(t_native, KVM_CARETAKER_TIME_NATIVE)
CELL_ACCOUNT(t_handler, KVM_CARETAKER_TIME_HANDLER)
CELL_ACCOUNT(t_kvm, KVM_CARETAKER_TIME_KVM)
CELL_ACCOUNT(t_blocked, KVM_CARETAKER_TIME_BLOCKED)
CELL_ACCOUNT(t_halted, KVM_CARETAKER_TIME_HALTED)
CELL_ACCOUNT(t_handover, KVM_CARETAKER_TIME_HANDOVER)

static void cell_handlers(const struct view_item *item, char *buf)
{
	const char *name = item->v->handlers[0] ? item->v->handlers : "-";

	snprintf(buf, VIEW_CELL_MAX, "%s%s", name, item->mixed ? "+" : "");
}

static void cell_digest(const struct view_item *item, char *buf)
{
	char digest[CTELE_DIGEST_TEXT];

	snprintf(buf, VIEW_CELL_MAX, "%.*s", CTELE_DIGEST_SHORT,
		 ctele_digest(item->v, CTELE_DIGEST_SHORT, digest) ? digest : "-");
}

#define HOST	(1U << VIEW_HOST)
#define VM	(1U << VIEW_VM)
#define VCPU	(1U << VIEW_VCPU)
#define ALL	(HOST | VM | VCPU)
#define LEDGER	(HOST | VM | VIEW_LEDGER)

const struct view_col view_cols[] = {
	{ "VM", 16, true, HOST | VIEW_BOTH, CTOP_KEY_NAME, cell_name },
	{ "VCPU", 10, true, VM | VIEW_BOTH, CTOP_KEY_NAME, cell_name },
	{ "RESIDUAL", 9, false, LEDGER, CTOP_NR_KEYS, cell_residual },
	{ "GUEST%", 6, false, LEDGER, CTOP_NR_KEYS, cell_t_guest },
	{ "KVM%", 6, false, LEDGER, CTOP_NR_KEYS, cell_t_kvm },
	{ "NATIV%", 6, false, LEDGER, CTOP_NR_KEYS, cell_t_native },
	{ "HNDLR%", 6, false, LEDGER, CTOP_NR_KEYS, cell_t_handler },
	{ "BLOCK%", 6, false, LEDGER, CTOP_NR_KEYS, cell_t_blocked },
	{ "HALT%", 6, false, LEDGER, CTOP_NR_KEYS, cell_t_halted },
	{ "HNDOV%", 6, false, LEDGER, CTOP_NR_KEYS, cell_t_handover },
	{ "ELAPSED", 10, false, LEDGER, CTOP_NR_KEYS, cell_elapsed },
	{ "REASON", 16, true, VCPU, CTOP_KEY_NAME, cell_name },
	{ "STATE", 9, true, HOST | VM, CTOP_NR_KEYS, cell_state },
	{ "RATE/s", 6, false, ALL, CTOP_KEY_RATE, cell_rate },
	{ "TOTAL", 6, false, ALL, CTOP_KEY_COUNT, cell_total },
	{ "BLOCKD", 6, false, ALL, CTOP_KEY_BLOCKED, cell_blocked },
	{ "HANDLR", 6, false, ALL, CTOP_KEY_HANDLER, cell_handler },
	{ "NATIVE", 6, false, ALL, CTOP_KEY_NATIVE, cell_native },
	{ "KVM", 6, false, ALL, CTOP_KEY_KVM, cell_kvm },
	{ "P99<=", 9, false, VCPU, CTOP_KEY_P99, cell_p99 },
	{ "MAX", 9, false, VCPU, CTOP_KEY_MAX, cell_max },
	{ "%TIME", 6, false, VCPU, CTOP_NR_KEYS, cell_share },
	{ "MEAN", 9, false, VCPU, CTOP_KEY_MEAN, cell_mean },
	{ "PCPU", 8, false, VM, CTOP_NR_KEYS, cell_pcpu },
	{ "PID", 7, false, HOST, CTOP_KEY_VCPU, cell_pid },
	{ "TIME", 9, false, ALL, CTOP_KEY_TIME, cell_time },
	{ "P50<=", 9, false, VCPU, CTOP_NR_KEYS, cell_p50 },
	{ "%TIME", 6, false, HOST | VM, CTOP_NR_KEYS, cell_share },
	{ "MEAN", 9, false, HOST | VM, CTOP_KEY_MEAN, cell_mean },
	{ "P99<=", 9, false, HOST | VM, CTOP_KEY_P99, cell_p99 },
	{ "MAX", 9, false, HOST | VM, CTOP_KEY_MAX, cell_max },
	{ "VCPUS", 5, false, HOST, CTOP_NR_KEYS, cell_vcpus },
	{ "STALLS", 6, false, ALL, CTOP_KEY_STALLS, cell_stalls },
	{ "STALLED", 9, false, ALL, CTOP_KEY_STALLED, cell_stalled },
	{ "LONGEST", 9, false, ALL, CTOP_KEY_LONGEST, cell_longest },
	{ "HANDLERS", 16, true, HOST | VM, CTOP_NR_KEYS, cell_handlers },
	{ "DIGEST", CTELE_DIGEST_SHORT, true, HOST | VM, CTOP_NR_KEYS, cell_digest },
};

const size_t view_nr_cols = TOOL_NELEM(view_cols);

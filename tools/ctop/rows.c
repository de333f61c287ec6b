// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* From telemetry to sorted rows. */
#include <stdlib.h>
#include <string.h>

#include "ctop.h"
#include "../lib/hist.h"
#include "../lib/output.h"

const char *const ctop_key_names[CTOP_NR_KEYS] = {
	[CTOP_KEY_VCPU]		= "vcpu",
	[CTOP_KEY_COUNT]	= "count",
	[CTOP_KEY_RATE]		= "rate",
	[CTOP_KEY_NATIVE]	= "native",
	[CTOP_KEY_HANDLER]	= "handler",
	[CTOP_KEY_KVM]		= "kvm",
	[CTOP_KEY_BLOCKED]	= "blocked",
	[CTOP_KEY_STALLS]	= "stalls",
	[CTOP_KEY_STALLED]	= "stalled",
	[CTOP_KEY_LONGEST]	= "longest",
	[CTOP_KEY_TIME]		= "time",
	[CTOP_KEY_MEAN]		= "mean",
	[CTOP_KEY_P99]		= "p99",
	[CTOP_KEY_MAX]		= "max",
	[CTOP_KEY_NAME]		= "name",
};

const char *const server_names[KVM_CARETAKER_NR_SERVERS] = {
	[KVM_CARETAKER_NATIVE]	= "native",
	[KVM_CARETAKER_HANDLER]	= "handler",
	[KVM_CARETAKER_KVM]	= "kvm",
	[KVM_CARETAKER_BLOCKED]	= "blocked",
};

/**
 * row_counts() - exits of a vCPU for a reason
 * @v:		the vCPU
 * @reason:	index in the tables, or CTELE_ROW_SHARED
 * @gap:	exits in gaps alone
 * @by:		out, by server
 *
 * Return: their sum.
 */
uint64_t row_counts(const struct ctele_vcpu *v, unsigned int reason, bool gap,
		    uint64_t by[KVM_CARETAKER_NR_SERVERS])
{
	uint64_t total = 0;
	unsigned int i;

	memset(by, 0, KVM_CARETAKER_NR_SERVERS * sizeof(*by));
	if (!ctele_row_used(&v->tele, reason))
		return 0;
	for (i = 0; i < KVM_CARETAKER_NR_SERVERS; i++) {
		by[i] = ctele_exits(&v->tele, reason, i, gap);
		total += by[i];
	}
	return total;
}

static double row_rate(const struct ctop_row *row, const struct ctele_vcpu *before, bool gap)
{
	uint64_t by[KVM_CARETAKER_NR_SERVERS], was;

	if (!before || row->v->when_ns <= before->when_ns)
		return -1;
	was = row_counts(before, row->reason, gap, by);
	if (was > row->total)
		return -1;
	return (row->total - was) * 1e9 / (row->v->when_ns - before->when_ns);
}

/**
 * vcpu_gap_cycles() - time of all exits of a vCPU that were taken in gaps
 * @v:		the vCPU
 * @base:	an earlier look, which is taken off; NULL for none
 */
uint64_t vcpu_gap_cycles(const struct ctele_vcpu *v, const struct ctele_vcpu *base)
{
	struct times x = { .count = 0 };
	unsigned int row, s;

	for (row = 0; row < CTELE_NR_ROWS; row++)
		for (s = 0; s < KVM_CARETAKER_NR_SERVERS && ctele_row_used(&v->tele, row); s++)
			times_add(&x, &v->tele, base ? &base->tele : NULL, row, s, true);
	return x.cycles;
}

/**
 * row_share() - how much of the time was spent in these exits
 * @time:	the exits
 * @ledger:	of the vCPUs that they are of
 * @gap_cycles:	time of all their exits in gaps
 * @gap:	only those
 *
 * Return: percent, negative when not known.
 */
double row_share(const struct times *time, const struct ledger *ledger, uint64_t gap_cycles,
		 bool gap)
{
	uint64_t of = gap ? gap_cycles : ledger->elapsed;

	return !times_known(time) || ledger->missing || !of ? -1 : 100.0 * time->cycles / of;
}

static void row_times(struct ctop_row *row, bool gap)
{
	struct times x;
	unsigned int s;

	for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++) {
		memset(&x, 0, sizeof(x));
		times_add(&x, &row->v->tele, NULL, row->reason, s, gap);
		row->ns_by[s] = times_ns(&x);
		times_merge(&row->time, &x);
	}
}

/* The records say how long each stall took, whatever the ABI. */
static void row_stalls(struct ctop_row *row)
{
	const struct kvm_caretaker_telemetry *t = &row->v->tele;
	const struct kvm_caretaker_stall *s;
	struct hist h = { .nr = 0 };
	uint64_t i;

	row->stalled_ns = NS_NONE;
	row->longest_ns = NS_NONE;
	if (!row->by[KVM_CARETAKER_BLOCKED])
		return;
	for (i = ctele_stall_first(t); i < t->nr_stalls; i++) {
		s = ctele_stall(t, i);
		if (ctele_stall_sane(s) && reason_index(s->reason) == row->reason)
			hist_add_stall(&h, s, t->tsc_khz);
	}
	if (!h.nr)
		return;
	row->stalled_ns = h.sum;
	row->longest_ns = h.max;
}

static void rows_of_vcpu(struct ctop_rows *rows, const struct ctele_vcpu *v,
			 const struct ctele_vcpu *before, const struct ctop_options *opts)
{
	uint64_t by[KVM_CARETAKER_NR_SERVERS], total, gap_cycles = 0;
	struct ledger ledger = { .vcpus = 0 };
	size_t first = rows->nr;
	struct ctop_row *row;
	unsigned int r;

	ledger_add(&ledger, v, NULL);
	if (opts->gap)
		gap_cycles = vcpu_gap_cycles(v, NULL);
	for (r = 0; r < CTELE_NR_ROWS; r++) {
		total = row_counts(v, r, opts->gap, by);
		if (!total || !ctele_row_wanted(&v->tele, r, opts->reasons))
			continue;
		row = &rows->rows[rows->nr++];
		*row = (struct ctop_row){ .v = v, .reason = r, .total = total };
		memcpy(row->by, by, sizeof(by));
		row->rate = row_rate(row, before, opts->gap);
		row_stalls(row);
		row_times(row, opts->gap);
		row->share = row_share(&row->time, &ledger, gap_cycles, opts->gap);
	}
	/* A vCPU is shown in any case. */
	if (rows->nr == first)
		rows->rows[rows->nr++] = (struct ctop_row){
			.v = v, .reason = CTOP_NO_REASON, .rate = -1,
			.stalled_ns = NS_NONE, .longest_ns = NS_NONE, .share = -1,
		};
}

static enum ctop_key sort_key;
static bool sort_invert;

/* What is not known comes last. */
static double sort_ns(uint64_t ns)
{
	return ns == NS_NONE ? -1 : (double)ns;
}

static double sort_value(const struct ctop_row *row)
{
	switch (sort_key) {
	case CTOP_KEY_COUNT:
		return row->total;
	case CTOP_KEY_RATE:
		return row->rate;
	case CTOP_KEY_STALLS:
		return row->v->tele.nr_stalls;
	case CTOP_KEY_STALLED:
		return sort_ns(row->stalled_ns);
	case CTOP_KEY_LONGEST:
		return sort_ns(row->longest_ns);
	case CTOP_KEY_TIME:
		return sort_ns(times_ns(&row->time));
	case CTOP_KEY_MEAN:
		return sort_ns(times_mean_ns(&row->time));
	case CTOP_KEY_P99:
		return sort_ns(times_percentile_ns(&row->time, 99));
	case CTOP_KEY_MAX:
		return sort_ns(times_max_ns(&row->time));
	case CTOP_KEY_NATIVE:
	case CTOP_KEY_HANDLER:
	case CTOP_KEY_KVM:
	case CTOP_KEY_BLOCKED:
		return row->by[sort_key - CTOP_KEY_NATIVE];
	default:
		return 0;
	}
}

/* As they are in the set, which is sorted; within a vCPU the largest count comes first. */
static int sort_by_vcpu(const struct ctop_row *x, const struct ctop_row *y)
{
	if (x->v->pid != y->v->pid)
		return x->v->pid < y->v->pid ? -1 : 1;
	if (x->v->fd != y->v->fd)
		return x->v->fd < y->v->fd ? -1 : 1;
	if (x->v->tele.vm_id != y->v->tele.vm_id)
		return x->v->tele.vm_id < y->v->tele.vm_id ? -1 : 1;
	if (x->v->dir_vcpu != y->v->dir_vcpu)
		return x->v->dir_vcpu < y->v->dir_vcpu ? -1 : 1;
	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	return x->reason < y->reason ? -1 : x->reason > y->reason;
}

static const char *sort_name(const struct ctop_row *row, char *buf)
{
	return row->reason == CTOP_NO_REASON ? "-" : reason_name_index(row->reason, buf);
}

static int sort_compare(const void *a, const void *b)
{
	char name_x[REASON_NAME_MAX], name_y[REASON_NAME_MAX];
	const struct ctop_row *x = a, *y = b;
	double u = sort_value(x), v = sort_value(y);
	int r = 0;

	if (sort_key == CTOP_KEY_NAME)
		r = strcmp(sort_name(x, name_x), sort_name(y, name_y));
	else if (u < v || u > v)
		r = u > v ? -1 : 1;
	r = r ? r : sort_by_vcpu(x, y);
	return sort_invert ? -r : r;
}

_Static_assert(CTOP_KEY_BLOCKED - CTOP_KEY_NATIVE == (int)KVM_CARETAKER_BLOCKED,
	       "keys of servers come in the servers' order");

/* Most vCPUs use few of the reasons. */
static size_t rows_room(const struct ctele_set *set)
{
	return set->nr * CTELE_NR_ROWS + 1;
}

/**
 * rows_make() - rows of one look
 * @rows:	out; free them with rows_free()
 * @now:	what was read; must live as long as @rows
 * @before:	what was read at the look before, may be empty
 * @opts:	filters and order
 *
 * Return: false when memory ran out; a message has told so.
 */
bool rows_make(struct ctop_rows *rows, const struct ctele_set *now, const struct ctele_set *before,
	       const struct ctop_options *opts)
{
	size_t i;

	memset(rows, 0, sizeof(*rows));
	rows->rows = malloc(rows_room(now) * sizeof(*rows->rows));
	if (!rows->rows) {
		tool_err("sorting: no memory for the rows of %zu vCPUs", now->nr);
		return false;
	}
	for (i = 0; i < now->nr; i++)
		rows_of_vcpu(rows, now->vcpus[i], ctele_find(before, now->vcpus[i]), opts);
	sort_key = opts->key;
	sort_invert = opts->invert;
	if (rows->nr)
		qsort(rows->rows, rows->nr, sizeof(*rows->rows), sort_compare);
	if (opts->max_rows && rows->nr > (size_t)opts->max_rows) {
		rows->cut = rows->nr - opts->max_rows;
		rows->nr = opts->max_rows;
	}
	return true;
}

void rows_free(struct ctop_rows *rows)
{
	free(rows->rows);
	memset(rows, 0, sizeof(*rows));
}

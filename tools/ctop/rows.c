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
	[CTOP_KEY_MAX]		= "max",
	[CTOP_KEY_NAME]		= "name",
};

/**
 * row_counts() - exits of a vCPU for a reason; an exit while detached is in gap_exits only
 * @v:		the vCPU
 * @reason:	index in the tables
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

	for (i = 0; i < KVM_CARETAKER_NR_SERVERS; i++) {
		by[i] = v->tele.gap_exits[reason][i] + (gap ? 0 : v->tele.exits[reason][i]);
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

/* The records say how long blocked exits took; nothing does for the others. */
static void row_stalls(struct ctop_row *row)
{
	const struct kvm_caretaker_telemetry *t = &row->v->tele;
	const struct kvm_caretaker_stall *s;
	struct hist h = { .nr = 0 };
	uint64_t i;

	row->stalled_ns = NS_NONE;
	row->max_ns = NS_NONE;
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
	row->max_ns = h.max;
}

static void rows_of_vcpu(struct ctop_rows *rows, const struct ctele_vcpu *v,
			 const struct ctele_vcpu *before, const struct ctop_options *opts)
{
	size_t first = rows->nr;
	struct ctop_row *row;
	unsigned int r;

	for (r = 0; r < KVM_CARETAKER_NR_REASONS; r++) {
		row = &rows->rows[rows->nr];
		row->total = row_counts(v, r, opts->gap, row->by);
		if (!row->total || !opts->reasons[r])
			continue;
		row->v = v;
		row->reason = r;
		row->rate = row_rate(row, before, opts->gap);
		row_stalls(row);
		rows->nr++;
	}
	/* A vCPU is shown in any case. */
	if (rows->nr == first)
		rows->rows[rows->nr++] = (struct ctop_row){
			.v = v, .reason = CTOP_NO_REASON, .rate = -1,
			.stalled_ns = NS_NONE, .max_ns = NS_NONE,
		};
}

static enum ctop_key sort_key;
static bool sort_invert;

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
		return row->stalled_ns == NS_NONE ? -1 : (double)row->stalled_ns;
	case CTOP_KEY_MAX:
		return row->max_ns == NS_NONE ? -1 : (double)row->max_ns;
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
	return set->nr * KVM_CARETAKER_NR_REASONS + 1;
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

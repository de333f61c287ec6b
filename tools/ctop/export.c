// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* One look as comma-separated values. */
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

static void csv_times(const struct ctop_row *row)
{
	csv_ns(times_ns(&row->time));
	csv_ns(times_mean_ns(&row->time));
	csv_ns(times_percentile_ns(&row->time, 50));
	csv_ns(times_percentile_ns(&row->time, 99));
	csv_ns(times_max_ns(&row->time));
	if (row->share < 0)
		putchar(',');
	else
		printf(",%.3f", row->share);
}

/* In each row of the vCPU */
static void csv_ledger(const struct ctele_vcpu *v)
{
	struct ledger l = { .vcpus = 0 };
	unsigned int i;

	ledger_add(&l, v, NULL);
	csv_ns(l.missing ? NS_NONE : tsc_to_ns(l.elapsed, l.khz));
	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++)
		csv_ns(l.missing ? NS_NONE : tsc_to_ns(l.by[i], l.khz));
	if (l.missing)
		putchar(',');
	else
		printf(",%" PRId64, ledger_residual_ns(&l));
}

static void csv_row(const struct ctele_set *set, const struct ctop_row *row)
{
	const struct ctele_vcpu *v = row->v;
	char name[REASON_NAME_MAX], digest[CTELE_DIGEST_TEXT];
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
	csv_ns(row->longest_ns);
	printf(",%" PRIu64 ",%" PRIu64, (uint64_t)v->tele.nr_stalls, ctele_stalls_lost(&v->tele));
	csv_times(row);
	csv_ledger(v);
	csv_text(ctele_digest(v, 2 * CTELE_DIGEST_BYTES, digest) ? digest : "");
	putchar('\n');
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
		printf("time_ns,vm,pid,vcpu,state,pcpu,handlers,reason,native,handler,kvm,blocked,total,rate_per_s,stalled_ns,max_stall_ns,stalls,lost,"
		       "exits_ns,mean_ns,p50_le_ns,p99_le_ns,max_ns,share_percent,"
		       "elapsed_ns,guest_ns,native_ns,handler_ns,kvm_ns,blocked_ns,halted_ns,handover_ns,residual_ns,digest\n");
	for (i = 0; i < rows->nr; i++)
		csv_row(set, &rows->rows[i]);
}

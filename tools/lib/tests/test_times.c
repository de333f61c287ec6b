// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Unit tests of the tables of exits, their times and the ledger; built with the sanitizers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctele.h"
#include "output.h"
#include "times.h"
#include "unit.h"

static void tele_init(struct kvm_caretaker_telemetry *t)
{
	memset(t, 0, sizeof(*t));
	t->size = sizeof(*t);
	t->abi = KVM_CARETAKER_TELEMETRY_ABI;
	t->tsc_khz = 1000000;
}

static struct kvm_caretaker_cell *cell_make(struct kvm_caretaker_telemetry *t, unsigned int slot,
					    unsigned int reason)
{
	t->slots[slot].reason = reason;
	if (reason < KVM_CARETAKER_NR_REASONS)
		t->slot_of[reason] = slot + 1;
	return &t->slots[slot].by[KVM_CARETAKER_NATIVE];
}

static void cell_time(struct kvm_caretaker_cell *c, uint64_t cycles, bool gap)
{
	*(gap ? &c->gap_count : &c->count) += 1;
	*(gap ? &c->gap_cycles : &c->cycles) += cycles;
	kvm_caretaker_time(c, cycles);
}

static bool exits_of_both_abis_are_found(void)
{
	struct kvm_caretaker_telemetry t;
	struct ctele_cell c;
	struct ctele_tele1 *old = calloc(1, sizeof(t));

	tele_init(&t);
	cell_time(cell_make(&t, 3, 0x72), 100, false);
	cell_time(&t.slots[3].by[0], 900, true);
	CHECK(ctele_cell(&t, 0x72, 0, &c) && c.count == 1 && c.gap_count == 1 && c.hist);
	CHECK(c.cycles == 100 && c.gap_cycles == 900 && c.max == 900);
	CHECK(!ctele_cell(&t, 0x72, 1, &c) && !ctele_cell(&t, 0x7b, 0, &c));
	CHECK(ctele_exits(&t, 0x72, 0, true) == 1 && ctele_exits(&t, 0x72, 0, false) == 2);
	/* Two that share the last slot are told by its row, and by no other. */
	t.slots[KVM_CARETAKER_SLOT_SHARED].reason = CTELE_ROW_SHARED;
	t.slots[KVM_CARETAKER_SLOT_SHARED].by[2].count = 5;
	t.slot_of[0x61] = KVM_CARETAKER_SLOT_SHARED + 1;
	t.slot_of[0x62] = KVM_CARETAKER_SLOT_SHARED + 1;
	CHECK(ctele_exits(&t, CTELE_ROW_SHARED, 2, false) == 5);
	CHECK(!ctele_exits(&t, 0x61, 2, false) && ctele_row_shares(&t, 0x62));
	CHECK(!ctele_damage(&t));

	memcpy(old, &t, CTELE_HEAD_BYTES);
	((uint32_t *)old)[1] = 1;
	old->exits[0x72][2] = 7;
	old->gap_exits[0x72][2] = 9;
	CHECK(ctele_cell((void *)old, 0x72, 2, &c) && c.count == 7 && c.gap_count == 9 && !c.hist);
	CHECK(!ctele_exits((void *)old, CTELE_ROW_SHARED, 2, false));
	old->stalls[2].rip = 77;
	CHECK(ctele_stall((void *)old, 66)->rip == 77);
	free(old);
	return true;
}

static bool tables_that_contradict_themselves_are_noticed(void)
{
	struct kvm_caretaker_telemetry t;
	struct ctele_cell c;
	unsigned int i;

	tele_init(&t);
	cell_time(cell_make(&t, 0, 0x72), 100, false);
	CHECK(!ctele_damage(&t));
	for (i = 1; i < 256; i++) {
		t.slot_of[0x7b] = i;
		CHECK(ctele_damage(&t));
		CHECK(!ctele_cell(&t, 0x7b, 0, &c));
	}
	t.slot_of[0x7b] = 0;
	t.nr_slots = KVM_CARETAKER_NR_SLOTS;
	CHECK(ctele_damage(&t));
	t.nr_slots = 1;
	t.open = KVM_CARETAKER_NR_ACCOUNTS;
	CHECK(ctele_damage(&t));
	t.open = 0;
	CHECK(!ctele_damage(&t));
	return true;
}

static bool times_are_summed_and_bounded(void)
{
	struct kvm_caretaker_telemetry t;
	struct times x = { .count = 0 };
	char label[2 * FMT_MAX];
	unsigned int i, first, last;

	tele_init(&t);
	cell_make(&t, 0, 0x72);
	for (i = 0; i < 98; i++)
		cell_time(&t.slots[0].by[0], 500, false);
	cell_time(&t.slots[0].by[0], 3000, false);
	cell_time(&t.slots[0].by[0], 90000, false);
	times_add(&x, &t, NULL, 0x72, 0, false);
	CHECK(x.count == 100 && x.timed == 100 && times_hist_known(&x));
	CHECK(times_ns(&x) == 142000 && times_mean_ns(&x) == 1420 && times_max_ns(&x) == 90000);
	/* 500 is between 256 and 512: an upper bound, and said to be one */
	CHECK(times_percentile_ns(&x, 50) == 512 && times_percentile_ns(&x, 99) == 4096);
	CHECK(times_percentile_ns(&x, 100) == 90000);
	CHECK(times_longer(&x, 4096) == 1 && times_longer(&x, 2048) == 2);
	CHECK(times_range(&x, &first, &last) && first == 4 && last == 12);
	times_label(&x, 4, label);
	CHECK(!strcmp(label, "256 ns - 512 ns"));
	times_label(&x, TIMES_NR - 1, label);
	CHECK(strstr(label, "or more"));
	times_merge(&x, &x);
	CHECK(x.count == 200 && times_percentile_ns(&x, 50) == 512 && times_mean_ns(&x) == 1420);
	return true;
}

static bool times_of_gaps_are_told_only_when_they_are_known(void)
{
	struct kvm_caretaker_telemetry t, was;
	struct times x = { .count = 0 }, y = { .count = 0 }, z = { .count = 0 };

	tele_init(&t);
	cell_time(cell_make(&t, 0, 0x7b), 1000, true);
	times_add(&x, &t, NULL, 0x7b, 0, true);
	CHECK(times_hist_known(&x) && times_max_ns(&x) == 1000);
	/* An attached one is in the same histogram. */
	cell_time(&t.slots[0].by[0], 7000, false);
	times_add(&y, &t, NULL, 0x7b, 0, true);
	CHECK(y.count == 1 && times_mean_ns(&y) == 1000 && !times_hist_known(&y));
	CHECK(times_max_ns(&y) == NS_NONE && times_percentile_ns(&y, 99) == NS_NONE);
	/* ... but not since a look that had it already. */
	was = t;
	cell_time(&t.slots[0].by[0], 1500, true);
	times_add(&z, &t, &was, 0x7b, 0, true);
	CHECK(z.count == 1 && times_hist_known(&z) && times_mean_ns(&z) == 1500);
	/* The longest since install is not that since then: a bound is told. */
	CHECK(z.max_le && times_max_ns(&z) == 2048);
	return true;
}

static bool histograms_that_wrapped_are_not_told(void)
{
	struct kvm_caretaker_telemetry t, was;
	struct times x = { .count = 0 }, y = { .count = 0 };
	struct kvm_caretaker_cell *c;

	tele_init(&t);
	c = cell_make(&t, 0, 0x72);
	c->count = UINT32_MAX - 1ULL;
	c->cycles = 100 * c->count;
	c->max = 100;
	c->hist[2] = c->count;
	was = t;
	for (unsigned int i = 0; i < 10; i++)
		cell_time(c, 100, false);
	times_add(&x, &t, NULL, 0x72, 0, false);
	CHECK(!times_hist_known(&x) && times_mean_ns(&x) == 100);
	times_add(&y, &t, &was, 0x72, 0, false);
	CHECK(times_hist_known(&y) && y.timed == 10 && y.buckets[2] == 10);
	return true;
}

static bool exit_that_goes_on_has_no_time(void)
{
	struct kvm_caretaker_telemetry t;
	struct times x = { .count = 0 };

	tele_init(&t);
	cell_time(cell_make(&t, 0, 0x78), 600, false);
	t.slots[0].by[0].count++;
	times_add(&x, &t, NULL, 0x78, 0, false);
	CHECK(x.count == 2 && x.timed == 1 && times_mean_ns(&x) == 600);
	return true;
}

static bool ledger_has_every_cycle_or_says_so(void)
{
	struct ctele_vcpu v = { .tsc = 5000 }, was;
	struct ledger l = { .vcpus = 0 }, since = { .vcpus = 0 };
	char text[64];

	tele_init(&v.tele);
	ledger_add(&l, &v, NULL);
	CHECK(l.missing == 1 && !l.vcpus);
	v.tele.tsc_first = 1000;
	v.tele.tsc_last = 4000;
	v.tele.ledger[KVM_CARETAKER_TIME_GUEST] = 2000;
	v.tele.ledger[KVM_CARETAKER_TIME_KVM] = 1000;
	v.tele.open = KVM_CARETAKER_TIME_KVM;
	was = v;
	memset(&l, 0, sizeof(l));
	ledger_add(&l, &v, NULL);
	CHECK(l.elapsed == 4000 && !l.residual && !ledger_bad(&l));
	CHECK(l.by[KVM_CARETAKER_TIME_KVM] == 2000 && l.by[KVM_CARETAKER_TIME_GUEST] == 2000);
	CHECK(!strcmp(ledger_residual_text(&l, text, sizeof(text)), "0"));
	CHECK(ledger_percent(&l, 2000) == 50);
	v.tele.ledger[KVM_CARETAKER_TIME_GUEST] -= 8;
	memset(&l, 0, sizeof(l));
	ledger_add(&l, &v, NULL);
	CHECK(l.residual == 8 && ledger_bad(&l));
	CHECK(!strcmp(ledger_residual_text(&l, text, sizeof(text)), "8 ns (0.200 %!)"));
	v.tele.ledger[KVM_CARETAKER_TIME_GUEST] += 11;
	memset(&l, 0, sizeof(l));
	ledger_add(&l, &v, NULL);
	CHECK(l.residual == -3 && !ledger_bad(&l) && ledger_residual_ns(&l) == -3);
	v.tele.ledger[KVM_CARETAKER_TIME_KVM] += 1000;
	v.tele.tsc_last += 1000;
	v.tsc = 6000;
	ledger_add(&since, &v, &was);
	CHECK(since.elapsed == 1000 && since.by[KVM_CARETAKER_TIME_KVM] == 1000);
	CHECK(since.residual == -3);
	/* An account that does not exist: its time is in no account, and told. */
	v.tele.open = 99;
	memset(&l, 0, sizeof(l));
	ledger_add(&l, &v, NULL);
	CHECK(l.residual == 1000 - 3);
	return true;
}

static bool synthetic_times_add_up(void)
{
	struct ctele_source src = { .debugfs = "", .synthetic = 500, .pid = -1, .vcpu = -1 };
	struct ledger all = { .vcpus = 0 }, l;
	const struct ctele_vcpu *v;
	struct ctele_reader r;
	struct ctele_set set;
	struct times x;
	size_t i, row;

	CHECK(ctele_open(&r, &src) == TOOL_OK && ctele_load(&r, &set) == TOOL_OK);
	for (i = 0; i < set.nr; i++) {
		v = set.vcpus[i];
		memset(&l, 0, sizeof(l));
		memset(&x, 0, sizeof(x));
		ledger_add(&l, v, NULL);
		ledger_add(&all, v, NULL);
		CHECK(!l.residual && l.by[KVM_CARETAKER_TIME_GUEST] < l.elapsed);
		for (row = 0; row < CTELE_NR_ROWS; row++)
			times_add(&x, &v->tele, NULL, row, KVM_CARETAKER_HANDLER, false);
		CHECK(x.cycles == l.by[KVM_CARETAKER_TIME_HANDLER] && x.count == x.timed);
		CHECK(!ctele_damage(&v->tele));
	}
	CHECK(all.vcpus == 500 && !all.residual);
	ctele_free(&set);
	ctele_close(&r);
	return true;
}

static const struct unit_case cases[] = {
	CASE(exits_of_both_abis_are_found),
	CASE(tables_that_contradict_themselves_are_noticed),
	CASE(times_are_summed_and_bounded),
	CASE(times_of_gaps_are_told_only_when_they_are_known),
	CASE(histograms_that_wrapped_are_not_told),
	CASE(exit_that_goes_on_has_no_time),
	CASE(ledger_has_every_cycle_or_says_so),
	CASE(synthetic_times_add_up),
};

int main(void)
{
	return unit_run(cases, TOOL_NELEM(cases));
}

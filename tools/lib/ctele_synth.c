// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Made-up telemetry for tests: the same with every run, so that what tools print can be compared,
 * with any number of vCPUs. A second passes from look to look whatever the clock says.
 */
#include <stdio.h>
#include <string.h>
#include <linux/kvm_caretaker_bpf.h>

#include "ctele.h"
#include "reason.h"

#define SYNTH_KHZ	2000000U
#define SYNTH_US	(SYNTH_KHZ / 1000ULL)
#define SYNTH_SECOND	(SYNTH_KHZ * 1000ULL)
/* 2026-01-01 00:00:00 UTC */
#define SYNTH_EPOCH	1767225600ULL
#define SYNTH_GAP_START	(50 * SYNTH_SECOND)
#define SYNTH_FIRST	(40 * SYNTH_SECOND)
#define SYNTH_NOW(k)	((60 + (k)) * SYNTH_SECOND)

enum synth_kind {
	SYNTH_ATTACHED,
	SYNTH_DETACHED,
	SYNTH_STALLED,
	SYNTH_ADOPTED,
	SYNTH_FAULTED,
};

static const char *const synth_states[] = {
	[SYNTH_ATTACHED] = "attached",
	[SYNTH_DETACHED] = "detached",
	[SYNTH_STALLED] = "stalled",
	[SYNTH_ADOPTED] = "empty",
	[SYNTH_FAULTED] = "faulted",
};

/* What a stall is about: reason, info1, info2 */
static const uint64_t synth_stalls[][3] = {
	{ 0x7b, 0x3f80010, 0 },
	{ 0x7c, 1, 0 },
	{ 0x400, 0x6, 0xfee00300 },
	{ 0x81, 0, 0 },
};

static enum synth_kind synth_kind(long i)
{
	if (i % 97 == 96)
		return SYNTH_FAULTED;
	switch (i % 10) {
	case 6:
		return SYNTH_DETACHED;
	case 7:
		return SYNTH_STALLED;
	case 8:
	case 9:
		return SYNTH_ADOPTED;
	default:
		return SYNTH_ATTACHED;
	}
}

static struct kvm_caretaker_cell *synth_cell(struct kvm_caretaker_telemetry *t, unsigned int reason,
					     unsigned int server)
{
	if (!t->slot_of[reason]) {
		t->slots[t->nr_slots].reason = reason;
		t->slot_of[reason] = ++t->nr_slots;
	}
	return &t->slots[t->slot_of[reason] - 1].by[server];
}

static void synth_time(struct kvm_caretaker_telemetry *t, unsigned int reason, unsigned int server,
		       uint64_t n, uint64_t cycles, bool gap)
{
	struct kvm_caretaker_cell *cell = synth_cell(t, reason, server);

	*(gap ? &cell->gap_count : &cell->count) += n;
	*(gap ? &cell->gap_cycles : &cell->cycles) += n * cycles;
	cell->hist[kvm_caretaker_bucket(cycles)] += n;
	if (n && cycles > cell->max)
		cell->max = cycles;
	t->ledger[KVM_CARETAKER_ACCOUNT_OF(server)] += n * cycles;
}

/* Of ten exits one takes four times as long as most, of a hundred one forty times. */
static void synth_exits_of(struct kvm_caretaker_telemetry *t, unsigned int reason,
			   unsigned int server, uint64_t n, uint64_t cycles, bool gap)
{
	synth_time(t, reason, server, n - n / 10 - n / 100, cycles, gap);
	synth_time(t, reason, server, n / 10, 4 * cycles, gap);
	synth_time(t, reason, server, n / 100, 40 * cycles, gap);
}

/* @k: seconds that it has been running */
static void synth_exits(struct kvm_caretaker_telemetry *t, long i, uint64_t k)
{
	synth_exits_of(t, 0x72, KVM_CARETAKER_NATIVE, (100 + i) * k, 500, false);
	synth_exits_of(t, 0x7c, KVM_CARETAKER_NATIVE, 7 * k, 700, false);
	synth_exits_of(t, 0x7c, KVM_CARETAKER_KVM, (40 + i % 7) * k, 5000, false);
	synth_exits_of(t, 0x7b, KVM_CARETAKER_HANDLER, (30 + i % 5) * k, 900, false);
	synth_exits_of(t, 0x78, KVM_CARETAKER_KVM, 20 * k, 1000000, false);
	synth_exits_of(t, 0x60, KVM_CARETAKER_KVM, 50 * k, 3000, false);
	synth_exits_of(t, KVM_CARETAKER_REASON_NPF, KVM_CARETAKER_KVM, 5 * k, 20000, false);
}

/* The handler of the class that a port is for served all that handlers served. */
static void synth_ledger(struct kvm_caretaker_telemetry *t, enum synth_kind kind, uint64_t now)
{
	const struct kvm_caretaker_cell *io = synth_cell(t, 0x7b, KVM_CARETAKER_HANDLER);
	struct kvm_caretaker_class_use *use = &t->classes[KVM_CARETAKER_CLASS_IO];
	const struct kvm_caretaker_stall *stall = ctele_stall(t, t->nr_stalls - 1);

	use->calls = io->count + io->gap_count;
	use->cycles = io->cycles + io->gap_cycles;
	t->ledger[KVM_CARETAKER_TIME_HALTED] = t->idle_tsc;
	if (t->tsc_run)
		t->ledger[KVM_CARETAKER_TIME_HANDOVER] = t->tsc_run - t->tsc_stop +
							 t->tsc_adopt - t->tsc_park;
	t->open = kind == SYNTH_STALLED ? KVM_CARETAKER_TIME_BLOCKED : KVM_CARETAKER_TIME_GUEST;
	t->tsc_first = SYNTH_FIRST;
	t->tsc_last = now - SYNTH_SECOND / 1000;
	if (kind == SYNTH_STALLED)
		t->ledger[KVM_CARETAKER_TIME_BLOCKED] += t->tsc_last - stall->tsc_start;
	t->ledger[KVM_CARETAKER_TIME_GUEST] = t->tsc_last - t->tsc_first -
					      kvm_caretaker_ledger_sum(t);
}

static void synth_stall(struct kvm_caretaker_telemetry *t, long i, uint64_t start, uint64_t end)
{
	const uint64_t *what = synth_stalls[i % TOOL_NELEM(synth_stalls)];
	uint64_t nr = t->nr_stalls++;

	t->stalls[nr % KVM_CARETAKER_NR_STALLS] = (struct kvm_caretaker_stall){
		.reason = what[0], .info1 = what[1], .info2 = what[2],
		.rip = 0xffffffff81000000ULL + 16 * i, .tsc_start = start, .tsc_end = end,
	};
	if (end)
		synth_time(t, reason_index(what[0]), KVM_CARETAKER_BLOCKED, 1, end - start, true);
	else
		synth_cell(t, reason_index(what[0]), KVM_CARETAKER_BLOCKED)->gap_count++;
}

static void synth_gap(struct kvm_caretaker_telemetry *t, long i, enum synth_kind kind)
{
	/* Some have more stalls than there is room for, in an earlier gap. */
	unsigned int earlier = i % 50 == 49 ? KVM_CARETAKER_NR_STALLS + 5 : 0;

	while (earlier--)
		synth_stall(t, i, 1000 + 10 * earlier, 1005 + 10 * earlier);
	t->tsc_stop = SYNTH_GAP_START;
	t->tsc_run = t->tsc_stop + (500 + i) * SYNTH_US;
	synth_exits_of(t, 0x72, KVM_CARETAKER_NATIVE, 54 + i, 450, true);
	synth_exits_of(t, 0x7b, KVM_CARETAKER_HANDLER, 3354, 1200, true);
	synth_exits_of(t, 0x78, KVM_CARETAKER_NATIVE, 200, 800, true);
	t->idle_tsc = SYNTH_SECOND / 4;
	t->stray = i % 3;
	if (kind == SYNTH_STALLED)
		synth_stall(t, i, t->tsc_run + SYNTH_SECOND / 5, 0);
	if (kind != SYNTH_ADOPTED)
		return;
	t->tsc_kick = t->tsc_run + 3 * SYNTH_SECOND / 2;
	t->tsc_park = t->tsc_kick + 20 * SYNTH_US;
	t->tsc_adopt = t->tsc_park + 300 * SYNTH_US;
	synth_stall(t, i, t->tsc_run + SYNTH_SECOND / 5, t->tsc_kick + 10 * SYNTH_US);
}

static void synth_vcpu(struct ctele_vcpu *v, long i, uint64_t k)
{
	enum synth_kind kind = synth_kind(i);
	unsigned int b;

	memset(v, 0, sizeof(*v));
	v->pid = 1000 + i / 8;
	v->fd = 10;
	v->dir_vcpu = i % 8;
	v->pcpu = kind == SYNTH_ATTACHED ? (int)i + 1 : -1;
	v->apic_id = i + 1;
	v->when_ns = k * 1000000000;
	snprintf(v->state, sizeof(v->state), "%s", synth_states[kind]);
	snprintf(v->handlers, sizeof(v->handlers), "%s", i / 8 % 2 ? "none" : "uart");
	for (b = 0; !(i / 8 % 2) && b < CTELE_DIGEST_BYTES; b++)
		v->digest[b] = 0xd0 + b;
	v->tele.size = sizeof(v->tele);
	v->tele.abi = KVM_CARETAKER_TELEMETRY_ABI;
	v->tele.vcpu = v->dir_vcpu;
	v->tele.tsc_khz = SYNTH_KHZ;
	v->tele.vm_id = 0x9e3779b97f4a7c15ULL * (i / 8 + 1);
	synth_exits(&v->tele, i, k);
	if (kind != SYNTH_ATTACHED)
		synth_gap(&v->tele, i, kind);
	synth_ledger(&v->tele, kind, SYNTH_NOW(k));
	if (kind == SYNTH_FAULTED) {
		v->tele.fault = 15;
		v->tele.fault_rip = 0xffffc90000001234ULL;
	}
}

static enum tool_status synth_load(struct ctele_reader *r, struct ctele_set *set)
{
	uint64_t k = r->looks + 1;
	struct ctele_vcpu v;
	long i;

	set->realtime_ns = (SYNTH_EPOCH + k) * 1000000000;
	set->tsc = SYNTH_NOW(k);
	snprintf(set->kernel, sizeof(set->kernel), "synthetic");
	set->vms_seen = (r->src->synthetic + 7) / 8;
	for (i = 0; i < r->src->synthetic; i++) {
		synth_vcpu(&v, i, k);
		if (!ctele_offer(set, r->src, &v))
			return TOOL_FAILED;
	}
	return TOOL_OK;
}

const struct ctele_ops ctele_synth_ops = { .load = synth_load };

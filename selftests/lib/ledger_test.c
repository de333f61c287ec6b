// SPDX-License-Identifier: GPL-2.0
/* Whether telemetry adds up, by itself and against a clock that neither payload nor kernel read. */
#include <string.h>

#include "ledger_test.h"

#define READ_TRIES	10000

enum ktap_result ledger_read(struct kvm_guest *g, struct kvm_caretaker_telemetry *t, uint64_t *at)
{
	unsigned int i;

	for (i = 0; i < READ_TRIES; i++) {
		CHECK(!caretaker_telemetry(g, t), "no telemetry");
		*at = tsc_now();
		if (kvm_caretaker_ledger_sum(t) == t->tsc_last - t->tsc_first)
			return KTAP_PASS;
	}
	CHECK(false, "the accounts add up to %llu, the edges are %llu apart",
	      kvm_caretaker_ledger_sum(t), t->tsc_last - t->tsc_first);
	return KTAP_FAIL;
}

enum ktap_result ledger_adds_up(struct kvm_guest *g, struct kvm_caretaker_telemetry *t,
				uint64_t *at)
{
	enum ktap_result res = ledger_read(g, t, at);
	uint64_t sum = 0;
	unsigned int i;

	if (res != KTAP_PASS)
		return res;
	CHECK(g->tsc_install && g->tsc_installed >= g->tsc_install, "the test has not looked");
	CHECK(t->open < KVM_CARETAKER_NR_ACCOUNTS, "open: %u", t->open);
	CHECK(t->tsc_last <= *at, "an edge at %llu, now is %lu", t->tsc_last, *at);
	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++)
		sum += kvm_caretaker_ledger_at(t, i, *at);
	CHECK(sum >= *at - g->tsc_installed && sum <= *at - g->tsc_install,
	      "all accounts: %lu, since the install between %lu and %lu", sum,
	      *at - g->tsc_installed, *at - g->tsc_install);
	return KTAP_PASS;
}

static enum ktap_result cell_sound(const struct kvm_caretaker_telemetry *t, unsigned int slot,
				   unsigned int server)
{
	const struct kvm_caretaker_cell *c = &t->slots[slot].by[server];
	bool pending = t->pending == slot * KVM_CARETAKER_NR_SERVERS + server + 1;
	uint64_t cycles = c->cycles + c->gap_cycles;
	uint32_t sum = pending;
	unsigned int i, top = 0;

	for (i = 0; i < KVM_CARETAKER_NR_BUCKETS; i++) {
		sum += c->hist[i];
		top = c->hist[i] ? i : top;
	}
	CHECK(sum == (uint32_t)(c->count + c->gap_count),
	      "reason %#x, server %u: %u exits in the histogram, %llu and %llu counted",
	      t->slots[slot].reason, server, sum, c->count, c->gap_count);
	CHECK(c->max <= cycles && kvm_caretaker_bucket(c->max) == top,
	      "reason %#x, server %u: maximum %llu, last bucket %u, sum %lu",
	      t->slots[slot].reason, server, c->max, top, cycles);
	CHECK(cycles >= (uint64_t)c->hist[top] * kvm_caretaker_bucket_from(top),
	      "reason %#x, server %u: %u exits in bucket %u, sum %lu", t->slots[slot].reason,
	      server, c->hist[top], top, cycles);
	return KTAP_PASS;
}

enum ktap_result ledger_cells(const struct kvm_caretaker_telemetry *t)
{
	uint64_t cycles[KVM_CARETAKER_NR_SERVERS] = { 0 }, use = 0;
	unsigned int i, s;

	for (i = 0; i < KVM_CARETAKER_NR_SLOTS; i++) {
		for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++) {
			if (cell_sound(t, i, s) != KTAP_PASS)
				return KTAP_FAIL;
			cycles[s] += t->slots[i].by[s].cycles + t->slots[i].by[s].gap_cycles;
		}
	}
	for (i = 0; i < KVM_CARETAKER_NR_CLASS_USES; i++)
		use += t->classes[i].cycles;
	CHECK(use == t->ledger[KVM_CARETAKER_TIME_HANDLER], "handlers by class: %lu, ledger %llu",
	      use, t->ledger[KVM_CARETAKER_TIME_HANDLER]);
	for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++)
		CHECK(cycles[s] <= t->ledger[KVM_CARETAKER_ACCOUNT_OF(s)],
		      "server %u: exits %lu, ledger %llu", s, cycles[s],
		      t->ledger[KVM_CARETAKER_ACCOUNT_OF(s)]);
	CHECK(t->pending || cycles[KVM_CARETAKER_BLOCKED] == t->ledger[KVM_CARETAKER_TIME_BLOCKED],
	      "blocked: exits %lu, ledger %llu", cycles[KVM_CARETAKER_BLOCKED],
	      t->ledger[KVM_CARETAKER_TIME_BLOCKED]);
	return KTAP_PASS;
}

/* The last edge before leaving the payload is not kept; it is later than the kick. */
enum ktap_result ledger_handover(const struct kvm_caretaker_telemetry *t, uint64_t was)
{
	uint64_t there = t->tsc_run - t->tsc_stop;
	uint64_t all = t->ledger[KVM_CARETAKER_TIME_HANDOVER] - was;

	CHECK(t->tsc_stop <= t->tsc_run && t->tsc_run <= t->tsc_kick &&
	      t->tsc_kick <= t->tsc_park && t->tsc_park <= t->tsc_adopt,
	      "stop %llu run %llu kick %llu park %llu adopt %llu", t->tsc_stop, t->tsc_run,
	      t->tsc_kick, t->tsc_park, t->tsc_adopt);
	CHECK(all >= there + (t->tsc_adopt - t->tsc_park) &&
	      all <= there + (t->tsc_adopt - t->tsc_kick),
	      "handover %lu: stop %llu run %llu kick %llu park %llu adopt %llu", all, t->tsc_stop,
	      t->tsc_run, t->tsc_kick, t->tsc_park, t->tsc_adopt);
	return KTAP_PASS;
}

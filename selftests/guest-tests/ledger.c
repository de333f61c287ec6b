// SPDX-License-Identifier: GPL-2.0
/*
 * The time ledger of a vCPU: it adds up attached, in the gap and after a cancel, and the time is
 * on the account that it has to be on.
 */
#include <string.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "ktap.h"
#include "ledger_test.h"

#define ONLINE_MS	30000
#define REASON_CPUID	0x72

static struct kvm_guest guest;
static struct guest_runner runner;
static int luo, session = -1;
static struct kvm_caretaker_telemetry before, after;
static uint64_t at_before, at_after;

/* How much account @name grew from the first reading to the second */
#define GREW(name)	(LEDGER(&after, name, at_after) - LEDGER(&before, name, at_before))

static enum ktap_result starts(void)
{
	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	CHECK(caretaker_count_start(&guest, &runner), "no guest that counts");
	return KTAP_PASS;
}

static enum ktap_result detach(void)
{
	session = luo_session_create(luo, "ledger");
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!luo_preserve_guest(session, &guest), "not preserved");
	return KTAP_PASS;
}

static enum ktap_result cancel(void)
{
	close(session);
	session = -1;
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_ATTACHED, 5000), "not back in KVM");
	CHECK(cpu_wait_online(PCPU, ONLINE_MS), "the pCPU does not return");
	return KTAP_PASS;
}

static enum ktap_result look(struct kvm_caretaker_telemetry *t, uint64_t *at)
{
	return ledger_adds_up(&guest, t, at);
}

/* Some time by the test's clock */
static uint64_t pass(unsigned int ms)
{
	uint64_t start = tsc_now();

	sleep_ms(ms);
	return tsc_now() - start;
}

static enum ktap_result attached(void)
{
	unsigned int i;

	CHECK(look(&before, &at_before) == KTAP_PASS, "at first");
	for (i = 0; i < 50; i++) {
		CHECK(count_command(&guest, COUNT_CPUID, 2000), "no CPUID");
		CHECK(count_command(&guest, COUNT_IN, 2000), "no IN");
		CHECK(look(&after, &at_after) == KTAP_PASS, "look %u", i);
	}
	CHECK(GREW(GUEST) && GREW(NATIVE) && GREW(KVM), "guest %llu, native %llu, KVM %llu",
	      GREW(GUEST), GREW(NATIVE), GREW(KVM));
	CHECK(!after.ledger[KVM_CARETAKER_TIME_BLOCKED] &&
	      !after.ledger[KVM_CARETAKER_TIME_HALTED] &&
	      !after.ledger[KVM_CARETAKER_TIME_HANDOVER], "attached, and not all is KVM's");
	return KTAP_PASS;
}

static enum ktap_result nobody_runs_it(void)
{
	uint64_t native, passed;

	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	CHECK(look(&before, &at_before) == KTAP_PASS, "at first");
	passed = pass(50);
	CHECK(look(&after, &at_after) == KTAP_PASS, "at last");
	CHECK(!GREW(GUEST) && !GREW(NATIVE), "guest %llu, native %llu", GREW(GUEST), GREW(NATIVE));
	CHECK(GREW(KVM) >= passed && GREW(KVM) == at_after - at_before, "KVM %llu of %lu",
	      GREW(KVM), passed);
	CHECK(ledger_cells(&after) == KTAP_PASS, "exits");
	native = kvm_caretaker_cell_of(&after, REASON_CPUID, KVM_CARETAKER_NATIVE)->cycles;
	CHECK(native == after.ledger[KVM_CARETAKER_TIME_NATIVE], "CPUID %lu, native %llu", native,
	      after.ledger[KVM_CARETAKER_TIME_NATIVE]);
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(count_alive(&guest, 2000), "the guest does not count");
	return KTAP_PASS;
}

/* It makes no exits: what the pCPU's own business leaves it is all the guest's. */
static enum ktap_result counts_in_gap(void)
{
	uint64_t passed;

	CHECK(look(&before, &at_before) == KTAP_PASS, "at first");
	CHECK(detach() == KTAP_PASS, "not detached");
	passed = pass(200);
	CHECK(look(&after, &at_after) == KTAP_PASS, "in the gap");
	CHECK(count_alive(&guest, 2000), "the guest does not count detached");
	CHECK(cancel() == KTAP_PASS, "not taken back");
	CHECK(look(&after, &at_after) == KTAP_PASS, "after the cancel");
	CHECK(GREW(GUEST) + GREW(NATIVE) >= passed && GREW(GUEST) > GREW(NATIVE),
	      "guest %llu, native %llu of %lu", GREW(GUEST), GREW(NATIVE), passed);
	CHECK(!GREW(HALTED) && !GREW(BLOCKED), "halted %llu, blocked %llu", GREW(HALTED),
	      GREW(BLOCKED));
	return ledger_handover(&after, before.ledger[KVM_CARETAKER_TIME_HANDOVER]);
}

static enum ktap_result stalls(void)
{
	const struct kvm_caretaker_stall *s;
	uint64_t passed;

	CHECK(look(&before, &at_before) == KTAP_PASS, "at first");
	CHECK(detach() == KTAP_PASS, "not detached");
	count_command(&guest, COUNT_IN, 0);
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_STALLED, 1000), "not stalled");
	passed = pass(100);
	CHECK(look(&after, &at_after) == KTAP_PASS, "in the stall");
	CHECK(GREW(BLOCKED) >= passed, "blocked %llu of %lu", GREW(BLOCKED), passed);
	CHECK(after.pending, "no exit is pending");
	CHECK(cancel() == KTAP_PASS, "not taken back");
	CHECK(look(&after, &at_after) == KTAP_PASS, "after the cancel");
	CHECK(after.nr_stalls == before.nr_stalls + 1, "%llu stalls", after.nr_stalls);
	s = &after.stalls[before.nr_stalls % KVM_CARETAKER_NR_STALLS];
	CHECK(GREW(BLOCKED) == s->tsc_end - s->tsc_start, "blocked %llu, stalled %llu",
	      GREW(BLOCKED), s->tsc_end - s->tsc_start);
	CHECK(GREW(BLOCKED) >= passed, "blocked %llu of %lu", GREW(BLOCKED), passed);
	return ledger_handover(&after, before.ledger[KVM_CARETAKER_TIME_HANDOVER]);
}

/* In HLT from before the gap to its end */
static enum ktap_result idles(void)
{
	struct count_area *a = count_area(&guest);
	uint64_t passed, gap;

	CHECK(count_alive(&guest, 2000), "the guest does not count");
	CHECK(!count_command(&guest, COUNT_HLT, 100) && a->in_hlt, "no HLT");
	CHECK(look(&before, &at_before) == KTAP_PASS, "at first");
	CHECK(detach() == KTAP_PASS, "not detached");
	passed = pass(500);
	CHECK(look(&after, &at_after) == KTAP_PASS, "in the gap");
	CHECK(cancel() == KTAP_PASS, "not taken back");
	CHECK(look(&after, &at_after) == KTAP_PASS, "after the cancel");
	gap = after.tsc_park - after.tsc_run;
	CHECK(gap >= passed, "a gap of %lu cycles, it was at least %lu", gap, passed);
	CHECK(GREW(HALTED) * 100 >= gap * 95, "halted %llu of %lu", GREW(HALTED), gap);
	CHECK(GREW(HALTED) == after.idle_tsc - before.idle_tsc, "idle_tsc says %llu of %llu",
	      after.idle_tsc - before.idle_tsc, GREW(HALTED));
	ktap_diag("halted %llu of %lu cycles of the gap", GREW(HALTED), gap);
	CHECK(!guest_msi(&guest, GUEST_IRQ_VECTOR), "no interrupt");
	CHECK(count_alive(&guest, 2000), "the guest does not count after HLT");
	return ledger_handover(&after, before.ledger[KVM_CARETAKER_TIME_HANDOVER]);
}

static enum ktap_result isolated(void)
{
	CHECK(look(&before, &at_before) == KTAP_PASS, "at first");
	CHECK(!caretaker_install(&guest, KVM_CARETAKER_ISOLATE), "no install");
	CHECK(count_command(&guest, COUNT_CPUID, 2000), "no CPUID");
	CHECK(look(&after, &at_after) == KTAP_PASS, "with another payload");
	CHECK(after.tsc_first == before.tsc_first, "the ledger begins anew");
	CHECK(GREW(GUEST) && GREW(NATIVE), "guest %llu, native %llu", GREW(GUEST), GREW(NATIVE));
	return counts_in_gap();
}

static enum ktap_result at_the_end(void)
{
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	CHECK(look(&after, &at_after) == KTAP_PASS, "at last");
	CHECK(ledger_cells(&after) == KTAP_PASS, "exits");
	guest_destroy(&guest);
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "a guest with a Caretaker starts", starts, true },
		{ "attached: the ledger is the time since the install", attached },
		{ "a vCPU that nobody runs is KVM's time, and exits agree", nobody_runs_it, true },
		{ "in the gap: a guest without exits has the time", counts_in_gap, true },
		{ "in the gap: a stall has the time", stalls, true },
		{ "in the gap: an idle guest is halted 95 % of the time", idles, true },
		{ "a new payload goes on with the ledger, on isolated tables", isolated, true },
		{ "at the end counts, histograms and times agree", at_the_end },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 60);
}

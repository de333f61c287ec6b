// SPDX-License-Identifier: GPL-2.0
/* The Caretaker of a vCPU that runs all the time is installed, replaced and removed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "ktap.h"

#define ROUNDS	20

static struct kvm_guest guest;
static struct guest_runner runner;

static enum ktap_result start(void)
{
	CHECK(!guest_create(&guest, &guest_count), "no guest");
	CHECK(!count_reset(&guest), "no patterns");
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(count_alive(&guest, 2000), "the guest does not count");
	return KTAP_PASS;
}

static enum ktap_result alive(unsigned int round)
{
	CHECK(count_alive(&guest, 2000), "round %u: the guest does not count", round);
	CHECK(count_command(&guest, COUNT_CPUID, 2000), "round %u: no CPUID", round);
	CHECK(count_area(&guest)->cpuid[2], "round %u: CPUID leaf 0 gave 0", round);
	CHECK(count_command(&guest, COUNT_IN, 2000), "round %u: no IN", round);
	CHECK(!runner.error, "round %u: the vCPU thread ended with %d", round, runner.error);
	return KTAP_PASS;
}

static enum ktap_result install_on_running(void)
{
	CHECK(start() == KTAP_PASS, "no running vCPU");
	CHECK(!caretaker_install(&guest, 0), "no install");
	CHECK(caretaker_state(&guest) == KVM_CARETAKER_ATTACHED, "not attached");
	return alive(0);
}

static enum ktap_result replace_on_running(void)
{
	struct kvm_caretaker_info before, after;
	enum ktap_result res;
	unsigned int i;

	CHECK(!caretaker_info(&guest, &before), "no information");
	for (i = 0; i < ROUNDS; i++) {
		CHECK(!caretaker_install(&guest, i % 2 ? 0 : KVM_CARETAKER_ISOLATE),
		      "round %u: no install", i);
		res = alive(i);
		if (res != KTAP_PASS)
			return res;
	}
	CHECK(!caretaker_info(&guest, &after), "no information");
	CHECK(after.generation == before.generation + ROUNDS, "generation went from %u to %u",
	      before.generation, after.generation);
	CHECK(!(after.flags & KVM_CARETAKER_INFO_ISOLATE), "the last one was not isolated");
	CHECK(after.vm_id == before.vm_id && after.pcpu == PCPU, "another VM or pCPU");
	return KTAP_PASS;
}

/* The floor payload skips CPUID: the guest finds in EAX what it put there */
static enum ktap_result payload_skips_cpuid(bool skips)
{
	struct count_area *a = count_area(&guest);

	a->cpuid[0] = 0x80000000;
	CHECK(count_command(&guest, COUNT_CPUID, 2000), "no CPUID");
	CHECK((a->cpuid[2] == 0x80000000) == skips, "CPUID 0x80000000 gave %#x", a->cpuid[2]);
	a->cpuid[0] = 0;
	return KTAP_PASS;
}

static enum ktap_result last_payload_runs(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ROUNDS / 4; i++) {
		CHECK(payload_skips_cpuid(false) == KTAP_PASS, "round %u", i);
		setenv("CARETAKER_PAYLOAD", FLOOR_PAYLOAD, 1);
		err = caretaker_install(&guest, i % 2 ? 0 : KVM_CARETAKER_ISOLATE);
		unsetenv("CARETAKER_PAYLOAD");
		CHECK(!err, "round %u: no install", i);
		CHECK(payload_skips_cpuid(true) == KTAP_PASS, "round %u: the old one runs", i);
		CHECK(!caretaker_install(&guest, 0), "round %u: not back", i);
	}
	return payload_skips_cpuid(false);
}

static enum ktap_result telemetry_carried_over(void)
{
	static struct kvm_caretaker_telemetry before, after;
	unsigned int i;
	uint64_t was;

	CHECK(!caretaker_telemetry(&guest, &before), "no telemetry");
	CHECK(!caretaker_install(&guest, 0), "no install");
	CHECK(!caretaker_telemetry(&guest, &after), "no telemetry");
	for (i = 0; i < KVM_CARETAKER_NR_REASONS; i++) {
		was = telemetry_sum(&before, i);
		CHECK(telemetry_sum(&after, i) >= was, "exits for %#x went from %lu back to %lu",
		      i, was, telemetry_sum(&after, i));
	}
	CHECK(before.nr_slots && after.nr_slots >= before.nr_slots, "slots were lost");
	CHECK(after.tsc_first == before.tsc_first, "the ledger begins anew");
	CHECK(after.ledger[KVM_CARETAKER_TIME_GUEST] >= before.ledger[KVM_CARETAKER_TIME_GUEST],
	      "the ledger went back");
	return KTAP_PASS;
}

static enum ktap_result remove_and_again(void)
{
	enum ktap_result res;
	unsigned int i;

	for (i = 0; i < ROUNDS / 2; i++) {
		CHECK(!caretaker_remove(&guest), "round %u: no remove", i);
		CHECK(caretaker_state(&guest) != KVM_CARETAKER_ATTACHED, "still attached");
		CHECK(caretaker_remove(&guest) == -ENOENT, "removed twice");
		res = alive(i);
		if (res != KTAP_PASS)
			return res;
		CHECK(!caretaker_install(&guest, KVM_CARETAKER_ISOLATE), "round %u: no install", i);
		res = alive(i);
		if (res != KTAP_PASS)
			return res;
	}
	return KTAP_PASS;
}

static enum ktap_result end_with_caretaker(void)
{
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	CHECK(!count_check_host_side(&guest), "registers changed");
	CHECK(!count_area(&guest)->errors, "%lu rounds with wrong registers",
	      count_area(&guest)->errors);
	guest_destroy(&guest);
	/* The pCPU is free again: another guest may name it */
	CHECK(!guest_create(&guest, &guest_count), "no second guest");
	CHECK(!caretaker_install(&guest, 0), "the pCPU is still taken");
	guest_destroy(&guest);
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "a Caretaker is installed on a running vCPU", install_on_running, true },
		{ "it is replaced 20 times while the vCPU runs", replace_on_running },
		{ "the payload that was installed last is the one that runs", last_payload_runs },
		{ "telemetry is carried over to the new payload", telemetry_carried_over },
		{ "it is removed and installed again", remove_and_again },
		{ "a vCPU that ends takes its Caretaker along", end_with_caretaker },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 120);
}

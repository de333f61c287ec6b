// SPDX-License-Identifier: GPL-2.0
/*
 * Events that nobody has asked for hit the pCPU of a detached guest: interrupts, NMI, INIT, machine
 * checks. They are counted and survived, whatever the guest does; a machine check that cannot be is
 * recorded, and costs the vCPU, but not the host.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "ktap.h"
#include "stray.h"

#define ONLINE_MS 60000

static struct kvm_guest guest;
static struct guest_runner runner;
static int luo, session = -1;

static bool counts(void)
{
	return count_alive(&guest, 2000);
}

static bool stands(void)
{
	struct count_area *a = count_area(&guest);
	uint64_t counter = a->counter;

	sleep_ms(20);
	return a->counter == counter && !a->errors;
}

static bool halts(void)
{
	return stands() && count_area(&guest)->in_hlt &&
	       caretaker_state(&guest) == KVM_CARETAKER_RUNNING;
}

static bool blocks(void)
{
	return stands() && caretaker_state(&guest) == KVM_CARETAKER_STALLED;
}

static enum ktap_result detach(void)
{
	session = luo_session_create(luo, "stray");
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!luo_preserve_guest(session, &guest), "not preserved");
	CHECK(caretaker_state(&guest) == KVM_CARETAKER_RUNNING, "state %d",
	      caretaker_state(&guest));
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

static enum ktap_result ready(void)
{
	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	CHECK(caretaker_count_start(&guest, &runner), "no guest that counts");
	return KTAP_PASS;
}

static enum ktap_result while_it_runs(void)
{
	CHECK(detach() == KTAP_PASS, "not detached");
	CHECK(stray_all_survived(&guest, counts) == KTAP_PASS, "it did not survive");
	CHECK(cancel() == KTAP_PASS && counts(), "it does not go on in KVM");
	return KTAP_PASS;
}

static enum ktap_result while_it_halts(void)
{
	CHECK(detach() == KTAP_PASS, "not detached");
	CHECK(!count_command(&guest, COUNT_HLT, 100) && halts(), "no HLT");
	CHECK(stray_all_survived(&guest, halts) == KTAP_PASS, "it did not survive");
	CHECK(cancel() == KTAP_PASS, "not taken back");
	CHECK(!guest_msi(&guest, GUEST_IRQ_VECTOR), "no interrupt");
	CHECK(wait_equal(&count_area(&guest)->in_hlt, 0, 2000) && counts(),
	      "the interrupt does not end HLT");
	CHECK(count_area(&guest)->irqs == 1, "%lu interrupts", count_area(&guest)->irqs);
	return KTAP_PASS;
}

static enum ktap_result while_it_blocks(void)
{
	CHECK(detach() == KTAP_PASS, "not detached");
	count_area(&guest)->in_value = 0;
	CHECK(!count_command(&guest, COUNT_IN, 100) && blocks(), "not stalled");
	CHECK(stray_all_survived(&guest, blocks) == KTAP_PASS, "it did not survive");
	CHECK(cancel() == KTAP_PASS, "not taken back");
	CHECK(wait_equal(&count_area(&guest)->in_value, GUEST_IN_VALUE, 2000) && counts(),
	      "IN gave %#lx", count_area(&guest)->in_value);
	return KTAP_PASS;
}

static enum ktap_result registers(void)
{
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	CHECK(!count_check_host_side(&guest), "registers changed");
	CHECK(!count_area(&guest)->errors, "%lu rounds with wrong registers, kinds %#lx",
	      count_area(&guest)->errors, count_area(&guest)->what);
	CHECK(!runner_start(&runner, &guest), "no thread");
	return KTAP_PASS;
}

static enum ktap_result not_survived(void)
{
	CHECK(detach() == KTAP_PASS && counts(), "not detached");
	stray_machine_check(STRAY_MC_LOST, false);
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_FAULTED, 20000), "not FAULTED");
	CHECK(stray_recorded(&guest) == KTAP_PASS, "no record");
	return KTAP_PASS;
}

static enum ktap_result vcpu_ends(void)
{
	close(session);
	session = -1;
	CHECK(runner_wait(&runner, 10000) == -EIO, "KVM_RUN ended with %d", runner.error);
	CHECK(stray_recorded(&guest) == KTAP_PASS, "the record is gone");
	CHECK(cpu_wait_online(PCPU, ONLINE_MS), "the pCPU does not return");
	guest_destroy(&guest);
	return KTAP_PASS;
}

static enum ktap_result next_guest(void)
{
	CHECK(caretaker_count_start(&guest, &runner), "no guest that counts");
	CHECK(detach() == KTAP_PASS && counts(), "not detached");
	CHECK(cancel() == KTAP_PASS && counts(), "it does not go on in KVM");
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	guest_destroy(&guest);
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "a guest runs with a Caretaker", ready, true },
		{ "all stray events are survived while the guest runs", while_it_runs, true },
		{ "all stray events are survived while it halts", while_it_halts, true },
		{ "all stray events are survived while it blocks", while_it_blocks, true },
		{ "all registers are intact", registers, true },
		{ "an uncorrected machine check: FAULTED, with a record", not_survived, true },
		{ "closing the session ends the vCPU, not the host", vcpu_ends, true },
		{ "the next guest can use the pCPU", next_guest },
	};
	const char *missing = caretaker_missing();

	if (!missing)
		missing = stray_missing();
	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 120);
}

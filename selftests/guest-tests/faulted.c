// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that shuts down (triple fault) in the gap: its Caretaker is FAULTED with a record, and
 * the host loses neither its pCPU nor its mind.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "ktap.h"

static struct kvm_guest guest;
static struct guest_runner runner;
static int luo, session = -1;

static enum ktap_result shutdown_in_gap(void)
{
	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	CHECK(caretaker_count_start(&guest, &runner), "no guest that counts");
	session = luo_session_create(luo, "fault");
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!luo_preserve_guest(session, &guest), "not preserved");
	CHECK(!count_command(&guest, COUNT_SHUTDOWN, 100), "the guest is still there");
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_FAULTED, 2000), "not FAULTED");
	return KTAP_PASS;
}

static enum ktap_result record_kept(void)
{
	static struct kvm_caretaker_telemetry t;

	CHECK(!caretaker_telemetry(&guest, &t), "no telemetry");
	CHECK(t.fault, "no fault recorded");
	CHECK(t.fault_rip >= GUEST_CODE && t.fault_rip < GUEST_CODE + 0x1000, "fault RIP %#llx",
	      t.fault_rip);
	ktap_diag("fault %#llx at %#llx", t.fault, t.fault_rip);
	return KTAP_PASS;
}

static enum ktap_result cancel_ends(void)
{
	uint64_t counter = count_area(&guest)->counter;

	close(session);
	sleep_ms(100);
	CHECK(count_area(&guest)->counter == counter, "the guest runs");
	CHECK(runner_stop(&runner) != -ETIMEDOUT, "KVM_RUN does not return");
	return KTAP_PASS;
}

static enum ktap_result pcpu_returns(void)
{
	CHECK(cpu_wait_online(PCPU, 30000), "the pCPU does not return");
	return KTAP_PASS;
}

static enum ktap_result next_guest(void)
{
	guest_destroy(&guest);
	CHECK(!guest_create(&guest, &guest_count), "no second guest");
	CHECK(!count_reset(&guest), "no patterns");
	CHECK(!caretaker_install(&guest, 0), "no Caretaker for it");
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(count_alive(&guest, 2000), "it does not count");
	session = luo_session_create(luo, "again");
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!luo_preserve_guest(session, &guest), "it is not preserved");
	CHECK(count_alive(&guest, 2000), "it does not count detached");
	close(session);
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_ATTACHED, 5000), "not back in KVM");
	CHECK(count_alive(&guest, 2000), "it does not count after the cancel");
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	guest_destroy(&guest);
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "a shutdown in the gap makes the Caretaker FAULTED", shutdown_in_gap, true },
		{ "the fault is recorded", record_kept },
		{ "closing the session ends the vCPU, not the host", cancel_ends },
		{ "the pCPU comes online again", pcpu_returns },
		{ "the next guest can use it", next_guest },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 60);
}

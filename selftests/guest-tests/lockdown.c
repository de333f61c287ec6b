// SPDX-License-Identifier: GPL-2.0
/*
 * A kernel that is locked down takes no payload that is not signed. What was installed before
 * stays, serves, is carried, and can be removed. Lockdown is for the rest of a boot: this test is
 * the last one in it.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "ktap.h"
#include "lockdown.h"

static struct kvm_guest guest;
static struct guest_runner runner;

static enum ktap_result installs_before(void)
{
	CHECK(caretaker_count_start(&guest, &runner), "no guest that counts");
	return KTAP_PASS;
}

static enum ktap_result payload_refused(int want_state)
{
	struct kvm_caretaker_info before = {}, after = {};
	struct kvm_caretaker_set a;
	int err;

	caretaker_info(&guest, &before);
	caretaker_args(&a);
	a.payload_fd = payload_open();
	CHECK(a.payload_fd >= 0, "no payload");
	err = caretaker_ioctl_set(&guest, &a);
	close(a.payload_fd);
	CHECK(err == -EPERM, "got %s (%s)", strerror(-err), caretaker_log);
	CHECK(strstr(caretaker_log, "locked down"), "the log says: %s", caretaker_log);
	caretaker_info(&guest, &after);
	CHECK(!memcmp(&before, &after, sizeof(after)), "state %u, generation %u became %u, %u",
	      before.state, before.generation, after.state, after.generation);
	CHECK(caretaker_state(&guest) == want_state, "state %d", caretaker_state(&guest));
	CHECK(count_alive(&guest, 5000), "the guest does not count");
	return KTAP_PASS;
}

static enum ktap_result replacing_refused(void)
{
	return payload_refused(KVM_CARETAKER_ATTACHED);
}

static enum ktap_result installed_is_carried(void)
{
	int luo = luo_open(), s = luo_session_create(luo, "lockdown");

	CHECK(s >= 0, "no session: %s", strerror(-s));
	CHECK(!luo_preserve_guest(s, &guest), "not preserved");
	CHECK(count_alive(&guest, 5000), "the guest does not count detached");
	close(s);
	close(luo);
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_ATTACHED, 20000), "not back in KVM");
	CHECK(count_alive(&guest, 5000), "the guest does not count after the cancel");
	CHECK(cpu_wait_online(PCPU, 60000), "the pCPU does not return");
	return KTAP_PASS;
}

static enum ktap_result removed_for_good(void)
{
	int state;

	CHECK(!caretaker_remove(&guest), "no remove");
	state = caretaker_state(&guest);
	CHECK(state != KVM_CARETAKER_ATTACHED, "still attached");
	return payload_refused(state);
}

static enum ktap_result registers_intact(void)
{
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	CHECK(!count_check_host_side(&guest), "registers changed");
	CHECK(!count_area(&guest)->errors, "%lu rounds with wrong registers",
	      count_area(&guest)->errors);
	guest_destroy(&guest);
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "without lockdown a payload is installed", installs_before, true },
		{ "the kernel is locked down", locks_down, true },
		{ "replacing the payload is refused with EPERM", replacing_refused },
		{ "what was installed is carried", installed_is_carried },
		{ "it can be removed, and not installed again", removed_for_good },
		{ "all registers are intact at the end", registers_intact },
	};
	const char *missing = caretaker_missing();

	if (!missing)
		missing = lockdown_missing();
	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 120);
}

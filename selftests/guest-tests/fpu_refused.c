// SPDX-License-Identifier: GPL-2.0
/*
 * A payload that leaves a broken FPU image: the vCPU that comes back with it is ended instead of
 * run with wrong registers, the host loses nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "klog.h"
#include "ktap.h"

static struct kvm_guest guest;
static struct guest_runner runner;
static int luo = -1, session = -1;

static enum ktap_result guest_detached(void)
{
	CHECK(!guest_create(&guest, &guest_count), "no guest");
	CHECK(!count_reset(&guest), "no patterns");
	CHECK(!caretaker_install(&guest, 0), "no Caretaker");
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(count_alive(&guest, 2000), "the guest does not count");
	session = luo_session_create(luo, "fpu");
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!luo_preserve_guest(session, &guest), "not preserved");
	CHECK(count_alive(&guest, 2000), "the guest does not count detached");
	return KTAP_PASS;
}

static enum ktap_result runs_detached(void)
{
	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	CHECK(!pin_to_cpu0(), "cannot stay on CPU 0");
	setenv("CARETAKER_PAYLOAD", BAD_FPU_PAYLOAD, 1);
	return guest_detached();
}

static enum ktap_result not_taken_back(void)
{
	uint64_t counter;

	close(session);
	sleep_ms(100);
	counter = count_area(&guest)->counter;
	sleep_ms(100);
	CHECK(count_area(&guest)->counter == counter, "the guest runs");
	CHECK(runner_wait(&runner, 10000) == -EIO, "the vCPU thread ended with %d", runner.error);
	CHECK(klog_contains("its FPU image is refused"), "the kernel does not say why");
	return KTAP_PASS;
}

static enum ktap_result stays_ended(void)
{
	int err = guest_run(&guest);

	CHECK(err == -EIO, "KVM_RUN gave %d", err);
	CHECK(caretaker_install(&guest, 0) < 0, "a lost vCPU takes a new Caretaker");
	guest_destroy(&guest);
	return KTAP_PASS;
}

static enum ktap_result pcpu_returns(void)
{
	CHECK(cpu_wait_online(PCPU, 30000), "the pCPU does not return");
	return KTAP_PASS;
}

/* The same steps with the good payload end well: it is the image that was refused */
static enum ktap_result good_image_taken(void)
{
	unsetenv("CARETAKER_PAYLOAD");
	CHECK(guest_detached() == KTAP_PASS, "the next guest cannot use the pCPU");
	close(session);
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_ATTACHED, 5000), "not back in KVM");
	CHECK(count_alive(&guest, 2000), "it does not count after the cancel");
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	guest_destroy(&guest);
	return pcpu_returns();
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "the guest runs on the faulty payload", runs_detached, true },
		{ "it is not taken back with a broken FPU image", not_taken_back, true },
		{ "the vCPU stays ended", stays_ended },
		{ "the pCPU comes online again", pcpu_returns },
		{ "the next guest is taken back", good_image_taken },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 60);
}

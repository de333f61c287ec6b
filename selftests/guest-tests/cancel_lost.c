// SPDX-License-Identifier: GPL-2.0
/*
 * A payload that never gives its vCPU back: the cancel fails, and the guest runs on. So nothing of
 * what it may touch is ever given to somebody else, also when its VMM has ended, and kexec
 * is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "handover.h"
#include "klog.h"
#include "ktap.h"
#include "overwrite.h"

#define PCPU_ONLINE	"/sys/devices/system/cpu/cpu1/online"
#define NEXT_KERNEL	"/boot/bzImage-b"
#define NEXT_INITRD	"/boot/initrd"

static struct kvm_guest guest;
static struct guest_runner runner;
static int luo = -1, session = -1;

static enum ktap_result detached(void)
{
	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	setenv("CARETAKER_PAYLOAD", KEEPS_PAYLOAD, 1);
	CHECK(caretaker_count_start(&guest, &runner), "no guest that counts");
	session = luo_session_create(luo, "lost");
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!luo_preserve_guest(session, &guest), "not preserved");
	CHECK(count_alive(&guest, 2000), "the guest does not count detached");
	return KTAP_PASS;
}

static enum ktap_result not_taken_back(void)
{
	uint64_t busy;

	close(session);
	CHECK(klog_contains("not taken back: error -110"), "the kernel does not say so");
	CHECK(klog_contains("all guest memory and"), "the kernel does not say what is left");
	CHECK(count_alive(&guest, 2000), "the guest does not run on");
	CHECK(caretaker_state(&guest) == KVM_CARETAKER_ADOPTING, "state %d",
	      caretaker_state(&guest));
	busy = runner.busy;
	CHECK(wait_change(&runner.busy, busy, 2000), "KVM_RUN is not refused with EBUSY");
	CHECK(count_alive(&guest, 2000), "KVM_RUN did the guest harm");
	return KTAP_PASS;
}

static enum ktap_result pcpu_refused(void)
{
	int fd = open(PCPU_ONLINE, O_WRONLY | O_CLOEXEC), n, err;

	CHECK(fd >= 0, "%s: %s", PCPU_ONLINE, strerror(errno));
	n = write(fd, "1", 1);
	err = errno;
	close(fd);
	CHECK(n == -1 && err == EBUSY, "write gave %d, %s", n, strerror(err));
	CHECK(count_alive(&guest, 2000), "the guest does not run on");
	return KTAP_PASS;
}

static enum ktap_result vmm_ends(void)
{
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	guest_destroy(&guest);
	return KTAP_PASS;
}

static bool always(void)
{
	return true;
}

static enum ktap_result memory_held(void)
{
	return overwrite_free_memory(always);
}

static enum ktap_result kexec_refused(void)
{
	int err;

	CHECK(!next_kernel_load(NEXT_KERNEL, NEXT_INITRD, "ct_stage=2"), "not loaded");
	err = next_kernel_start();
	CHECK(err == -EBUSY, "got %s", strerror(-err));
	CHECK(klog_contains("kexec refused: the CPU with APIC id 1"),
	      "the kernel does not say why");
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "a guest counts detached", detached, true },
		{ "the cancel fails, the guest runs on", not_taken_back, true },
		{ "its pCPU cannot be brought online by hand", pcpu_refused },
		{ "its VMM may end", vmm_ends, true },
		{ "nobody gets the memory that it may write to", memory_held },
		{ "kexec is refused", kexec_refused },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 200);
}

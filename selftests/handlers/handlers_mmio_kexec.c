// SPDX-License-Identifier: GPL-2.0
/*
 * A device of a handler over a kexec: the guest's accesses are as those to RAM attached, in the gap
 * under both kernels, and after adoption, when the VMM goes on with the registers as it finds them.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "handover.h"
#include "ktap.h"
#include "mmio_guest.h"
#include "object.h"

#define REASON_NPF	0xe0	/* KVM_CARETAKER_REASON_NPF */

static struct kvm_guest guest;
static struct guest_runner runner;
static struct handover_state *saved;
static struct handover_fds fds = { -1, -1, -1 };
static struct handlers set;
static struct mmio_page *page;

static struct mmio_area *area(void)
{
	return guest_area(&guest);
}

static enum ktap_result pass(const char *where)
{
	uint64_t want = area()->want + 1;

	memset(area()->record, 0, sizeof(area()->record));
	area()->want = want;
	CHECK(wait_equal(&area()->done, want, 5000), "%s: the guest does not get on", where);
	return mmio_same(area());
}

/* ---- stage 1, in the old kernel ---- */

static bool answer_by_handlers(struct kvm_guest *g)
{
	return mmio_answer(g->run, page->word);
}

static enum ktap_result installed(void)
{
	struct kvm_caretaker_set a;
	struct bpf_map *bss;
	size_t size;

	CHECK(!pin_to_cpu0() && !guest_create(&guest, &guest_mmio), "no guest");
	CHECK(!handlers_open(&set, corpus_find("accept/mmio_page")), "no object");
	CHECK(!handlers_load(&set) && !handlers_attach(&set), "not loaded: %.900s", set.log);
	bss = bpf_object__find_map_by_name(set.obj, ".bss");
	page = bss ? bpf_map__initial_value(bss, &size) : NULL;
	CHECK(page, "no state");
	caretaker_args(&a);
	a.payload_fd = payload_open();
	a.handlers_fd = bpf_map__fd(set.map);
	CHECK(!caretaker_ioctl_set(&guest, &a), "not installed: %s", caretaker_log);
	close(a.payload_fd);
	guest.mmio = answer_by_handlers;
	CHECK(!runner_start(&runner, &guest), "no thread");
	return pass("attached");
}

static enum ktap_result preserved(void)
{
	CHECK(!next_kernel_load("/boot/bzImage-b", "/boot/initrd", "ct_stage=2"), "not loaded");
	CHECK(!handover_begin(&fds, &saved), "no session");
	klog_mark();
	CHECK(!luo_preserve_guest(fds.session, &guest), "not preserved: %.900s", klog_since());
	CHECK(!state_save(&guest, saved), "the vCPU could not be saved");
	return pass("detached, old kernel");
}

static int stage_1(void)
{
	static const struct ktap_case cases[] = {
		{ "the device is as RAM, attached", installed, true },
		{ "and detached", preserved, true },
	};
	const char *missing = decode_assists_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return handover_leave(cases, ARRAY_SIZE(cases), 60);
}

/* ---- stage 2, in the next kernel ---- */

static bool answer_by_vmm(struct kvm_guest *g)
{
	return mmio_answer(g->run, area()->word);
}

static enum ktap_result retrieved(void)
{
	static struct kvm_caretaker_telemetry t;

	CHECK(!pin_to_cpu0(), "cannot stay on CPU 0");
	CHECK(!handover_retrieve(&fds, &saved, &guest), "nothing to take over");
	CHECK(pass("detached, next kernel") == KTAP_PASS, "before the vCPU is there");
	CHECK(!retrieve_vm(fds.session, &guest), "no VM");
	CHECK(!retrieve_vcpu(fds.session, &guest, saved), "no vCPU");
	CHECK(!caretaker_telemetry(&guest, &t), "no telemetry");
	CHECK(kvm_caretaker_gap_exits(&t, REASON_NPF, KVM_CARETAKER_HANDLER) == 2 * MMIO_ACCESSES,
	      "%llu served", kvm_caretaker_gap_exits(&t, REASON_NPF, KVM_CARETAKER_HANDLER));
	return KTAP_PASS;
}

static enum ktap_result adopted(void)
{
	static struct mmio_page got;
	struct kvm_caretaker_get a = {
		.size = sizeof(a), .what = KVM_CARETAKER_GET_STATE,
		.buf = (unsigned long)&got, .len = sizeof(got),
	};
	int err;

	guest.run->immediate_exit = 1;
	err = guest_run(&guest);
	guest.run->immediate_exit = 0;
	CHECK(err == -EINTR, "KVM_RUN gave %d", err);
	CHECK(!ioctl(guest.vcpu_fd, KVM_GET_CARETAKER, &a), "KVM_GET_CARETAKER: %s",
	      strerror(errno));
	CHECK(!memcmp(got.word, area()->record[1].word, sizeof(got.word)),
	      "the registers are not those that the guest read last");
	memcpy(area()->word, got.word, sizeof(got.word));
	return KTAP_PASS;
}

static enum ktap_result runs_in_kvm(void)
{
	guest.mmio = answer_by_vmm;
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(pass("adopted") == KTAP_PASS, "by the VMM");
	CHECK(runner.mmio == MMIO_ACCESSES, "%lu came to the VMM", runner.mmio);
	CHECK(cpu_wait_online(PCPU, 60000), "the pCPU does not return");
	CHECK(!luo_finish(fds.session), "FINISH is refused");
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	guest_destroy(&guest);
	return KTAP_PASS;
}

static int stage_2(void)
{
	static const struct ktap_case cases[] = {
		{ "the device is as RAM in the next kernel, before adoption", retrieved, true },
		{ "the vCPU is adopted, the device's registers are in the state", adopted, true },
		{ "the VMM goes on with them", runs_in_kvm },
	};

	return ktap_run(cases, ARRAY_SIZE(cases), 100);
}

int main(void)
{
	return cmdline_number("ct_stage", 1) == 1 ? stage_1() : stage_2();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Exit handlers outlive their kernel: what a guest writes to its console before, during and
 * after a kexec, until the vCPU is adopted, is in the handler's state in the next kernel.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "console.h"
#include "digest.h"
#include "handover.h"
#include "ktap.h"
#include "object.h"

#define IN_OLD_KERNEL	100
#define IN_NEXT_KERNEL	300

static struct kvm_guest guest;
static struct guest_runner runner;
static struct handover_state *saved;
static int luo = -1, session = -1;

static struct console_area *console(void)
{
	return guest_area(&guest);
}

/* ---- stage 1, in the old kernel ---- */

static enum ktap_result uart_installed(void)
{
	static struct handlers uart;
	struct kvm_caretaker_set a;

	CHECK(!pin_to_cpu0(), "cannot stay on CPU 0");
	CHECK(!guest_create(&guest, &guest_console), "no guest");
	CHECK(!handlers_open(&uart, corpus_find("handlers/uart")), "no object");
	CHECK(!handlers_load(&uart) && !handlers_attach(&uart), "not loaded: %.900s", uart.log);
	caretaker_args(&a);
	a.payload_fd = payload_open();
	a.handlers_fd = bpf_map__fd(uart.map);
	CHECK(!caretaker_ioctl_set(&guest, &a), "not installed: %s", caretaker_log);
	close(a.payload_fd);
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(wait_change(&console()->rounds, 0, 5000), "the guest does not run");
	return KTAP_PASS;
}

static enum ktap_result preserved(void)
{
	int fd;

	CHECK(!next_kernel_load("/boot/bzImage-b", "/boot/initrd", "ct_stage=2"), "not loaded");
	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	session = luo_session_create(luo, HANDOVER_SESSION);
	CHECK(session >= 0, "no session: %s", strerror(-session));
	fd = state_create(&saved);
	CHECK(fd >= 0 && !luo_preserve(session, fd, TOKEN_STATE), "the state is not preserved");
	klog_mark();
	CHECK(!luo_preserve_guest(session, &guest), "not preserved: %.900s", klog_since());
	CHECK(!state_save(&guest, saved), "the vCPU could not be saved");
	return KTAP_PASS;
}

static enum ktap_result written_before(void)
{
	console()->want = IN_OLD_KERNEL;
	CHECK(wait_equal(&console()->written, IN_OLD_KERNEL, 5000), "%lu bytes, state %d",
	      console()->written, caretaker_state(&guest));
	return KTAP_PASS;
}

static int stage_1(void)
{
	static const struct ktap_case cases[] = {
		{ "the console handler is installed", uart_installed },
		{ "RAM, VM and vCPU are preserved", preserved },
		{ "the guest writes detached, in the old kernel", written_before },
	};

	return handover_leave(cases, ARRAY_SIZE(cases), 60);
}

/* ---- stage 2, in the next kernel ---- */

static enum ktap_result written_after(void)
{
	int fd;

	CHECK(!pin_to_cpu0(), "cannot stay on CPU 0");
	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	session = luo_session_retrieve(luo, HANDOVER_SESSION);
	CHECK(session >= 0, "no session: %s", strerror(-session));
	fd = luo_retrieve(session, TOKEN_STATE);
	CHECK(fd >= 0 && !state_map(fd, &saved), "no state: %s", strerror(-fd));
	CHECK(!retrieve_ram(session, &guest), "no RAM");
	console()->want = IN_NEXT_KERNEL;
	CHECK(wait_equal(&console()->written, IN_NEXT_KERNEL, 5000), "%lu bytes",
	      console()->written);
	return KTAP_PASS;
}

/* Name and digest of the set are the old kernel's, which this one has from the handover. */
static enum ktap_result set_is_known(void)
{
	struct kvm_caretaker_info info;
	unsigned char want[sizeof(info.handlers_digest)];

	CHECK(!corpus_digest(corpus_find("handlers/uart"), want), "no digest without a kernel");
	CHECK(!caretaker_info(&guest, &info), "no INFO");
	CHECK(info.flags & KVM_CARETAKER_INFO_HANDLERS, "flags %x", info.flags);
	CHECK(!strcmp(info.handlers_name, "uart"), "name %.16s", info.handlers_name);
	CHECK(!memcmp(info.handlers_digest, want, sizeof(want)), "digest %02x%02x..., want %02x%02x...",
	      info.handlers_digest[0], info.handlers_digest[1], want[0], want[1]);
	return KTAP_PASS;
}

static enum ktap_result orphan_is_known(void)
{
	CHECK(!retrieve_vm(session, &guest), "no VM");
	CHECK(!retrieve_vcpu(session, &guest, saved), "no vCPU");
	return set_is_known();
}

static enum ktap_result adopted(void)
{
	int err;

	guest.run->immediate_exit = 1;
	err = guest_run(&guest);
	guest.run->immediate_exit = 0;
	CHECK(err == -EINTR, "KVM_RUN gave %d", err);
	return KTAP_PASS;
}

static enum ktap_result all_there(void)
{
	static struct caretaker_uart_state got;
	struct kvm_caretaker_get a = {
		.size = sizeof(a), .what = KVM_CARETAKER_GET_STATE,
		.buf = (unsigned long)&got, .len = sizeof(got),
	};
	unsigned long long head;

	CHECK(!ioctl(guest.vcpu_fd, KVM_GET_CARETAKER, &a), "KVM_GET_CARETAKER: %s",
	      strerror(errno));
	CHECK(a.len == sizeof(got), "%llu bytes of state", a.len);
	CHECK(!corpus_state(corpus_find("handlers/uart"), &got, sizeof(got), "uart_state.head",
			    &head), "no types");
	CHECK(head == got.head, "head is %llu by the object's types, %llu by the header", head,
	      got.head);
	return console_kept(&got, 0, IN_NEXT_KERNEL);
}

static enum ktap_result runs_in_kvm(void)
{
	CHECK(!runner_start(&runner, &guest), "no thread");
	console()->want = IN_NEXT_KERNEL + 5;
	CHECK(wait_equal(&console()->written, IN_NEXT_KERNEL + 5, 5000), "%lu bytes",
	      console()->written);
	CHECK(runner.served == 5, "%lu reads of the line status came to the VMM", runner.served);
	CHECK(cpu_wait_online(PCPU, 60000), "the pCPU does not return");
	CHECK(!luo_finish(session), "FINISH is refused");
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	guest_destroy(&guest);
	return KTAP_PASS;
}

static int stage_2(void)
{
	static const struct ktap_case cases[] = {
		{ "the guest writes in the next kernel, before it is adopted", written_after },
		{ "name and digest of the orphan's handlers are known", orphan_is_known },
		{ "the vCPU is adopted", adopted, true },
		{ "name and digest of its handlers are known still", set_is_known },
		{ "every byte is in the handler's state, in order, by its types, too", all_there },
		{ "the console is the VMM's again", runs_in_kvm },
	};

	return ktap_run(cases, ARRAY_SIZE(cases), 100);
}

int main(void)
{
	return cmdline_number("ct_stage", 1) == 1 ? stage_1() : stage_2();
}

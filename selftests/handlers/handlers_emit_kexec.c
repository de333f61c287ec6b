// SPDX-License-Identifier: GPL-2.0
/*
 * What a handler emits is read from the event ring, byte for byte: live, and after a kexec what it
 * emitted in the gap, before and after the next kernel was there. With kvm.caretaker_forward_only=1
 * the next kernel ends that when it retrieves the vCPU.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "emit.h"
#include "events.h"
#include "guest_count.h"
#include "handover.h"
#include "ktap.h"
#include "object.h"

#define NEXT_KERNEL	"/boot/bzImage-b"
#define NEXT_INITRD	"/boot/initrd"
#define NR_EACH		5
#define LEAF		0x40000000	/* of the first CPUID; one more each time */

static struct kvm_guest guest;
static struct guest_runner runner;
static struct handover_state *state;
static struct handover_fds fds = { -1, -1, -1 };

/* CPUIDs of number @first on. */
static enum ktap_result cpuids(unsigned int first)
{
	unsigned int i;

	for (i = 0; i < NR_EACH; i++) {
		count_area(&guest)->cpuid[0] = LEAF + first + i;
		CHECK(count_command(&guest, COUNT_CPUID, 2000), "no CPUID");
	}
	return KTAP_PASS;
}

/* "data=88 77 ..." */
static bool event_bytes(const struct event *e, void *to, size_t len)
{
	const char *at = strstr(e->text, " data=");
	unsigned char *bytes = to;
	char *end;
	size_t i;

	at = at ? at + 6 : "";
	for (i = 0; i < len; i++, at = end) {
		bytes[i] = (unsigned char)strtoul(at, &end, 16);
		if (end == at)
			return false;
	}
	return true;
}

static enum ktap_result event_right(const struct event *e, unsigned int number, bool detached)
{
	struct emit_event got;

	CHECK(event_is(e, "reason", "cpuid") && event_number(e, "vm") == state->vm_id &&
	      event_number(e, "len") == sizeof(got), "%s", e->text);
	CHECK(event_bytes(e, &got, sizeof(got)), "no bytes: %s", e->text);
	CHECK(got.magic == EMIT_MAGIC && got.number == number && got.leaf == LEAF + number &&
	      got.detached == detached, "number %u is: magic %llx number %llu leaf %x detached %u",
	      number, got.magic, got.number, got.leaf, got.detached);
	return KTAP_PASS;
}

/* Those of number @first on, and no others; the first @attached of all were not of the gap. */
static enum ktap_result events_are(unsigned int first, unsigned int nr, unsigned int attached)
{
	unsigned int i, n = 0;

	CHECK(!events_read("trace_pipe"), "trace_pipe cannot be read");
	for (i = 0; i < nr_events; i++) {
		CHECK(!strcmp(events[i].name, "handler"), "event %s", events[i].name);
		CHECK(event_right(&events[i], first + n, first + n > attached) == KTAP_PASS,
		      "event %u", i);
		n++;
	}
	CHECK(n == nr, "%u events of %u", n, nr);
	CHECK(events_in_order(), "times go back");
	return KTAP_PASS;
}

/* ---- stage 1, in the old kernel ---- */

static enum ktap_result handler_installed(void)
{
	static struct handlers h;
	struct kvm_caretaker_info info;
	struct kvm_caretaker_set a;
	int err;

	CHECK(events_there(), "no " EVENTS_DIR);
	CHECK(!pin_to_cpu0(), "cannot stay on CPU 0");
	CHECK(!guest_create(&guest, &guest_count) && !count_reset(&guest), "no guest");
	CHECK(!handlers_open(&h, corpus_find("accept/emit_numbered")), "no object");
	CHECK(!handlers_load(&h) && !handlers_attach(&h), "not loaded: %.900s", h.log);
	caretaker_args(&a);
	a.payload_fd = payload_open();
	a.handlers_fd = bpf_map__fd(h.map);
	err = caretaker_ioctl_set(&guest, &a);
	CHECK(!err, "not installed: %s: %s", strerror(-err), caretaker_log);
	close(a.payload_fd);
	handlers_close(&h);
	CHECK(!handover_begin(&fds, &state), "no session");
	CHECK(!caretaker_info(&guest, &info), "no information");
	state->vm_id = info.vm_id;
	CHECK(!runner_start(&runner, &guest) && count_alive(&guest, 5000), "does not run");
	return KTAP_PASS;
}

static enum ktap_result live(void)
{
	CHECK(!events_choose("handler") && !events_write("tracing_on", "1"), "no tracing");
	CHECK(cpuids(1) == KTAP_PASS, "the guest does not run");
	return events_are(1, NR_EACH, NR_EACH);
}

static enum ktap_result preserved(void)
{
	CHECK(!next_kernel_load(NEXT_KERNEL, NEXT_INITRD, "ct_stage=2"), "not loaded");
	CHECK(!luo_preserve_guest(fds.session, &guest), "not preserved");
	CHECK(!state_save(&guest, state), "the vCPU could not be saved");
	return cpuids(1 + NR_EACH);
}

static int stage_1(void)
{
	static const struct ktap_case cases[] = {
		{ "a handler that emits is installed", handler_installed, true },
		{ "what it emits is read live", live, true },
		{ "the guest is preserved and goes on, detached", preserved, true },
	};

	return handover_leave(cases, ARRAY_SIZE(cases), 60);
}

/* ---- stage 2, in the next kernel ---- */

static enum ktap_result retrieved(void)
{
	CHECK(!pin_to_cpu0(), "cannot stay on CPU 0");
	CHECK(!handover_retrieve(&fds, &state, &guest), "nothing to take over");
	CHECK(cpuids(1 + 2 * NR_EACH) == KTAP_PASS, "no CPUID in the gap");
	CHECK(!retrieve_vm(fds.session, &guest), "no VM");
	CHECK(!retrieve_vcpu(fds.session, &guest, state), "no vCPU");
	return KTAP_PASS;
}

/* Whether the handler is asked of a vCPU that was retrieved */
static bool forwards(void)
{
	return cmdline_number("kvm.caretaker_forward_only", 0);
}

static unsigned int nr_all(void)
{
	return (forwards() ? 3 : 4) * NR_EACH;
}

static enum ktap_result retrieved_goes_on(void)
{
	struct kvm_caretaker_info info;

	CHECK(cpuids(1 + 3 * NR_EACH) == KTAP_PASS, "no CPUID in the gap");
	CHECK(!caretaker_info(&guest, &info) && info.flags & KVM_CARETAKER_INFO_ORPHAN &&
	      info.state == KVM_CARETAKER_RUNNING, "flags %#x, state %u", info.flags, info.state);
	return KTAP_PASS;
}

/* The ring had room for all of them. */
static enum ktap_result all_there(void)
{
	return events_are(1, nr_all(), NR_EACH);
}

static enum ktap_result state_agrees(void)
{
	struct emit_state got;
	struct kvm_caretaker_get a = {
		.size = sizeof(a), .what = KVM_CARETAKER_GET_STATE, .buf = (unsigned long)&got,
		.len = sizeof(got),
	};

	CHECK(!ioctl(guest.vcpu_fd, KVM_GET_CARETAKER, &a), "no state: %s", strerror(errno));
	CHECK(got.calls == nr_all() && !got.refused, "%llu calls, %llu refused", got.calls,
	      got.refused);
	return KTAP_PASS;
}

static enum ktap_result ended(void)
{
	CHECK(!runner_start(&runner, &guest) && count_alive(&guest, 5000), "does not run in KVM");
	CHECK(cpu_wait_online(PCPU, 60000), "the pCPU does not return");
	CHECK(!luo_finish(fds.session), "FINISH is refused");
	close(fds.session);
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	guest_destroy(&guest);
	return KTAP_PASS;
}

static int stage_2(void)
{
	static struct ktap_case cases[] = {
		{ "the handler goes on in the gap, the vCPU is retrieved", retrieved, true },
		{ "it goes on until the vCPU is adopted", retrieved_goes_on },
		{ "events of the old kernel and of the gap are read, with what they hold",
		  all_there },
		{ "the handler's state says the same", state_agrees },
		{ "the guest is adopted and goes on", ended },
	};

	if (forwards())
		cases[1].name = "with forward_only native code goes on alone from then on";
	return ktap_run(cases, ARRAY_SIZE(cases), 100);
}

int main(void)
{
	return cmdline_number("ct_stage", 1) == 1 ? stage_1() : stage_2();
}

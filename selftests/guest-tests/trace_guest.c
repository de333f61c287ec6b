// SPDX-License-Identifier: GPL-2.0
/*
 * A counting guest whose Caretaker goes through all that the tracepoints tell of. Prints what they
 * have to say, a line per event in their order, for selftests/tracing/trace_tools.py:
 *
 *   trace_guest here    install, update, preserve, a stall, cancel; once more with a fault
 *   trace_guest leave   preserve and a stall, then the next kernel
 *   trace_guest take    retrieve and adopt there; then runs AFTER, if it is there
 *   trace_guest flood-leave	preserve, nothing more, then the next kernel
 *   trace_guest flood-take	as take, but first so many exits that the event ring overruns
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "handover.h"
#include "ktap.h"

#define NEXT_KERNEL	"/boot/bzImage-b"
#define NEXT_INITRD	"/boot/initrd"
#define ONLINE_MS	60000
#define AFTER		"/run/after"
#define FLOOD		2000	/* some 200 exits fit into a ring */

static struct kvm_guest guest;
static struct guest_runner runner;
static struct kvm_caretaker_telemetry t;
static struct kvm_caretaker_info info;

KTAP_PRINTF(2, 3) static void expect(const char *event, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("expect %s vm_id=0x%llx ", event, info.vm_id);
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
}

/* As the kernel does it */
static uint64_t ns_of(uint64_t from, uint64_t to)
{
	return to > from ? (__uint128_t)(to - from) * 1000000 / t.tsc_khz : 0;
}

static bool look(void)
{
	int err = caretaker_info(&guest, &info);

	if (!err)
		err = caretaker_telemetry(&guest, &t);
	if (err)
		ktap_diag("no telemetry: %s", strerror(-err));
	return !err;
}

static bool failed(const char *what)
{
	ktap_diag("%s", what);
	return false;
}

static bool installed(void)
{
	if (!caretaker_count_start(&guest, &runner) || !look())
		return false;
	expect("install", "vcpu=0 pcpu=%u generation=1 handlers=0", info.pcpu);
	if (caretaker_install(&guest, 0) || !count_alive(&guest, 5000))
		return failed("no update");
	expect("install", "vcpu=0 pcpu=%u generation=2 handlers=0", info.pcpu);
	return true;
}

static bool preserved(int session)
{
	if (luo_preserve_guest(session, &guest) || !count_alive(&guest, 5000) || !look())
		return failed("not preserved");
	expect("preserve", "vcpus=1 npt_pages=%llu", info.npt_bytes / 4096);
	expect("detach", "vcpu=0 apic_id=%u pause_ns=%lu", info.apic_id,
	       ns_of(t.tsc_stop, t.tsc_run));
	return true;
}

static bool stalls(void)
{
	/* Served by the payload, for those who look at the event ring */
	if (!count_command(&guest, COUNT_CPUID, 5000))
		return failed("no CPUID");
	if (count_command(&guest, COUNT_IN, 200))
		return failed("a port that nobody serves answered");
	return caretaker_wait_state(&guest, KVM_CARETAKER_STALLED, 5000);
}

static void expect_back(const char *event)
{
	uint64_t last = t.nr_stalls - 1;
	const struct kvm_caretaker_stall *s = &t.stalls[last % KVM_CARETAKER_NR_STALLS];

	expect("stall", "vcpu=0 reason=%#llx info1=%#llx rip=%#llx ns=%lu", s->reason, s->info1,
	       s->rip, ns_of(s->tsc_start, s->tsc_end));
	expect(event, "vcpu=0 apic_id=%u pause_ns=%lu", info.apic_id,
	       ns_of(t.tsc_kick, t.tsc_adopt));
}

static bool cancelled(int luo)
{
	int session = luo_session_create(luo, "trace-cancel");

	if (session < 0 || !preserved(session) || !stalls())
		return failed("no handover");
	close(session);
	if (!caretaker_wait_state(&guest, KVM_CARETAKER_ATTACHED, 10000) || !look() ||
	    t.nr_stalls != 1)
		return failed("not cancelled with one stall");
	expect_back("cancel");
	return count_alive(&guest, 5000) && cpu_wait_online(PCPU, ONLINE_MS);
}

static bool faults(int luo)
{
	int session = luo_session_create(luo, "trace-fault");

	if (session < 0 || !preserved(session))
		return failed("no handover");
	if (count_command(&guest, COUNT_SHUTDOWN, 100) ||
	    !caretaker_wait_state(&guest, KVM_CARETAKER_FAULTED, 5000))
		return failed("the guest's shutdown is no fault");
	close(session);
	if (!look())
		return false;
	expect("fault", "vcpu=0 fault=%#llx rip=%#llx addr=%#llx", t.fault, t.fault_rip,
	       t.fault_addr);
	return cpu_wait_online(PCPU, ONLINE_MS);
}

static bool run_here(void)
{
	int luo = luo_open();

	if (luo < 0)
		return failed("no Live Update");
	if (!installed() || !cancelled(luo) || !faults(luo))
		return false;
	/* Its thread has ended with EIO, for the vCPU is lost */
	runner_stop(&runner);
	guest_destroy(&guest);
	close(luo);
	return true;
}

static bool run_leave(bool (*in_gap)(void))
{
	struct handover_fds fds;
	struct handover_state *state;

	if (!installed() || next_kernel_load(NEXT_KERNEL, NEXT_INITRD, "ct_stage=2") ||
	    handover_begin(&fds, &state) || !preserved(fds.session) || !in_gap() ||
	    state_save(&guest, state))
		return failed("no handover");
	return !next_kernel_start();
}

static bool nothing(void)
{
	return true;
}

/* What the old kernel has not collected would be missing, too. */
static bool waits(void)
{
	sleep_ms(300);
	return true;
}

/* No kernel collects events of a vCPU that was not retrieved. */
static bool floods(void)
{
	unsigned int i;

	for (i = 0; i < FLOOD; i++)
		if (!count_command(&guest, COUNT_CPUID, 5000))
			return failed("no CPUID");
	printf("flood %u\n", FLOOD);
	return true;
}

/* @nr_stalls: that the gap had */
static bool run_take(bool (*in_gap)(void), unsigned int nr_stalls)
{
	struct handover_fds fds;
	struct handover_state *state;
	int err;

	if (pin_to_cpu0() || handover_retrieve(&fds, &state, &guest) || !in_gap() ||
	    retrieve_vm(fds.session, &guest) || retrieve_vcpu(fds.session, &guest, state))
		return failed("not retrieved");
	guest.run->immediate_exit = 1;
	err = guest_run(&guest);
	guest.run->immediate_exit = 0;
	if (err != -EINTR || !look() || t.nr_stalls != nr_stalls)
		return failed("not adopted with the stalls that it had");
	if (nr_stalls)
		expect_back("adopt");
	if (runner_start(&runner, &guest) || !count_alive(&guest, 5000) ||
	    !cpu_wait_online(PCPU, ONLINE_MS) || luo_finish(fds.session) || runner_stop(&runner))
		return failed("it does not go on");
	if (!access(AFTER, X_OK) && system(AFTER))
		return failed(AFTER " failed");
	guest_destroy(&guest);
	return true;
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "", *missing = caretaker_missing();
	bool ok;

	setlinebuf(stdout);
	if (missing)
		ok = failed(missing);
	else if (!strcmp(what, "here"))
		ok = run_here();
	else if (!strcmp(what, "leave"))
		ok = run_leave(stalls);
	else if (!strcmp(what, "take"))
		ok = run_take(nothing, 1);
	else if (!strcmp(what, "flood-leave"))
		ok = run_leave(waits);
	else if (!strcmp(what, "flood-take"))
		ok = run_take(floods, 0);
	else
		ok = failed("usage: trace_guest here|leave|take|flood-leave|flood-take");
	printf("trace_guest %s: %s\n", what, ok ? "done" : "failed");
	return ok ? KTAP_EXIT_PASS : KTAP_EXIT_FAIL;
}

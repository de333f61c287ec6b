// SPDX-License-Identifier: GPL-2.0
/* Events over a kexec: the two stages. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/kvm_caretaker_ring.h>

#include "caretaker_test.h"
#include "events.h"
#include "guest_count.h"
#include "handover.h"
#include "klog.h"
#include "ktap.h"

#define NEXT_KERNEL	"/boot/bzImage-b"
#define NEXT_INITRD	"/boot/initrd"
#define BAD_PAYLOAD	"/payloads/bad_ring.elf"
#define BAD_REASON	"a sub-buffer begins with a record that was never written"
#define ONLINE_MS	60000
#define NR_CPUID	5
/* A sub-buffer may be just begun; no record of this guest is longer than 48 bytes */
#define RING_HOLDS	((KVM_CARETAKER_RING_NR_SUBBUFS - 1) * (KVM_CARETAKER_RING_CAPACITY / 48))

static struct kvm_guest guest;
static struct guest_runner runner;
static struct handover_state *state;
static struct handover_fds fds = { -1, -1, -1 };
static bool bad_ring;

static enum ktap_result cpuids(void)
{
	unsigned int i;

	for (i = 0; i < NR_CPUID; i++)
		CHECK(count_command(&guest, COUNT_CPUID, 2000), "no CPUID");
	return KTAP_PASS;
}

/* Stage 1 */

static enum ktap_result guest_ready(void)
{
	CHECK(events_there(), "no " EVENTS_DIR);
	CHECK(caretaker_count_start(&guest, &runner), "no guest that counts");
	CHECK(!events_choose("exit run park") && !events_write("tracing_on", "1"), "no tracing");
	return cpuids();
}

static enum ktap_result preserved(void)
{
	struct kvm_caretaker_info info;
	struct event_ring r;

	CHECK(!handover_begin(&fds, &state), "no session");
	CHECK(!luo_preserve_guest(fds.session, &guest), "not preserved");
	CHECK(cpuids() == KTAP_PASS, "no CPUID in the gap");
	CHECK(!state_save(&guest, state), "the vCPU could not be saved");
	CHECK(!caretaker_info(&guest, &info), "no information");
	state->vm_id = info.vm_id;
	CHECK(!events_ring(info.vm_id, 0, &r), "no ring");
	/* Kept for the next kernel */
	state->counter = r.written;
	CHECK(r.written, "nothing written");
	return KTAP_PASS;
}

static enum ktap_result next_loaded(void)
{
	CHECK(!next_kernel_load(NEXT_KERNEL, NEXT_INITRD, "ct_stage=2"), "not loaded");
	return KTAP_PASS;
}

static int stage_1(void)
{
	static const struct ktap_case cases[] = {
		{ "the guest runs with a Caretaker that writes events", guest_ready, true },
		{ "the next kernel is loaded", next_loaded, true },
		{ "RAM, VM and vCPU are preserved", preserved, true },
	};

	if (bad_ring)
		setenv("CARETAKER_PAYLOAD", BAD_PAYLOAD, 1);
	return handover_leave(cases, ARRAY_SIZE(cases), 60);
}

/* Stage 2 */

static enum ktap_result orphan_retrieved(void)
{
	CHECK(!pin_to_cpu0(), "cannot stay on CPU 0");
	CHECK(!handover_retrieve(&fds, &state, &guest), "nothing to take over");
	CHECK(cpuids() == KTAP_PASS, "no CPUID in the gap");
	CHECK(!retrieve_vm(fds.session, &guest), "no VM");
	CHECK(!retrieve_vcpu(fds.session, &guest, state), "no vCPU");
	return KTAP_PASS;
}

static unsigned int cpuids_of(const char *detached)
{
	unsigned int i, n = 0;

	for (i = 0; i < nr_events; i++)
		n += event_is(&events[i], "reason", "cpuid") &&
		     event_is(&events[i], "detached", detached);
	return n;
}

/* Old kernel, handover, gap, in one time; none is missing that the ring could hold */
static enum ktap_result gap_shown(void)
{
	struct event_ring r;
	unsigned int i;

	CHECK(!events_ring(state->vm_id, 0, &r), "no ring of the VM");
	CHECK(!strcmp(r.state, "good") && r.events, "events %#x, %s", r.events, r.state);
	CHECK(r.written >= state->counter + NR_CPUID, "%lu written, it was %lu", r.written,
	      state->counter);
	CHECK(!events_read("trace_pipe"), "trace_pipe cannot be read");
	ktap_diag("%u events, %lu written, %lu lost", nr_events, r.written, r.lost);
	CHECK(events_in_order(), "times go back");
	for (i = 0; i < nr_events; i++)
		CHECK(!strcmp(events[i].name, "LOST") ||
		      event_number(&events[i], "vm") == state->vm_id, "%s", events[i].text);
	CHECK(events_count("run") == 1, "%u times run", events_count("run"));
	/* Interrupts of the host are exits, too, and may have filled the ring since */
	CHECK(cpuids_of("0") == NR_CPUID || (r.written > nr_events && nr_events >= RING_HOLDS),
	      "%u CPUIDs before", cpuids_of("0"));
	CHECK(cpuids_of("1") == 2 * NR_CPUID, "%u CPUIDs in the gap", cpuids_of("1"));
	return KTAP_PASS;
}

static enum ktap_result orphan_live(void)
{
	CHECK(cpuids() == KTAP_PASS, "no CPUID");
	CHECK(!events_read("trace_pipe") && cpuids_of("1") == NR_CPUID, "%u of %u CPUIDs",
	      cpuids_of("1"), NR_CPUID);
	return KTAP_PASS;
}

/* This kernel's switches, too */
static enum ktap_result orphan_switched(void)
{
	struct event_ring r;

	CHECK(!events_choose("park") && !events_write("tracing_on", "1"), "no tracing");
	CHECK(!events_ring(state->vm_id, 0, &r) &&
	      r.events == 1 << KVM_CARETAKER_EVENT_PARK, "events %#x", r.events);
	CHECK(cpuids() == KTAP_PASS, "no CPUID");
	CHECK(!events_read("trace_pipe") && !nr_events, "%u events", nr_events);
	return KTAP_PASS;
}

static enum ktap_result ring_refused(void)
{
	struct event_ring r;

	CHECK(!events_read("trace_pipe") && !nr_events, "%u events of a bad ring", nr_events);
	CHECK(!events_ring(state->vm_id, 0, &r), "no ring of the VM");
	CHECK(!strcmp(r.state, BAD_REASON), "its state is: %s", r.state);
	CHECK(klog_contains("its event ring is not read: " BAD_REASON), "the log does not say so");
	return KTAP_PASS;
}

static enum ktap_result adopted(void)
{
	int err;

	guest.run->immediate_exit = 1;
	err = guest_run(&guest);
	guest.run->immediate_exit = 0;
	CHECK(err == -EINTR, "KVM_RUN gave %d", err);
	CHECK(!runner_start(&runner, &guest) && count_alive(&guest, 5000), "does not run");
	if (bad_ring)
		return KTAP_PASS;
	CHECK(!events_read("trace_pipe") && nr_events == 1, "%u events", nr_events);
	CHECK(!strcmp(events[0].name, "park") && event_number(&events[0], "cycles"), "%s %s",
	      events[0].name, events[0].text);
	return KTAP_PASS;
}

/* The new Caretaker begins a ring of its own. */
static enum ktap_result new_caretaker(void)
{
	struct event_ring r;

	CHECK(cpu_wait_online(PCPU, ONLINE_MS) && !luo_finish(fds.session), "not finished");
	close(fds.session);
	CHECK(!events_choose("exit") && !events_write("tracing_on", "1"), "no tracing");
	CHECK(!caretaker_install(&guest, 0) && cpuids() == KTAP_PASS, "no install");
	CHECK(!events_write("tracing_on", "0"), "tracing is not switched off");
	CHECK(!events_ring(state->vm_id, 0, &r) && !strcmp(r.state, "good"), "%s", r.state);
	CHECK(!events_read("trace_pipe") && cpuids_of("0") == NR_CPUID, "%u CPUIDs",
	      cpuids_of("0"));
	CHECK(!runner_stop(&runner) && !klog_complaints(), "not a good end");
	guest_destroy(&guest);
	return KTAP_PASS;
}

static int stage_2(void)
{
	static const struct ktap_case good[] = {
		{ "the vCPU is retrieved", orphan_retrieved, true },
		{ "the events of the old kernel and of the gap are there", gap_shown },
		{ "the orphan goes on writing events", orphan_live },
		{ "events of the orphan are switched in the next kernel", orphan_switched },
		{ "the end of the gap is seen after the adoption", adopted },
		{ "a new Caretaker begins a new ring", new_caretaker },
	};
	static const struct ktap_case bad[] = {
		{ "the vCPU is retrieved", orphan_retrieved, true },
		{ "its ring is refused, with a reason", ring_refused },
		{ "it is adopted", adopted },
		{ "a new Caretaker begins a new ring", new_caretaker },
	};

	if (bad_ring)
		return ktap_run(bad, ARRAY_SIZE(bad), 100);
	return ktap_run(good, ARRAY_SIZE(good), 100);
}

int events_kexec_main(bool bad)
{
	bad_ring = bad;
	return cmdline_number("ct_stage", 1) == 1 ? stage_1() : stage_2();
}

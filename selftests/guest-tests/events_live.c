// SPDX-License-Identifier: GPL-2.0
/*
 * Events of a vCPU's Caretaker in tracefs, remotes/caretaker: switched on and off while the guest
 * runs, read by cat, with what was lost counted; while attached and in a gap within one kernel.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "events.h"
#include "guest_count.h"
#include "guest_script.h"
#include "ktap.h"

#define ONLINE_MS	30000
#define FLOOD_ROUNDS	20

static struct kvm_guest guest, counter;
static struct guest_runner runner;
static uint64_t vm_id;

static const struct script_line script[] = {
	{ .op = SCRIPT_CPUID, .a = 1 },
	{ .op = SCRIPT_CPUID, .a = 0 },
	{ .op = SCRIPT_VMMCALL, .a = 1000 },
};

/* What one run of the script, and the OUT at its end, has to show, among exits of the host's */
static const struct { const char *reason, *server; } wanted[] = {
	{ "cpuid", "native" }, { "cpuid", "native" }, { "hypercall", "kvm" }, { "io", "kvm" },
};

static enum ktap_result remote_there(void)
{
	struct kvm_caretaker_info info;
	struct event_ring r;

	CHECK(events_there(), "no " EVENTS_DIR);
	CHECK(!guest_create(&guest, &guest_script), "no guest");
	CHECK(!caretaker_install(&guest, 0), "no Caretaker");
	CHECK(!caretaker_info(&guest, &info), "no information");
	vm_id = info.vm_id;
	CHECK(!events_ring(vm_id, 0, &r), "the vCPU is not in the list of rings");
	CHECK(!r.events && !r.written && r.tsc_khz && !strcmp(r.state, "good"),
	      "events %#x, %lu written, %s", r.events, r.written, r.state);
	return KTAP_PASS;
}

static enum ktap_result script_runs(void)
{
	CHECK(!script_run(&guest, script, ARRAY_SIZE(script)), "the script does not run");
	return KTAP_PASS;
}

static enum ktap_result off_writes_nothing(void)
{
	struct event_ring r;

	CHECK(script_runs() == KTAP_PASS, "no run");
	CHECK(!events_ring(vm_id, 0, &r) && !r.written, "%lu events written", r.written);
	/* An event alone does not do it, nor does tracing_on */
	CHECK(!events_choose("exit"), "not chosen");
	CHECK(script_runs() == KTAP_PASS, "no run");
	CHECK(!events_choose("stray"), "not chosen");
	CHECK(!events_write("tracing_on", "1"), "no tracing");
	CHECK(script_runs() == KTAP_PASS, "no run");
	CHECK(!events_ring(vm_id, 0, &r) && !r.written, "%lu events written", r.written);
	CHECK(r.events == 1 << KVM_CARETAKER_EVENT_STRAY, "events %#x", r.events);
	return KTAP_PASS;
}

static enum ktap_result exits_right(void)
{
	unsigned int i, next = 0;

	for (i = 0; i < nr_events && next < ARRAY_SIZE(wanted); i++) {
		const struct event *e = &events[i];

		CHECK(!strcmp(e->name, "exit"), "event %s", e->name);
		CHECK(event_number(e, "vm") == vm_id && !event_number(e, "vcpu"), "%s", e->text);
		CHECK(event_is(e, "detached", "0"), "%s", e->text);
		if (!event_is(e, "reason", wanted[next].reason))
			continue;
		CHECK(event_is(e, "server", wanted[next].server), "%s", e->text);
		CHECK(event_number(e, "rip") >= GUEST_CODE &&
		      event_number(e, "rip") < GUEST_CODE + 0x1000, "%s", e->text);
		CHECK(event_number(e, "cycles"), "%s", e->text);
		next++;
	}
	CHECK(next == ARRAY_SIZE(wanted), "%u of %zu exits among %u events", next,
	      ARRAY_SIZE(wanted), nr_events);
	return KTAP_PASS;
}

static enum ktap_result exits_read(void)
{
	struct event_ring r;

	CHECK(!events_choose("exit"), "not chosen");
	CHECK(script_runs() == KTAP_PASS, "no run");
	CHECK(!events_choose(""), "not switched off");
	CHECK(!events_ring(vm_id, 0, &r), "no ring");
	CHECK(!events_read("trace_pipe"), "trace_pipe cannot be read");
	CHECK(events_in_order(), "times go back");
	CHECK(nr_events == r.written && !r.lost, "%u events, %lu written, %lu lost", nr_events,
	      r.written, r.lost);
	return exits_right();
}

/* The other files: trace keeps what it shows, a write empties it, each event has its format */
static enum ktap_result trace_file(void)
{
	unsigned int n;

	CHECK(!events_choose("exit") && script_runs() == KTAP_PASS && !events_choose(""),
	      "no run");
	sleep_ms(200);
	CHECK(!events_read("trace"), "trace cannot be read");
	n = nr_events;
	CHECK(exits_right() == KTAP_PASS, "trace shows something else");
	CHECK(!events_read("trace") && nr_events == n, "%u events, then %u", n, nr_events);
	CHECK(!events_write("trace", "0"), "trace cannot be emptied");
	CHECK(!events_read("trace") && !nr_events, "%u events are left", nr_events);
	CHECK(!access(EVENTS_DIR "events/caretaker/handler/format", R_OK), "no format");
	return KTAP_PASS;
}

static enum ktap_result switched_while_running(void)
{
	struct event_ring r, later;

	CHECK(!events_choose("exit"), "not chosen");
	CHECK(script_runs() == KTAP_PASS, "no run");
	CHECK(!events_ring(vm_id, 0, &r) && r.written, "nothing written");
	CHECK(!events_write("tracing_on", "0"), "tracing cannot be switched off");
	CHECK(script_runs() == KTAP_PASS, "no run");
	CHECK(!events_ring(vm_id, 0, &later) && later.written == r.written && !later.events,
	      "%lu written, then %lu", r.written, later.written);
	CHECK(!events_read("trace_pipe") && exits_right() == KTAP_PASS, "not what was written");
	return KTAP_PASS;
}

static uint64_t lost_in_list(void)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < nr_events; i++)
		if (!strcmp(events[i].name, "lost"))
			sum += event_number(&events[i], "events");
	return sum;
}

/* Many more exits than the ring holds, and nobody looks: what is not shown is counted. */
static enum ktap_result overrun(void)
{
	static struct script_line flood[SCRIPT_MAX];
	struct event_ring before, r;
	unsigned int i, shown;

	for (i = 0; i < SCRIPT_MAX; i++)
		flood[i] = (struct script_line){ .op = SCRIPT_CPUID, .a = 1 };
	CHECK(!events_ring(vm_id, 0, &before), "no ring");
	CHECK(!events_write("buffer_size_kb", "2048"), "no larger buffer");
	CHECK(!events_choose("exit") && !events_write("tracing_on", "1"), "no tracing");
	for (i = 0; i < FLOOD_ROUNDS; i++)
		CHECK(!script_run(&guest, flood, SCRIPT_MAX), "the script does not run");
	CHECK(!events_write("tracing_on", "0"), "tracing is not switched off");
	CHECK(!events_ring(vm_id, 0, &r), "no ring");
	CHECK(!events_read("trace_pipe"), "trace_pipe cannot be read");
	shown = events_count("exit");
	ktap_diag("%lu written, %u shown, %lu lost", r.written - before.written, shown,
		  lost_in_list());
	CHECK(r.written - before.written >= FLOOD_ROUNDS * SCRIPT_MAX, "too few");
	CHECK(shown + lost_in_list() == r.written - before.written, "some are missing");
	CHECK(!events_ring(vm_id, 0, &r) && r.lost - before.lost == lost_in_list(), "%lu lost",
	      r.lost - before.lost);
	CHECK(events_in_order(), "times go back");
	return KTAP_PASS;
}

/* A new payload goes on with the ring: nothing is gone, nothing comes twice. */
static enum ktap_result payload_replaced(void)
{
	struct event_ring before, after;

	CHECK(!events_choose("exit") && !events_write("tracing_on", "1"), "no tracing");
	CHECK(!events_ring(vm_id, 0, &before), "no ring");
	CHECK(script_runs() == KTAP_PASS, "no run");
	CHECK(!caretaker_install(&guest, KVM_CARETAKER_ISOLATE), "no install");
	CHECK(script_runs() == KTAP_PASS, "no run");
	CHECK(!events_write("tracing_on", "0"), "tracing is not switched off");
	CHECK(!events_ring(vm_id, 0, &after), "no ring");
	CHECK(!events_read("trace_pipe"), "trace_pipe cannot be read");
	CHECK(nr_events == after.written - before.written, "%u events, %lu written", nr_events,
	      after.written - before.written);
	return exits_right();
}

static enum ktap_result gone_with_its_vcpu(void)
{
	struct event_ring r;

	guest_destroy(&guest);
	CHECK(events_ring(vm_id, 0, &r) == -ENOENT, "the ring is still in the list");
	CHECK(!events_choose("exit") && !events_write("tracing_on", "1") &&
	      !events_write("tracing_on", "0"), "no tracing without a vCPU");
	return KTAP_PASS;
}

static enum ktap_result handed_over(void)
{
	int luo = luo_open(), session;

	CHECK(luo >= 0 && !pin_to_cpu0(), "no Live Update: %s", strerror(-luo));
	CHECK(!guest_create(&counter, &guest_count) && !count_reset(&counter), "no guest");
	CHECK(!caretaker_install_at(&counter, 0, PCPU), "no Caretaker");
	CHECK(!runner_start(&runner, &counter) && count_alive(&counter, 5000), "does not run");
	CHECK(!events_choose("run park stall resume exit inject") &&
	      !events_write("tracing_on", "1"), "no tracing");
	session = luo_session_create(luo, "events");
	CHECK(session >= 0 && !luo_preserve_guest(session, &counter), "not preserved");
	CHECK(count_command(&counter, COUNT_CPUID, 2000), "no CPUID in the gap");
	CHECK(!count_command(&counter, COUNT_IN, 200), "a port that nobody serves answered");
	CHECK(caretaker_wait_state(&counter, KVM_CARETAKER_STALLED, 1000), "not stalled");
	close(session);
	CHECK(caretaker_wait_state(&counter, KVM_CARETAKER_ATTACHED, 5000), "not back in KVM");
	CHECK(count_alive(&counter, 5000) && cpu_wait_online(PCPU, ONLINE_MS), "not as before");
	CHECK(!events_write("tracing_on", "0"), "tracing is not switched off");
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	guest_destroy(&counter);
	close(luo);
	return KTAP_PASS;
}

/* run, CPUID, the IN that blocks, its stall, park, in this order */
static enum ktap_result gap_shown(void)
{
	const struct event *run, *park, *e;
	unsigned int i;

	CHECK(handed_over() == KTAP_PASS, "no handover");
	CHECK(!events_read("trace_pipe") && events_in_order(), "trace_pipe cannot be read");
	CHECK(events_count("run") == 1 && events_count("park") == 1, "%u times run, %u times park",
	      events_count("run"), events_count("park"));
	run = events_find("run", 0);
	park = events_find("park", 0);
	CHECK(run < park && event_number(run, "cycles") && event_number(park, "cycles"),
	      "park before run, or no times");
	e = events_find("stall", run - events);
	CHECK(e && event_is(e, "reason", "io") && e < park, "no stall");
	e = events_find("resume", e - events);
	CHECK(e && event_is(e, "reason", "io") && e < park && event_number(e, "cycles"),
	      "no end of the stall");
	for (i = 0; i < nr_events; i++)
		if (!strcmp(events[i].name, "exit"))
			CHECK(event_is(&events[i], "detached", "1") ==
			      (&events[i] > run && &events[i] < park), "%s", events[i].text);
	for (e = run; e < park; e++)
		if (event_is(e, "reason", "cpuid"))
			return KTAP_PASS;
	CHECK(false, "no CPUID in the gap");
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "the remote lists the ring of a vCPU", remote_there, true },
		{ "nothing is written while events or tracing are off", off_writes_nothing },
		{ "trace_pipe has the exits, with reason, server and place", exits_read },
		{ "trace shows them again, until it is emptied", trace_file },
		{ "tracing_on stops a ring at once", switched_while_running },
		{ "overwritten events are counted exactly", overrun },
		{ "a new payload goes on with the ring", payload_replaced },
		{ "a ring goes with its vCPU", gone_with_its_vcpu },
		{ "a gap shows run, exits, stall, park", gap_shown },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 60);
}

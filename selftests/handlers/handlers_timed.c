// SPDX-License-Identifier: GPL-2.0
/* The shipped handlers that see the time, at work. */
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#include "../../bpf-handlers/latency.h"
#include "../../bpf-handlers/pmtimer.h"
#include "../../bpf-handlers/watchdog.h"
#include "caretaker_test.h"
#include "guest_count.h"
#include "guest_script.h"
#include "ktap.h"
#include "object.h"

#define REASON_IOIO	0x7b
#define STALL_MS	50

static struct kvm_guest guest;
static struct guest_runner runner;
static struct handlers set;
static int session = -1;
static uint32_t tsc_khz;

/* The memory of a section of the object */
static void *section(const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(set.obj, name);
	size_t size;

	return map ? bpf_map__initial_value(map, &size) : NULL;
}

static int install(void)
{
	struct kvm_caretaker_set a;
	int err;

	err = handlers_load(&set);
	if (!err)
		err = handlers_attach(&set);
	if (err) {
		ktap_diag("%s: %.900s", strerror(-err), set.log);
		return err;
	}
	caretaker_args(&a);
	a.payload_fd = payload_open();
	a.handlers_fd = bpf_map__fd(set.map);
	err = caretaker_ioctl_set(&guest, &a);
	if (err)
		ktap_diag("KVM_SET_CARETAKER: %s: %s", strerror(-err), caretaker_log);
	close(a.payload_fd);
	return err;
}

static enum ktap_result guest_made(void)
{
	struct kvm_caretaker_info info;

	CHECK(!pin_to_cpu0(), "cannot stay on CPU 0");
	CHECK(!guest_create(&guest, &guest_script), "no guest");
	CHECK(!caretaker_install(&guest, 0), "no Caretaker");
	CHECK(!caretaker_info(&guest, &info), "no information");
	tsc_khz = info.tsc_khz;
	CHECK(tsc_khz > 3580, "TSC of %u kHz", tsc_khz);
	return KTAP_PASS;
}

/* Between the host's readings before and after it, as the formula says. */
static enum ktap_result pmtimer(void)
{
	static const struct script_line lines[] = {
		{ .op = SCRIPT_IN4, .a = GUEST_PORT_UNSERVED },
		{ .op = SCRIPT_PAUSE, .a = 1000 },
		{ .op = SCRIPT_IN4, .a = GUEST_PORT_UNSERVED },
	};
	struct caretaker_pmtimer_config *c;
	uint64_t ticks;
	uint32_t first, second;

	CHECK(!handlers_open(&set, corpus_find("handlers/pmtimer")), "no object");
	c = section(".rodata");
	CHECK(c, "no constants");
	*c = (struct caretaker_pmtimer_config){
		.port = GUEST_PORT_UNSERVED, .bits = 32, .flags = CARETAKER_PMTIMER_ATTACHED,
		.ratio = caretaker_pmtimer_ratio(tsc_khz), .base_tsc = __rdtsc(), .base_count = 5,
	};
	ticks = c->base_tsc;
	CHECK(!install(), "not installed");
	CHECK(!script_run(&guest, lines, ARRAY_SIZE(lines)), "the guest does not run");
	ticks = (__rdtsc() - ticks) * 3580 / tsc_khz + 6;
	first = script_area(&guest)->line[0].out[0];
	second = script_area(&guest)->line[2].out[0];
	CHECK(first >= 5 && second > first && second <= ticks, "%u, then %u, at most %lu", first,
	      second, ticks);
	CHECK(((struct caretaker_pmtimer_state *)section(".bss"))->reads == 2, "not answered twice");
	handlers_close(&set);
	return KTAP_PASS;
}

/* The guest counts, and blocks in a gap for some time. */
static enum ktap_result stall(void)
{
	struct count_area *area = count_area(&guest);
	uint64_t commands;

	CHECK(!install(), "not installed");
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(count_command(&guest, COUNT_CPUID, 5000), "the guest does not run");
	session = luo_detach_guest("timed", &guest);
	CHECK(session >= 0, "not detached");
	commands = area->commands;
	CHECK(!count_command(&guest, COUNT_IN, STALL_MS), "a port that nobody serves was answered");
	close(session);
	session = -1;
	CHECK(wait_equal(&area->commands, commands + 1, 5000), "IN not finished");
	CHECK(count_command(&guest, COUNT_CPUID, 5000), "the guest does not run");
	return KTAP_PASS;
}

static enum ktap_result stall_end(enum ktap_result res)
{
	if (session >= 0)
		close(session);
	session = -1;
	runner_stop(&runner);
	handlers_close(&set);
	return cpu_wait_online(PCPU, 30000) ? res : KTAP_FAIL;
}

static enum ktap_result late_recorded(void)
{
	const volatile struct caretaker_watchdog_state *s = section(".bss");
	uint64_t i, n = s->late;
	bool found = false;

	CHECK(s->exits, "no exit was looked at");
	for (i = 0; i < n && i < CARETAKER_WATCHDOG_RECORDS; i++)
		if (s->record[i].reason == REASON_IOIO && s->record[i].flags &&
		    s->record[i].cycles > (uint64_t)tsc_khz * STALL_MS / 2 &&
		    s->record[i].info1 >> 16 == GUEST_PORT_UNSERVED && s->record[i].rip &&
		    s->record[i].gpr[KVM_CARETAKER_RDI] == GUEST_AREA)
			found = true;
	CHECK(found, "not among %lu records", n);
	return KTAP_PASS;
}

static enum ktap_result watchdog(void)
{
	struct caretaker_watchdog_config *c;
	enum ktap_result res;

	CHECK(!count_reset(&guest), "the guest cannot start over");
	CHECK(!handlers_open(&set, corpus_find("handlers/watchdog")), "no object");
	c = section(".rodata");
	CHECK(c, "no constants");
	c->limit = (uint64_t)tsc_khz * STALL_MS / 2;
	res = stall();
	if (res == KTAP_PASS)
		res = late_recorded();
	return stall_end(res);
}

static enum ktap_result counted_long(void)
{
	const volatile struct caretaker_latency_state *s = section(".bss");
	const volatile struct caretaker_latency *l = &s->reason[REASON_IOIO -
								 CARETAKER_LATENCY_FIRST];
	uint64_t sum = 0;
	unsigned int i;

	CHECK(l->count && l->max > (uint64_t)tsc_khz * STALL_MS / 2 && l->cycles >= l->max,
	      "%llu exits of %llu cycles, the longest %llu", l->count, l->cycles, l->max);
	for (i = 0; i < CARETAKER_LATENCY_BUCKETS; i++)
		sum += l->hist[i];
	CHECK(sum == l->count, "%lu exits in buckets, %llu in all", sum, l->count);
	ktap_diag("the longest port access took %llu us", l->max * 1000 / tsc_khz);
	return KTAP_PASS;
}

static enum ktap_result latency(void)
{
	enum ktap_result res;

	CHECK(!count_reset(&guest), "the guest cannot start over");
	CHECK(!handlers_open(&set, corpus_find("handlers/latency")), "no object");
	res = stall();
	if (res == KTAP_PASS)
		res = counted_long();
	return stall_end(res);
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "a guest runs with a Caretaker", guest_made, true },
		{ "pmtimer: the counter is the TSC's", pmtimer },
		{ "watchdog: an exit that blocked is recorded when it is over", watchdog },
		{ "latency: an exit that blocked is counted by its length", latency },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 120);
}

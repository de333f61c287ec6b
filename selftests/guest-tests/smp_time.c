// SPDX-License-Identifier: GPL-2.0
/*
 * The timer of a detached vCPU: ticks come to a guest that neither exits nor halts, and the pCPU of
 * a guest that idles is halted, with and without ticks.
 */
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "smp_test.h"

#define GAP_MS		1500
#define IDLE_PERCENT	95

static struct smp_guest guest;
static struct kvm_caretaker_telemetry before, after;
static int luo = -1, session = -1;

static enum ktap_result begin(uint64_t work, enum smp_timer timer, unsigned int tick_us)
{
	if (!guest.nr) {
		CHECK(!smp_create(&guest, 1), "no guest");
		CHECK(!smp_install(&guest, 0), "no Caretaker");
		CHECK(!smp_start_threads(&guest), "no thread");
	}
	smp_shared(&guest)->tick_us = tick_us;
	smp_work(&guest, SMP_LOAD);
	smp_timers(&guest, SMP_TIMER_OFF);
	CHECK(smp_timers_set(&guest, SMP_ALIVE_MS), "the timer was not stopped");
	smp_timers(&guest, timer);
	CHECK(smp_timers_set(&guest, SMP_ALIVE_MS), "the timer was not started");
	smp_work(&guest, work);
	CHECK(!caretaker_telemetry(&guest.vcpu[0], &before), "no telemetry");
	session = luo_session_create(luo, "time");
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!smp_preserve(&guest, session), "not preserved");
	return KTAP_PASS;
}

static enum ktap_result end(void)
{
	close(session);
	session = -1;
	CHECK(smp_in_state(&guest, KVM_CARETAKER_ATTACHED, 5000), "not back in KVM");
	CHECK(!caretaker_telemetry(&guest.vcpu[0], &after), "no telemetry");
	CHECK(!after.nr_stalls, "%llu stalls", after.nr_stalls);
	smp_work(&guest, SMP_LOAD);
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not go on in KVM");
	CHECK(smp_pcpus_online(&guest, SMP_ONLINE_MS), "the pCPU does not return");
	return KTAP_PASS;
}

/* A loop of a few instructions: the only exits are those of the tick itself. */
static enum ktap_result ticks_in_loop(enum smp_timer timer)
{
	struct smp_area *a;
	uint64_t ticks;

	CHECK(begin(SMP_SPIN, timer, 10000) == KTAP_PASS, "not detached");
	a = smp_area(&guest, 0);
	ticks = a->all_ticks;
	CHECK(wait_change(&a->all_ticks, ticks, SMP_ALIVE_MS), "no tick");
	CHECK(wait_change(&a->all_ticks, ticks + 1, SMP_ALIVE_MS), "no second tick");
	sleep_ms(300);
	ktap_diag("%lu ticks in about 300 ms, longest distance %lu us", a->all_ticks - ticks,
		  a->tick_gap * 1000 / smp_shared(&guest)->tsc_khz);
	CHECK(smp_right(&guest), "a tick was wrong");
	a->tick_gap = 0;
	return end();
}

static enum ktap_result loop_periodic(void)
{
	return ticks_in_loop(SMP_TIMER_PERIODIC);
}

static enum ktap_result loop_deadline(void)
{
	return ticks_in_loop(SMP_TIMER_DEADLINE);
}

static enum ktap_result loop_one_shot(void)
{
	return ticks_in_loop(SMP_TIMER_ONE_SHOT);
}

/* As counted by the payload, from its first VMRUN to the end of the gap */
static enum ktap_result idles(enum smp_timer timer, unsigned int tick_us)
{
	struct smp_area *a = smp_area(&guest, 0);
	uint64_t ticks, idle, all;

	CHECK(begin(SMP_IDLE, timer, tick_us) == KTAP_PASS, "not detached");
	CHECK(wait_equal(&a->in_hlt, 1, SMP_ALIVE_MS), "no HLT");
	ticks = a->all_ticks;
	sleep_ms(GAP_MS);
	if (timer != SMP_TIMER_OFF)
		CHECK(wait_change(&a->all_ticks, ticks, SMP_ALIVE_MS), "no tick");
	ticks = a->all_ticks - ticks;
	if (end() != KTAP_PASS)
		return KTAP_FAIL;
	idle = after.idle_tsc - before.idle_tsc;
	all = after.tsc_park - after.tsc_run;
	ktap_diag("halted %lu times for %lu of %lu us, %lu ticks",
		  (unsigned long)(after.halts - before.halts), idle * 1000 / after.tsc_khz,
		  all * 1000 / after.tsc_khz, ticks);
	CHECK(after.halts > before.halts, "never halted");
	CHECK(idle <= all, "halted for longer than the gap");
	CHECK(idle * 100 >= all * IDLE_PERCENT, "halted for %lu %% of the gap", idle * 100 / all);
	return KTAP_PASS;
}

static enum ktap_result idle_without_ticks(void)
{
	return idles(SMP_TIMER_OFF, 10000);
}

/* As an idle Linux guest with few timers */
static enum ktap_result idle_with_ticks(void)
{
	return idles(SMP_TIMER_DEADLINE, 100000);
}

static enum ktap_result nothing_wrong(void)
{
	return smp_end(&guest);
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "a loop without exits gets its periodic ticks", loop_periodic },
		{ "a loop without exits gets its deadlines", loop_deadline },
		{ "a loop without exits gets its one-shot ticks", loop_one_shot },
		{ "an idle guest's pCPU is halted", idle_without_ticks },
		{ "an idle guest's pCPU is halted between ticks", idle_with_ticks },
		{ "no tick was early or one too many", nothing_wrong },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	luo = luo_open();
	if (luo < 0) {
		ktap_diag("/dev/liveupdate: %s", strerror(-luo));
		return KTAP_EXIT_FAIL;
	}
	return ktap_run(cases, ARRAY_SIZE(cases), 100);
}

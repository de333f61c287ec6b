// SPDX-License-Identifier: GPL-2.0
/*
 * The guest with several vCPUs does in plain KVM what the other tests rely on, and it notices an
 * interrupt that is lost or comes twice, a timer that stops, and wrong registers.
 */
#include <string.h>
#include <sys/ioctl.h>

#include "ktap.h"
#include "smp_guest.h"

#define ALIVE_MS	10000

static struct smp_guest guest;

static enum ktap_result begin(unsigned int nr)
{
	CHECK(!smp_create(&guest, nr), "no guest with %u vCPUs", nr);
	smp_work(&guest, SMP_LOAD);
	CHECK(!smp_start_threads(&guest), "no threads");
	CHECK(smp_alive(&guest, ALIVE_MS), "%u vCPUs: the guest does not run", nr);
	return KTAP_PASS;
}

static enum ktap_result end(void)
{
	CHECK(smp_all_arrived(&guest, ALIVE_MS), "an interrupt was lost, or came twice");
	CHECK(!smp_stop_threads(&guest), "a vCPU thread ended");
	CHECK(!smp_check_host_side(&guest), "registers changed");
	CHECK(smp_right(&guest), "something was wrong");
	smp_destroy(&guest);
	return KTAP_PASS;
}

static enum ktap_result all_of_it(unsigned int nr)
{
	enum smp_timer t;

	CHECK(begin(nr) == KTAP_PASS, "no running guest");
	for (t = SMP_TIMER_PERIODIC; t < SMP_NR_TIMERS; t++) {
		smp_timers(&guest, t);
		CHECK(smp_timers_set(&guest, ALIVE_MS), "timers were not changed");
		CHECK(smp_alive(&guest, ALIVE_MS), "%u vCPUs, timer %u", nr, t);
	}
	smp_work(&guest, SMP_LOAD & ~SMP_HALT);
	CHECK(smp_alive(&guest, ALIVE_MS), "%u vCPUs that wait in loops", nr);
	smp_work(&guest, SMP_LOAD | SMP_NAP);
	CHECK(smp_alive(&guest, ALIVE_MS), "%u vCPUs that sleep until their tick", nr);
	smp_work(&guest, SMP_SPIN);
	CHECK(smp_alive(&guest, ALIVE_MS), "%u vCPUs in a loop", nr);
	smp_timers(&guest, SMP_TIMER_OFF);
	CHECK(smp_timers_set(&guest, ALIVE_MS), "timers were not stopped");
	smp_work(&guest, SMP_LOAD);
	smp_totals(&guest, "all of it");
	return end();
}

static enum ktap_result one(void)
{
	return all_of_it(1);
}

static enum ktap_result two(void)
{
	return all_of_it(2);
}

static enum ktap_result four(void)
{
	return all_of_it(4);
}

static enum ktap_result idles(void)
{
	uint64_t rounds, irqs;

	CHECK(begin(2) == KTAP_PASS, "no running guest");
	smp_work(&guest, SMP_IDLE);
	CHECK(smp_idles(&guest, ALIVE_MS), "no HLT");
	rounds = smp_area(&guest, 0)->rounds;
	irqs = smp_area(&guest, 1)->host_irqs;
	sleep_ms(20);
	CHECK(smp_area(&guest, 0)->rounds == rounds, "HLT ended on its own");
	CHECK(!smp_interrupt(&guest, 1), "no interrupt");
	CHECK(wait_equal(&smp_area(&guest, 1)->host_irqs, irqs + 1, ALIVE_MS), "not taken");
	smp_work(&guest, SMP_LOAD);
	CHECK(smp_alive(&guest, ALIVE_MS), "the guest does not go on");
	return end();
}

static enum ktap_result blocks_in_port(void)
{
	struct smp_area *a;

	CHECK(begin(2) == KTAP_PASS, "no running guest");
	a = smp_area(&guest, 1);
	a->in_wanted = 1;
	CHECK(wait_equal(&a->in_wanted, 0, ALIVE_MS), "no IN");
	CHECK(a->in_value == GUEST_IN_VALUE, "IN gave %#lx", a->in_value);
	return end();
}

/*
 * What would be seen if the interrupts of a VM went wrong: one that is lost, and one too many,
 * made here by changing the guest's own numbers.
 */
static const struct {
	const char *name;
	size_t off;
	uint64_t what;
} miscounts[] = {
	{ "ping", offsetof(struct smp_area, ping_got), SMP_WRONG_PING },
	{ "pong", offsetof(struct smp_area, pong_got), SMP_WRONG_PONG | SMP_WRONG_PING },
	{ "self-IPI", offsetof(struct smp_area, self_got), SMP_WRONG_SELF },
	{ "NMI", offsetof(struct smp_area, nmi_got), SMP_WRONG_NMI },
	{ "broadcast", offsetof(struct smp_area, cast_got[1]), SMP_WRONG_BROADCAST },
	{ "tick", offsetof(struct smp_area, ticks), SMP_TICK_EXTRA },
	{ "GPR", offsetof(struct smp_area, gpr_want[4]), SMP_WRONG_GPR },
	{ "XMM", offsetof(struct smp_area, xmm[15][1]), SMP_WRONG_XMM },
	{ "base", offsetof(struct smp_area, base[2]), SMP_WRONG_BASE },
	{ "TSC", offsetof(struct smp_area, tsc), SMP_WRONG_TSC },
	{ "CPUID", offsetof(struct smp_area, cpuid_id), SMP_WRONG_CPUID },
};

static void quiet_stop(void)
{
	smp_stop_threads(&guest);
	smp_destroy(&guest);
}

/* The rest is wrong from the first round on. */
#define AFTER_START	(SMP_TICK_EXTRA | SMP_WRONG_XMM)

static enum ktap_result start_first(void)
{
	CHECK(!smp_start_threads(&guest), "no threads");
	CHECK(smp_timers_set(&guest, ALIVE_MS), "no timers");
	CHECK(!smp_stop_threads(&guest), "a vCPU thread ended");
	return KTAP_PASS;
}

static enum ktap_result miscount_noticed(unsigned int i)
{
	volatile uint64_t *p;

	CHECK(!smp_create(&guest, 2), "no guest");
	smp_work(&guest, SMP_LOAD);
	smp_timers(&guest, SMP_TIMER_PERIODIC);
	if (miscounts[i].what & AFTER_START && start_first() != KTAP_PASS)
		return KTAP_FAIL;
	p = (void *)((char *)smp_area(&guest, 0) + miscounts[i].off);
	/* More than one: the next interrupt would make up for it before it is looked at */
	*p += 5UL << (miscounts[i].what & (SMP_WRONG_TSC | SMP_TICK_EXTRA) ? 50 : 0);
	CHECK(!smp_start_threads(&guest), "no threads");
	CHECK(wait_change(&smp_area(&guest, 0)->what, 0, ALIVE_MS), "%s: not noticed",
	      miscounts[i].name);
	CHECK(smp_area(&guest, 0)->what & miscounts[i].what, "%s: kinds %#lx",
	      miscounts[i].name, smp_area(&guest, 0)->what);
	quiet_stop();
	return KTAP_PASS;
}

static enum ktap_result miscounts_noticed(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(miscounts); i++)
		if (miscount_noticed(i) != KTAP_PASS)
			return KTAP_FAIL;
	return KTAP_PASS;
}

/* Takes away an interrupt of @vector that waits in the LAPIC of a stopped vCPU. */
static bool drop_interrupt(unsigned int vcpu, unsigned int vector)
{
	unsigned int reg = 0x200 + vector / 32 * 0x10, bit = 1U << vector % 32;
	int fd = guest.vcpu[vcpu].vcpu_fd;
	struct kvm_lapic_state l;
	uint32_t *irr = (void *)(l.regs + reg);

	if (ioctl(fd, KVM_GET_LAPIC, &l) || !(*irr & bit))
		return false;
	*irr &= ~bit;
	return !ioctl(fd, KVM_SET_LAPIC, &l);
}

/* One vCPU stops, the other one's ping waits in its LAPIC and is taken away there. */
static enum ktap_result lost_ping_noticed(void)
{
	bool dropped = false;
	unsigned int tries;

	CHECK(begin(2) == KTAP_PASS, "no running guest");
	smp_work(&guest, SMP_PING);
	CHECK(smp_alive(&guest, ALIVE_MS), "no pings");
	for (tries = 0; !dropped; tries++) {
		CHECK(tries < 100, "there was never a ping in the LAPIC");
		CHECK(!runner_stop(&guest.runner[1]), "a vCPU thread ended");
		CHECK(wait_equal(&smp_area(&guest, 0)->waiting, SMP_PING, ALIVE_MS), "no ping");
		sleep_ms(10);
		dropped = drop_interrupt(1, SMP_VECTOR_PING);
		CHECK(!runner_start(&guest.runner[1], &guest.vcpu[1]), "no thread");
		/* Else it would stop where it was: at a ping that it has taken and not answered */
		CHECK(dropped || smp_alive(&guest, ALIVE_MS), "no pings any more");
	}
	ktap_diag("what follows is meant to be:");
	CHECK(!smp_alive(&guest, 500), "a lost interrupt was not noticed");
	quiet_stop();
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "1 vCPU", one },
		{ "2 vCPUs interrupt each other, and nothing is lost", two },
		{ "4 vCPUs interrupt each other, and nothing is lost", four },
		{ "vCPUs that idle are woken by an interrupt", idles },
		{ "a vCPU is served by its VMM", blocks_in_port },
		{ "wrong numbers of interrupts and registers are noticed", miscounts_noticed },
		{ "a lost interrupt is noticed", lost_ping_noticed },
	};

	return ktap_run(cases, ARRAY_SIZE(cases), 200);
}

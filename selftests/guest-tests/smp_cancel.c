// SPDX-License-Identifier: GPL-2.0
/*
 * All vCPUs of a VM are detached together, interrupt each other with no kernel at hand, and return
 * to KVM together, over and over. No interrupt is lost or comes twice, no tick is early.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "ledger_test.h"
#include "smp_test.h"

static struct smp_guest guest;
static int luo = -1, session = -1;

/* What the guest does in a cycle, and which timer its first vCPU has */
static const struct {
	uint64_t work;
	enum smp_timer timer;
} loads[] = {
	{ SMP_LOAD, SMP_TIMER_OFF },
	{ SMP_LOAD, SMP_TIMER_PERIODIC },
	{ SMP_LOAD | SMP_NAP, SMP_TIMER_DEADLINE },
	{ SMP_LOAD & ~SMP_HALT, SMP_TIMER_ONE_SHOT },
	{ SMP_PING | SMP_HALT, SMP_TIMER_OFF },
	{ SMP_LOAD | SMP_NAP, SMP_TIMER_PERIODIC },
	{ SMP_SPIN, SMP_TIMER_DEADLINE },
	{ SMP_NMI | SMP_BROADCASTS, SMP_TIMER_PERIODIC },
};

static enum ktap_result begin(unsigned int nr)
{
	if (smp_host_cpus() <= nr)
		SKIP("%u vCPUs need %u host CPUs", nr, nr + 1);
	CHECK(!smp_create(&guest, nr), "no guest with %u vCPUs", nr);
	CHECK(!smp_install(&guest, 0), "no Caretakers");
	smp_work(&guest, SMP_LOAD);
	CHECK(!smp_start_threads(&guest), "no threads");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run");
	return KTAP_PASS;
}

static enum ktap_result end(void)
{
	return smp_end(&guest);
}

/* After a failed case the next one starts with nothing left behind. */
static enum ktap_result tidy(enum ktap_result res)
{
	if (session >= 0)
		close(session);
	session = -1;
	if (res != KTAP_FAIL)
		return res;
	smp_stop_threads(&guest);
	smp_destroy(&guest);
	cpu_wait_online(PCPU, SMP_ONLINE_MS);
	return res;
}

/* Says what the vCPUs wait for that stand in a blocking exit. */
static void describe_blocked(void)
{
	static struct kvm_caretaker_telemetry t;
	const struct kvm_caretaker_stall *stall;
	unsigned int i;

	for (i = 0; i < guest.nr; i++) {
		if (caretaker_state(&guest.vcpu[i]) != KVM_CARETAKER_STALLED ||
		    caretaker_telemetry(&guest.vcpu[i], &t) || !t.nr_stalls)
			continue;
		stall = &t.stalls[(t.nr_stalls - 1) % KVM_CARETAKER_NR_STALLS];
		ktap_diag("vCPU %u blocks: reason %#llx info1 %#llx rip %#llx", i, stall->reason,
			  stall->info1, stall->rip);
	}
}

static enum ktap_result detach(void)
{
	session = luo_session_create(luo, "smp");
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!smp_preserve(&guest, session), "not preserved");
	describe_blocked();
	CHECK(smp_in_state(&guest, KVM_CARETAKER_RUNNING, 0), "not detached");
	CHECK(smp_pcpus_offline(&guest), "a pCPU was not taken");
	return KTAP_PASS;
}

static enum ktap_result cancel(void)
{
	close(session);
	session = -1;
	CHECK(smp_in_state(&guest, KVM_CARETAKER_ATTACHED, 5000), "not back in KVM");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not go on in KVM");
	CHECK(smp_pcpus_online(&guest, SMP_ONLINE_MS), "a pCPU does not return");
	return KTAP_PASS;
}

/* In every other cycle the guest changes what it does, and its timers, while it is detached. */
static enum ktap_result one_cycle(unsigned int n)
{
	bool early = n / ARRAY_SIZE(loads) % 2 == 0;
	unsigned int i = n % ARRAY_SIZE(loads);
	enum ktap_result res;

	if (!early)
		res = detach();
	smp_work(&guest, loads[i].work);
	smp_timers(&guest, loads[i].timer);
	CHECK(smp_timers_set(&guest, SMP_ALIVE_MS), "cycle %u: timers were not changed", n);
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "cycle %u: the guest does not run", n);
	if (early)
		res = detach();
	CHECK(res == KTAP_PASS, "cycle %u: not detached", n);
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "cycle %u: stands still, detached", n);
	res = cancel();
	CHECK(res == KTAP_PASS, "cycle %u: not taken back", n);
	return KTAP_PASS;
}

static enum ktap_result telemetry_counted(void)
{
	static struct kvm_caretaker_telemetry t;
	uint64_t at;
	unsigned int i;

	for (i = 0; i < guest.nr; i++) {
		CHECK(ledger_adds_up(&guest.vcpu[i], &t, &at) == KTAP_PASS, "vCPU %u", i);
		/* A single vCPU has nobody to leave it anything in its mailbox */
		CHECK(t.ipi_sent && (t.ipi_received || guest.nr == 1) && t.injected &&
		      t.timer_fired,
		      "vCPU %u: sent %llu, received %llu, injected %llu, ticks %llu", i,
		      t.ipi_sent, t.ipi_received, t.injected, t.timer_fired);
		CHECK(!t.nr_stalls && !t.fault, "vCPU %u: %llu stalls, the last one for %#llx at %#llx, fault %llu",
		      i, t.nr_stalls, t.stalls[(t.nr_stalls - 1) % KVM_CARETAKER_NR_STALLS].reason,
		      t.stalls[(t.nr_stalls - 1) % KVM_CARETAKER_NR_STALLS].rip, t.fault);
	}
	return KTAP_PASS;
}

static enum ktap_result cycles(unsigned int nr)
{
	unsigned int i, n = cmdline_number("ct_cycles", 20);
	enum ktap_result res = begin(nr);

	for (i = 0; res == KTAP_PASS && i < n; i++) {
		res = one_cycle(i);
		smp_totals(&guest, "cycle");
	}
	if (res == KTAP_PASS)
		res = telemetry_counted();
	if (res == KTAP_PASS)
		res = end();
	return tidy(res);
}

static enum ktap_result one(void)
{
	return cycles(1);
}

static enum ktap_result two(void)
{
	return cycles(2);
}

static enum ktap_result four(void)
{
	return cycles(4);
}

static enum ktap_result isolated_cycle(void)
{
	enum ktap_result res = begin(2);

	if (res != KTAP_PASS)
		return res;
	CHECK(!smp_install(&guest, KVM_CARETAKER_ISOLATE), "not replaced");
	res = one_cycle(1);
	return res == KTAP_PASS ? end() : res;
}

static enum ktap_result isolated(void)
{
	return tidy(isolated_cycle());
}

/* Some vCPUs armed, and then the VMM changes its mind */
static enum ktap_result partial_preserve(void)
{
	enum ktap_result res = begin(2);

	if (res != KTAP_PASS)
		return res;
	session = luo_session_create(luo, "partial");
	CHECK(session >= 0, "no session");
	CHECK(!smp_preserve_vm(&guest, session), "not preserved");
	CHECK(!smp_preserve_vcpu(&guest, session, 1), "not preserved");
	CHECK(smp_in_state(&guest, KVM_CARETAKER_ATTACHED, 0), "a vCPU went alone");
	CHECK(cpu_is_online(PCPU + 1) == 0, "the pCPU was not armed");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run on in KVM");
	res = cancel();
	if (res != KTAP_PASS)
		return res;
	res = one_cycle(0);
	return res == KTAP_PASS ? end() : res;
}

static enum ktap_result partial(void)
{
	return tidy(partial_preserve());
}

/* The VM was preserved with 2 vCPUs; a third one cannot be carried, and does no harm. */
static enum ktap_result added_later(bool with_caretaker)
{
	enum ktap_result res = begin(2);
	int err = 0;

	if (res != KTAP_PASS)
		return res;
	session = luo_session_create(luo, "added");
	CHECK(session >= 0, "no session");
	CHECK(!smp_preserve_vm(&guest, session), "not preserved");
	CHECK(!smp_add_vcpu(&guest), "no third vCPU");
	if (with_caretaker)
		CHECK(!caretaker_install_at(&guest.vcpu[2], 0, PCPU + 2), "no Caretaker");
	CHECK(!smp_preserve_vcpu(&guest, session, 0), "not preserved");
	err = luo_preserve(session, guest.vcpu[1].vcpu_fd, SMP_TOKEN_VCPU + 1);
	CHECK(!err, "preserve: %s", strerror(-err));
	err = luo_preserve(session, guest.vcpu[2].vcpu_fd, SMP_TOKEN_VCPU + 2);
	CHECK(err < 0, "the third vCPU was preserved");
	guest.nr = 2;
	CHECK(smp_in_state(&guest, KVM_CARETAKER_ATTACHED, 0), "the others were detached");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run on in KVM");
	res = cancel();
	guest.nr = 3;
	if (with_caretaker)
		CHECK(cpu_wait_online(PCPU + 2, SMP_ONLINE_MS), "the third pCPU does not return");
	if (res == KTAP_PASS)
		smp_stop_threads(&guest);
	CHECK(res == KTAP_PASS && smp_right(&guest), "something was wrong");
	smp_destroy(&guest);
	return KTAP_PASS;
}

static enum ktap_result added(void)
{
	if (smp_host_cpus() < 4)
		SKIP("3 vCPUs need 4 host CPUs");
	return tidy(added_later(true));
}

static enum ktap_result added_plain(void)
{
	return tidy(added_later(false));
}

/* Signals hit the vCPU threads all the time, also in the middle of a handover. */
static volatile bool pester_stop;

static void *pester(void *unused)
{
	unsigned int i;

	(void)unused;
	while (!pester_stop) {
		for (i = 0; i < guest.nr; i++)
			pthread_kill(guest.runner[i].thread, SIGUSR1);
		sleep_ms(1);
	}
	return NULL;
}

static enum ktap_result interrupted_cycles(void)
{
	enum ktap_result res = begin(2);
	uint64_t before;
	pthread_t t;
	unsigned int i;

	if (res != KTAP_PASS)
		return res;
	before = guest.runner[0].interrupted;
	pester_stop = false;
	CHECK(!pthread_create(&t, NULL, pester, NULL), "no thread");
	for (i = 0; res == KTAP_PASS && i < 3; i++)
		res = one_cycle(i);
	pester_stop = true;
	pthread_join(t, NULL);
	CHECK(guest.runner[0].interrupted > before, "KVM_RUN was never interrupted");
	return res == KTAP_PASS ? end() : res;
}

static enum ktap_result interrupted(void)
{
	return tidy(interrupted_cycles());
}

/* One vCPU blocks; the others go on until they need it. */
static enum ktap_result one_blocks(void)
{
	static struct kvm_caretaker_telemetry t;
	enum ktap_result res = begin(2);
	struct smp_area *a;

	if (res != KTAP_PASS)
		return res;
	res = detach();
	if (res != KTAP_PASS)
		return res;
	a = smp_area(&guest, 1);
	a->in_wanted = 1;
	CHECK(caretaker_wait_state(&guest.vcpu[1], KVM_CARETAKER_STALLED, SMP_ALIVE_MS),
	      "not stalled");
	CHECK(caretaker_state(&guest.vcpu[0]) == KVM_CARETAKER_RUNNING, "the other vCPU is in state %d",
	      caretaker_state(&guest.vcpu[0]));
	CHECK(a->in_wanted, "a port that nobody serves was answered");
	sleep_ms(50);
	res = cancel();
	if (res != KTAP_PASS)
		return res;
	CHECK(wait_equal(&a->in_wanted, 0, SMP_ALIVE_MS), "IN is not completed");
	CHECK(a->in_value == GUEST_IN_VALUE, "IN gave %#lx", a->in_value);
	CHECK(guest.runner[1].served == 1, "IN came %lu times to the VMM",
	      guest.runner[1].served);
	CHECK(!caretaker_telemetry(&guest.vcpu[1], &t) && t.nr_stalls == 1, "%llu stalls",
	      t.nr_stalls);
	return end();
}

static enum ktap_result blocks(void)
{
	return tidy(one_blocks());
}

/* The VMM dies while all vCPUs are detached */
static enum ktap_result ends_detached(void)
{
	enum ktap_result res = begin(2);

	if (res != KTAP_PASS)
		return res;
	res = detach();
	if (res != KTAP_PASS)
		return res;
	CHECK(!smp_stop_threads(&guest), "a vCPU thread ended");
	smp_destroy(&guest);
	close(session);
	session = -1;
	CHECK(smp_pcpus_online(&guest, SMP_ONLINE_MS), "a pCPU does not return");
	res = begin(2);
	return res == KTAP_PASS ? end() : res;
}

static enum ktap_result vmm_ends(void)
{
	return tidy(ends_detached());
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "1 vCPU: cycles under load", one },
		{ "2 vCPUs: cycles under load, no interrupt is lost", two },
		{ "4 vCPUs: cycles under load, no interrupt is lost", four },
		{ "a cycle with isolated page tables", isolated },
		{ "not all vCPUs are preserved, then cancel", partial },
		{ "a vCPU with a Caretaker that is added after preserve is refused", added },
		{ "a vCPU without one that is added after preserve is refused", added_plain },
		{ "KVM_RUN is interrupted all the time", interrupted },
		{ "a vCPU that blocks is completed, the others lose nothing", blocks },
		{ "a VMM may end while its vCPUs are detached", vmm_ends },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	luo = luo_open();
	if (luo < 0) {
		ktap_diag("/dev/liveupdate: %s", strerror(-luo));
		return KTAP_EXIT_FAIL;
	}
	return ktap_run(cases, ARRAY_SIZE(cases), 600);
}

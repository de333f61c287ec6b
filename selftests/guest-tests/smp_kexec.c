// SPDX-License-Identifier: GPL-2.0
/*
 * A VM with several vCPUs (ct_vcpus on the kernel command line) lives through a kexec: they
 * interrupt each other before, in and after the gap, and are adopted together.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "klog.h"
#include "ktap.h"
#include "ledger_test.h"
#include "smp_test.h"

#define CR4_TSD	(1UL << 2)

#define NEXT_KERNEL	"/boot/bzImage-b"
#define NEXT_INITRD	"/sys/firmware/initrd"	/* retain_initrd: the next kernel has one, too */

static struct smp_guest guest;
static struct handover_state *state[SMP_MAX_VCPUS];
static int luo = -1, session = -1;

/* ---- stage 1, in the old kernel ---- */

static enum ktap_result guest_ready(void)
{
	unsigned int nr = cmdline_number("ct_vcpus", 2);

	CHECK(nr >= 2, "%u vCPUs", nr);
	return smp_begin(&guest, nr, SMP_TIMER_DEADLINE);
}

static enum ktap_result next_loaded(void)
{
	CHECK(!next_kernel_load(NEXT_KERNEL, NEXT_INITRD, "ct_stage=2"), "not loaded");
	return KTAP_PASS;
}

static enum ktap_result preserved(void)
{
	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	session = luo_session_create(luo, HANDOVER_SESSION);
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!smp_states_create(&guest, session, state), "no memory for the state");
	CHECK(!smp_preserve(&guest, session), "not preserved");
	CHECK(smp_in_state(&guest, KVM_CARETAKER_RUNNING, 0), "not detached");
	CHECK(!smp_states_save(&guest, state), "the vCPUs could not be saved");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest stands still, detached");
	return KTAP_PASS;
}

static enum ktap_result log_clean(void)
{
	int bad = klog_complaints();

	CHECK(!bad, "%d complaints in the kernel log", bad);
	return KTAP_PASS;
}

static int stage_1(void)
{
	static const struct ktap_case cases[] = {
		{ "the vCPUs run with Caretakers", guest_ready, true },
		{ "the next kernel is loaded", next_loaded, true },
		{ "all vCPUs are preserved and run detached", preserved },
		{ "the old kernel's log has no complaint", log_clean },
	};
	const char *missing = caretaker_missing();
	int status;

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	status = ktap_run(cases, ARRAY_SIZE(cases), 120);
	if (status)
		return status;
	state[0]->counter = smp_area(&guest, 0)->ping_got;
	smp_totals(&guest, "before the gap");
	next_kernel_start();
	return KTAP_EXIT_FAIL;
}

/* ---- stage 2, in the next kernel ---- */

static enum ktap_result went_on(void)
{
	struct smp_area *a;

	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	session = luo_session_retrieve(luo, HANDOVER_SESSION);
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!smp_retrieve_ram(&guest, session, state), "no RAM");
	a = smp_area(&guest, 0);
	CHECK(a->ping_got > state[0]->counter, "%lu pings, as in the old kernel", a->ping_got);
	smp_totals(&guest, "in the gap");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run any more");
	return KTAP_PASS;
}

static enum ktap_result pcpus_left_alone(void)
{
	CHECK(smp_pcpus_offline(&guest), "a pCPU was taken from the guest");
	return KTAP_PASS;
}

static enum ktap_result finish_refused(void)
{
	CHECK(luo_finish(session) < 0, "FINISH went through while the vCPUs are detached");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "FINISH did the guest harm");
	return KTAP_PASS;
}

/* A kexec now would leave CPUs running in memory that nobody keeps. */
static enum ktap_result kexec_refused(void)
{
	int err;

	CHECK(!next_kernel_load(NEXT_KERNEL, NEXT_INITRD, "ct_stage=3"), "not loaded");
	err = next_kernel_start();
	CHECK(err == -EBUSY, "got %s", strerror(-err));
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the refused kexec did the guest harm");
	return KTAP_PASS;
}

static enum ktap_result vcpus_retrieved(void)
{
	struct kvm_caretaker_info info;
	unsigned int i;

	CHECK(!smp_retrieve_vcpus(&guest, session, state), "no vCPUs");
	for (i = 0; i < guest.nr; i++) {
		CHECK(!caretaker_info(&guest.vcpu[i], &info), "no information");
		CHECK(info.flags & KVM_CARETAKER_INFO_ORPHAN, "vCPU %u: flags %#x", i, info.flags);
	}
	CHECK(smp_in_state(&guest, KVM_CARETAKER_RUNNING, 0), "not running");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "retrieve did the guest harm");
	return KTAP_PASS;
}

static bool all_flags(uint32_t set, uint32_t clear)
{
	struct kvm_caretaker_info info;
	unsigned int i;

	for (i = 0; i < guest.nr; i++) {
		if (!caretaker_info(&guest.vcpu[i], &info) && (info.flags & set) == set &&
		    !(info.flags & clear))
			continue;
		ktap_diag("vCPU %u: flags %#x", i, info.flags);
		return false;
	}
	return true;
}

/* KVM_RUN waits for the others, and a signal ends the waiting, as often as one likes. */
static enum ktap_result waiting_interrupted(void)
{
	unsigned int i, n;

	for (n = 0; n < 3; n++) {
		for (i = 0; i + 1 < guest.nr; i++)
			CHECK(!runner_start(&guest.runner[i], &guest.vcpu[i]), "no thread");
		sleep_ms(50);
		CHECK(all_flags(KVM_CARETAKER_INFO_ORPHAN, 0), "adopted without the others");
		for (i = 0; i + 1 < guest.nr; i++) {
			CHECK(!runner_stop(&guest.runner[i]), "vCPU %u: KVM_RUN gave %d", i,
			      guest.runner[i].error);
			CHECK(guest.runner[i].interrupted, "vCPU %u: KVM_RUN did not wait", i);
		}
	}
	CHECK(all_flags(KVM_CARETAKER_INFO_ORPHAN, 0), "adopted by a signal");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "it did the guest harm");
	return KTAP_PASS;
}

/* The last vCPU has a wrong CR4: no vCPU is adopted, until it is repaired. */
static enum ktap_result not_restored(void)
{
	unsigned int i, last = guest.nr - 1;
	struct kvm_sregs s = state[last]->sregs;
	int err;

	s.cr4 ^= CR4_TSD;
	CHECK(!ioctl(guest.vcpu[last].vcpu_fd, KVM_SET_SREGS, &s), "KVM_SET_SREGS");
	for (i = 0; i < last; i++)
		CHECK(!runner_start(&guest.runner[i], &guest.vcpu[i]), "no thread");
	err = guest_run(&guest.vcpu[last]);
	CHECK(err == -EINVAL, "KVM_RUN gave %d", err);
	sleep_ms(20);
	CHECK(all_flags(KVM_CARETAKER_INFO_ORPHAN, 0), "a part of the VM was adopted");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "it did the guest harm");
	CHECK(!ioctl(guest.vcpu[last].vcpu_fd, KVM_SET_SREGS, &state[last]->sregs),
	      "KVM_SET_SREGS");
	return KTAP_PASS;
}

/* The others wait in KVM_RUN since the case before. */
static enum ktap_result adopted(void)
{
	unsigned int last = guest.nr - 1;
	int err;

	guest.vcpu[last].run->immediate_exit = 1;
	err = guest_run(&guest.vcpu[last]);
	CHECK(err == -EINTR, "KVM_RUN gave %d", err);
	CHECK(!runner_start(&guest.runner[last], &guest.vcpu[last]), "no thread");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run in KVM");
	CHECK(all_flags(KVM_CARETAKER_INFO_ADOPTED, KVM_CARETAKER_INFO_ORPHAN), "not adopted");
	smp_totals(&guest, "adoption");
	return KTAP_PASS;
}

static enum ktap_result telemetry_of_gap(void)
{
	static struct kvm_caretaker_telemetry t;
	uint64_t stop = ~0UL, run = 0, kick = ~0UL, adopt = 0, at;
	unsigned int i;

	for (i = 0; i < guest.nr; i++) {
		CHECK(ledger_adds_up(&guest.vcpu[i], &t, &at) == KTAP_PASS &&
		      ledger_handover(&t, 0) == KTAP_PASS, "vCPU %u", i);
		CHECK(t.tsc_run && t.tsc_stop <= t.tsc_run && t.tsc_run < t.tsc_kick &&
		      t.tsc_kick <= t.tsc_park && t.tsc_park <= t.tsc_adopt,
		      "vCPU %u: stop %llu run %llu kick %llu park %llu adopt %llu", i, t.tsc_stop,
		      t.tsc_run, t.tsc_kick, t.tsc_park, t.tsc_adopt);
		CHECK(!t.fault && !t.nr_stalls, "vCPU %u: fault %llu, %llu stalls", i, t.fault,
		      t.nr_stalls);
		CHECK(t.ipi_sent && t.ipi_received && t.injected && t.timer_fired,
		      "vCPU %u: sent %llu, received %llu, injected %llu, ticks %llu", i,
		      t.ipi_sent, t.ipi_received, t.injected, t.timer_fired);
		stop = t.tsc_stop < stop ? t.tsc_stop : stop;
		run = t.tsc_run > run ? t.tsc_run : run;
		kick = t.tsc_kick < kick ? t.tsc_kick : kick;
		adopt = t.tsc_adopt > adopt ? t.tsc_adopt : adopt;
	}
	ktap_diag("gap %lu ms, first stop to last run %lu us, first kick to last adoption %lu us",
		  (adopt - stop) / t.tsc_khz, (run - stop) * 1000 / t.tsc_khz,
		  (adopt - kick) * 1000 / t.tsc_khz);
	return KTAP_PASS;
}

static enum ktap_result pcpus_return(void)
{
	CHECK(smp_pcpus_online(&guest, SMP_ONLINE_MS), "a pCPU does not return");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run any more");
	return KTAP_PASS;
}

static enum ktap_result finished(void)
{
	int err = luo_finish(session);

	CHECK(!err, "FINISH: %s", strerror(-err));
	close(session);
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run any more");
	return KTAP_PASS;
}

static enum ktap_result new_caretakers(void)
{
	CHECK(!smp_install(&guest, 0), "no install");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run any more");
	return KTAP_PASS;
}

static enum ktap_result nothing_lost(void)
{
	return smp_end(&guest);
}

static int stage_2(void)
{
	static const struct ktap_case cases[] = {
		{ "the guest went on in the gap and still does", went_on, true },
		{ "the next kernel leaves the pCPUs alone", pcpus_left_alone },
		{ "FINISH is refused while the vCPUs are detached", finish_refused },
		{ "kexec is refused while the vCPUs are not adopted", kexec_refused },
		{ "VM and vCPUs are retrieved, the guest goes on", vcpus_retrieved, true },
		{ "waiting for the others is ended by a signal", waiting_interrupted, true },
		{ "a vCPU that is not restored keeps all from adoption", not_restored, true },
		{ "after it was repaired all are adopted together", adopted, true },
		{ "the telemetry of the gap is there", telemetry_of_gap },
		{ "the pCPUs come online again", pcpus_return },
		{ "FINISH is accepted", finished },
		{ "new Caretakers can be installed", new_caretakers },
		{ "no interrupt was lost, all registers are intact", nothing_lost },
	};

	return ktap_run(cases, ARRAY_SIZE(cases), 120);
}

static enum ktap_result not_here(void)
{
	CHECK(false, "a kexec that had to be refused went through");
	return KTAP_FAIL;
}

int main(void)
{
	static const struct ktap_case lost = { "the orphans survive", not_here };

	switch (cmdline_number("ct_stage", 1)) {
	case 1:
		return stage_1();
	case 2:
		return stage_2();
	}
	return ktap_run(&lost, 1, 10);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * One guest lives through ten kexecs in a row and is adopted each time, and no page of preserved
 * memory is left without an owner.
 *
 * Measure: pages that an earlier kernel preserved are kept back at boot, and become managed pages
 * (MemTotal) one by one when somebody restores them. So what nobody restores is missing in
 * MemTotal. The first kexec carries no guest: its MemTotal is what the others must have, to the
 * page. It is taken after the orchestrator was opened, which takes back pages of its own then. And
 * what is preserved must not grow from kexec to kexec.
 *
 * All kernels boot the same initramfs, from /sys/firmware/initrd (retain_initrd), and lie at the
 * same place (nokaslr): where a kernel lies makes a difference of a page now and then.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "klog.h"
#include "ktap.h"
#include "smp_test.h"

#define NEXT_KERNEL	"/boot/bzImage-b"
#define NEXT_INITRD	"/sys/firmware/initrd"
#define FIRST_STAGE	2	/* with a guest; stage 1 is the cold boot */
#define LAST_STAGE	12	/* after ten kexecs with it */
#define VCPUS		2

static struct smp_guest guest;
static struct handover_state *state[SMP_MAX_VCPUS], *saved[SMP_MAX_VCPUS];
static int luo = -1, session = -1;
static unsigned int stage;

/* Carried in the guest's RAM, behind the areas that it uses */
struct notes {
	uint64_t total;		/* kB in MemTotal after a kexec without a guest */
	uint64_t preserved;	/* bytes of all vCPUs, in the first kexec */
	uint64_t npt;
	uint64_t adoptions;
};

#define NOTES	(SMP_AREA(SMP_MAX_VCPUS) + SMP_AREA_SIZE)

static struct notes *notes(void)
{
	return (struct notes *)(guest.vcpu[0].ram + NOTES);
}

static uint64_t mem_total(void)
{
	unsigned long kib = 0;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemTotal: %lu kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static enum ktap_result next_loaded(void)
{
	char arg[32];

	snprintf(arg, sizeof(arg), "ct_stage=%u", stage + 1);
	CHECK(!next_kernel_load(NEXT_KERNEL, NEXT_INITRD, arg), "not loaded");
	return KTAP_PASS;
}

static enum ktap_result guest_ready(void)
{
	CHECK(smp_host_cpus() > VCPUS, "too few host CPUs");
	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	CHECK(!smp_create(&guest, VCPUS), "no guest");
	notes()->total = mem_total();
	CHECK(!smp_install(&guest, 0), "no Caretakers");
	smp_work(&guest, SMP_LOAD);
	smp_timers(&guest, SMP_TIMER_PERIODIC);
	CHECK(!smp_start_threads(&guest), "no threads");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run");
	return KTAP_PASS;
}

static enum ktap_result same_amount(void)
{
	uint64_t preserved = 0, npt = 0;
	struct kvm_caretaker_info info;
	unsigned int i;

	for (i = 0; i < guest.nr; i++) {
		CHECK(!caretaker_info(&guest.vcpu[i], &info), "no information");
		preserved += info.preserved_bytes;
		npt = info.npt_bytes;
	}
	if (!notes()->preserved) {
		notes()->preserved = preserved;
		notes()->npt = npt;
	}
	ktap_diag("preserved: %lu KiB, and %lu KiB of page tables", preserved / 1024, npt / 1024);
	CHECK(preserved == notes()->preserved && npt == notes()->npt, "it was %lu and %lu KiB",
	      notes()->preserved / 1024, notes()->npt / 1024);
	return KTAP_PASS;
}

static enum ktap_result preserved(void)
{
	int bad;

	if (luo < 0)
		luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	session = luo_session_create(luo, HANDOVER_SESSION);
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!smp_states_create(&guest, session, saved), "no memory for the state");
	CHECK(!smp_preserve(&guest, session), "not preserved");
	CHECK(smp_in_state(&guest, KVM_CARETAKER_RUNNING, 0), "not detached");
	CHECK(!smp_states_save(&guest, saved), "the vCPUs could not be saved");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest stands still, detached");
	bad = klog_complaints();
	CHECK(!bad, "%d complaints in the kernel log", bad);
	return same_amount();
}

static enum ktap_result retrieved(void)
{
	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	session = luo_session_retrieve(luo, HANDOVER_SESSION);
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!smp_retrieve_ram(&guest, session, state), "no RAM");
	/* The measure measures: what FINISH will give back has no owner yet */
	CHECK(mem_total() + notes()->npt / 1024 <= notes()->total, "MemTotal %lu kB, before FINISH",
	      mem_total());
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run any more");
	CHECK(!smp_retrieve_vcpus(&guest, session, state), "no vCPUs");
	return KTAP_PASS;
}

static enum ktap_result adopted(void)
{
	CHECK(!smp_start_threads(&guest), "no threads");
	CHECK(smp_pcpus_online(&guest, SMP_ONLINE_MS), "a pCPU does not return");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run in KVM");
	notes()->adoptions++;
	CHECK(!luo_finish(session), "FINISH is refused");
	close(session);
	CHECK(smp_all_arrived(&guest, SMP_ALIVE_MS), "an interrupt was lost, or came twice");
	return KTAP_PASS;
}

static enum ktap_result no_page_lost(void)
{
	uint64_t now = mem_total(), want = notes()->total;

	ktap_diag("MemTotal %lu kB, %lu kB after a kexec without a guest", now, want);
	CHECK(now == want, "%ld pages have no owner", ((long)want - (long)now) / 4);
	return KTAP_PASS;
}

static enum ktap_result new_caretakers(void)
{
	CHECK(!smp_install(&guest, 0), "no install");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run any more");
	return KTAP_PASS;
}

static enum ktap_result after_ten(void)
{
	smp_totals(&guest, "ten kexecs");
	CHECK(notes()->adoptions == LAST_STAGE - FIRST_STAGE, "%lu adoptions", notes()->adoptions);
	CHECK(!smp_stop_threads(&guest), "a vCPU thread ended");
	CHECK(!smp_check_host_side(&guest), "registers changed");
	CHECK(smp_right(&guest), "something was wrong");
	smp_destroy(&guest);
	return KTAP_PASS;
}

static int run_first(void)
{
	static const struct ktap_case cold[] = {
		{ "a kernel is loaded, to be started without a guest", next_loaded, true },
	};
	static const struct ktap_case cases[] = {
		{ "the vCPUs run with Caretakers", guest_ready, true },
		{ "the next kernel is loaded", next_loaded, true },
		{ "all vCPUs are preserved and run detached", preserved },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cold, ARRAY_SIZE(cold), missing);
	if (stage < FIRST_STAGE)
		return ktap_run(cold, ARRAY_SIZE(cold), 60);
	return ktap_run(cases, ARRAY_SIZE(cases), 120);
}

static int run_next(void)
{
	static const struct ktap_case cases[] = {
		{ "the guest went on, VM and vCPUs are retrieved", retrieved, true },
		{ "all vCPUs are adopted, no interrupt was lost", adopted, true },
		{ "each page of preserved memory has an owner", no_page_lost },
		{ "new Caretakers are installed", new_caretakers, true },
		{ "the next kernel is loaded", next_loaded, true },
		{ "all vCPUs are preserved and run detached, in as many pages", preserved },
	};
	static const struct ktap_case last[] = {
		{ "the guest went on, VM and vCPUs are retrieved", retrieved, true },
		{ "all vCPUs are adopted, no interrupt was lost", adopted, true },
		{ "each page of preserved memory has an owner", no_page_lost },
		{ "after ten kexecs all is well", after_ten },
	};

	if (stage < LAST_STAGE)
		return ktap_run(cases, ARRAY_SIZE(cases), 120);
	return ktap_run(last, ARRAY_SIZE(last), 120);
}

int main(void)
{
	int status;

	stage = cmdline_number("ct_stage", 1);
	status = stage <= FIRST_STAGE ? run_first() : run_next();
	if (status || stage >= LAST_STAGE)
		return status;
	next_kernel_start();
	return KTAP_EXIT_FAIL;
}

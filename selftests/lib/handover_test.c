// SPDX-License-Identifier: GPL-2.0
/* The two stages of the kexec tests. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "handover.h"
#include "handover_test.h"
#include "klog.h"
#include "ktap.h"
#include "ledger_test.h"
#include "overwrite.h"
#include "stray.h"
#include "unrestored.h"

#define ONLINE_MS	60000
#define NEXT_KERNEL	"/boot/bzImage-b"
#define NEXT_INITRD	"/boot/initrd"
#define SLEEP_CYCLES	8000000000UL	/* ends while the next kernel boots */

static struct kvm_guest guest;
static struct guest_runner runner;
static struct handover_state *state;
static struct handover_fds fds = { -1, -1, -1 };
static enum handover_guest guest_does;
static uint64_t stage_tsc;	/* host TSC when this stage began */

static bool guest_waits(void)
{
	return guest_does == HANDOVER_STALLS || guest_does == HANDOVER_HALTS;
}

/* By a machine check that comes while there is no kernel */
static bool guest_is_hit(void)
{
	return guest_does == HANDOVER_STRAY || guest_does == HANDOVER_LOST;
}

/* What the Caretaker's state is in the gap */
static unsigned int gap_state(void)
{
	return guest_does == HANDOVER_STALLS ? KVM_CARETAKER_STALLED : KVM_CARETAKER_RUNNING;
}

/* A guest that counts goes on, one that waits stands still; no register is wrong. */
static bool guest_as_it_should(void)
{
	struct count_area *a = count_area(&guest);
	uint64_t counter = a->counter;

	if (!guest_waits())
		return count_alive(&guest, 2000);
	sleep_ms(50);
	if (a->counter != counter)
		ktap_diag("the guest went on from %lu to %lu", counter, a->counter);
	return a->counter == counter && !a->errors;
}

/* Stage 1 */

static enum ktap_result guest_ready(void)
{
	CHECK(caretaker_count_start(&guest, &runner), "no guest that counts");
	CHECK(count_wrmsr(&guest, MSR_X2APIC_LVTT, LVTT_TSC_DEADLINE | GUEST_IRQ_VECTOR, false,
			  2000), "LVTT was not written");
	return KTAP_PASS;
}

/* What the guest does from here on is seen by the next kernel */
static enum ktap_result guest_prepared(void)
{
	if (guest_does == HANDOVER_STALLS)
		CHECK(!count_command(&guest, COUNT_IN, 200), "a port that nobody serves answered");
	if (guest_does == HANDOVER_SLEEPS)
		CHECK(count_wrmsr(&guest, MSR_TSC_DEADLINE, SLEEP_CYCLES, true, 2000), "no timer");
	if (guest_does == HANDOVER_SLEEPS || guest_does == HANDOVER_HALTS)
		CHECK(!count_command(&guest, COUNT_HLT, 200) && count_area(&guest)->in_hlt,
		      "no HLT");
	CHECK(caretaker_wait_state(&guest, gap_state(), 1000), "not as expected");
	return KTAP_PASS;
}

static enum ktap_result next_loaded(void)
{
	CHECK(!next_kernel_load(NEXT_KERNEL, NEXT_INITRD, "ct_stage=2"), "not loaded");
	return KTAP_PASS;
}

static enum ktap_result preserved(void)
{
	struct kvm_caretaker_info info;

	CHECK(!handover_begin(&fds, &state), "no session");
	CHECK(!luo_preserve_guest(fds.session, &guest), "not preserved");
	CHECK(caretaker_state(&guest) == KVM_CARETAKER_RUNNING, "state %d",
	      caretaker_state(&guest));
	CHECK(count_alive(&guest, 2000), "the guest does not count detached");
	CHECK(guest_prepared() == KTAP_PASS, "the guest does not do its part");
	CHECK(!state_save(&guest, state), "the vCPU could not be saved");
	CHECK(!caretaker_info(&guest, &info), "no information");
	state->vm_id = info.vm_id;
	ktap_diag("preserved: %llu KiB, and %llu KiB of page tables", info.preserved_bytes / 1024,
		  info.npt_bytes / 1024);
	CHECK(info.preserved_bytes <= 256 * 1024, "%llu bytes are over the limit of 256 KiB",
	      info.preserved_bytes);
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
		{ "the guest runs with a Caretaker", guest_ready, true },
		{ "the next kernel is loaded", next_loaded, true },
		{ "RAM, VM and vCPU are preserved", preserved },
		{ "the old kernel's log has no complaint", log_clean },
	};
	const char *missing = caretaker_missing();
	int status;

	if (!missing && guest_is_hit())
		missing = stray_missing();
	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	if (guest_does == HANDOVER_BAD_FPU)
		setenv("CARETAKER_PAYLOAD", BAD_FPU_PAYLOAD, 1);
	if (guest_does == HANDOVER_BAD_TELEMETRY)
		setenv("CARETAKER_PAYLOAD", BAD_TELEMETRY_PAYLOAD, 1);
	if (guest_does == HANDOVER_LATE)
		setenv("CARETAKER_PAYLOAD", LATE_PAYLOAD, 1);
	status = ktap_run(cases, ARRAY_SIZE(cases), 60);
	if (status)
		return status;
	state->counter = count_area(&guest)->counter;
	state->tsc = count_area(&guest)->tsc;
	/* From here on the largest step is that of the gap */
	count_area(&guest)->tsc_max = 0;
	if (guest_is_hit())
		stray_machine_check(guest_does == HANDOVER_LOST ? STRAY_MC_LOST : STRAY_MC_NOTHING,
				    true);
	state->tsc_left = tsc_now();
	next_kernel_start();
	return KTAP_EXIT_FAIL;
}

/* Stage 2 */

static enum ktap_result ram_retrieved(void)
{
	CHECK(!pin_to_cpu0(), "cannot stay on CPU 0");
	CHECK(!handover_retrieve(&fds, &state, &guest), "nothing to take over");
	return KTAP_PASS;
}

/* Counted on, and in proportion to the time that the guest saw pass */
static enum ktap_result counted_in_gap(void)
{
	struct count_area *a = count_area(&guest);
	uint64_t khz = state->tsc_khz, now = a->counter;

	if (guest_waits()) {
		CHECK(now == state->counter, "the counter went from %lu to %lu", state->counter,
		      now);
		CHECK(guest_as_it_should(), "the guest does not stand still");
		return KTAP_PASS;
	}
	if (guest_does == HANDOVER_SLEEPS) {
		CHECK(wait_equal(&a->in_hlt, 0, 20000), "the timer does not end HLT");
		CHECK(a->irqs == 1, "%lu interrupts", a->irqs);
		CHECK(wait_change(&a->counter, state->counter, 1000), "it does not count");
		now = a->counter;
	}
	CHECK(now > state->counter, "the counter stands at %lu, it was %lu", now, state->counter);
	ktap_diag("%lu rounds in %lu ms of the guest's time, largest step %lu us",
		  now - state->counter, (a->tsc - state->tsc) / khz, a->tsc_max * 1000 / khz);
	CHECK(count_alive(&guest, 2000), "the guest does not count any more");
	return KTAP_PASS;
}

static enum ktap_result pcpu_left_alone(void)
{
	CHECK(cpu_is_online(PCPU) == 0, "the pCPU is online: it was taken from the guest");
	return KTAP_PASS;
}

static enum ktap_result finish_refused(void)
{
	int err = luo_finish(fds.session);

	CHECK(err < 0, "FINISH went through while the vCPU is detached");
	CHECK(guest_as_it_should(), "FINISH changed the guest");
	return KTAP_PASS;
}

static bool guest_counts(void)
{
	return count_alive(&guest, 2000);
}

static enum ktap_result memory_overwritten(void)
{
	return overwrite_free_memory(guest_counts);
}

static enum ktap_result vcpu_retrieved(void)
{
	struct kvm_caretaker_info info;

	CHECK(!retrieve_vm(fds.session, &guest), "no VM");
	CHECK(!retrieve_vcpu(fds.session, &guest, state), "no vCPU");
	CHECK(!caretaker_info(&guest, &info), "no information");
	CHECK(info.flags & KVM_CARETAKER_INFO_ORPHAN, "flags %#x", info.flags);
	CHECK(info.state == gap_state(), "state %u", info.state);
	CHECK(info.vm_id == state->vm_id, "another VM: %#llx", info.vm_id);
	CHECK(guest_as_it_should(), "retrieve changed the guest");
	return KTAP_PASS;
}

static enum ktap_result not_restored(void)
{
	return unrestored_refused(&guest, state, guest_as_it_should);
}

static enum ktap_result adopted(void)
{
	struct kvm_caretaker_info info;
	int err;

	guest.run->immediate_exit = 1;
	err = guest_run(&guest);
	guest.run->immediate_exit = 0;
	CHECK(err == -EINTR, "KVM_RUN gave %d", err);
	CHECK(!caretaker_info(&guest, &info), "no information");
	CHECK(info.flags & KVM_CARETAKER_INFO_ADOPTED && !(info.flags & KVM_CARETAKER_INFO_ORPHAN),
	      "flags %#x", info.flags);
	return KTAP_PASS;
}

/* Between adoption and the next KVM_RUN the guest stands, and KVM has what it was doing. */
static enum ktap_result registers_imported(void)
{
	struct count_area *a = count_area(&guest);
	uint64_t counter = a->counter;
	struct kvm_regs r;

	sleep_ms(20);
	CHECK(a->counter == counter, "the guest still counts: it has two owners");
	CHECK(!ioctl(guest.vcpu_fd, KVM_GET_REGS, &r), "KVM_GET_REGS: %s", strerror(errno));
	CHECK(r.rip >= GUEST_CODE && r.rip < GUEST_CODE + 0x1000, "RIP %#llx", r.rip);
	CHECK(r.rdi == GUEST_AREA, "RDI %#llx", r.rdi);
	CHECK(r.r8 == a->gpr[0] && r.r9 == a->gpr[1] && r.r10 == a->gpr[2] &&
	      r.r11 == a->gpr[3] && r.r12 == a->gpr[4] && r.r13 == a->gpr[5] &&
	      r.r14 == a->gpr[6] && r.r15 == a->gpr[7] && r.rbx == a->gpr[8] &&
	      r.rbp == a->gpr[9], "a register differs from the guest's pattern");
	return KTAP_PASS;
}

/* The wait ends: KVM does the IN, or an interrupt ends HLT */
static enum ktap_result wait_ends(void)
{
	struct count_area *a = count_area(&guest);
	uint64_t irqs = a->irqs;

	if (guest_does == HANDOVER_STALLS) {
		CHECK(wait_equal(&a->in_value, GUEST_IN_VALUE, 2000), "IN gave %#lx", a->in_value);
		CHECK(wait_equal(&runner.served, 1, 100), "IN came %lu times to the VMM",
		      runner.served);
	}
	if (guest_does == HANDOVER_SLEEPS) {
		CHECK(a->irqs == 1, "%lu interrupts", a->irqs);
		a->irqs = 0;
	}
	if (guest_does == HANDOVER_HALTS) {
		sleep_ms(50);
		CHECK(a->in_hlt, "HLT ended without an interrupt");
		CHECK(!guest_msi(&guest, GUEST_IRQ_VECTOR), "no interrupt");
		CHECK(wait_equal(&a->in_hlt, 0, 2000), "the interrupt does not end HLT");
		CHECK(a->irqs == irqs + 1, "%lu interrupts", a->irqs - irqs);
		a->irqs = 0;
	}
	return KTAP_PASS;
}

static enum ktap_result runs_in_kvm(void)
{
	CHECK(!runner_start(&runner, &guest), "no thread");
	if (wait_ends() != KTAP_PASS)
		return KTAP_FAIL;
	CHECK(count_alive(&guest, 5000), "the guest does not count in KVM");
	CHECK(count_command(&guest, COUNT_IN, 2000), "no IN");
	CHECK(count_area(&guest)->in_value == GUEST_IN_VALUE, "IN gave %#lx",
	      count_area(&guest)->in_value);
	CHECK(count_command(&guest, COUNT_CPUID, 2000), "no CPUID");
	CHECK(!guest_msi(&guest, GUEST_IRQ_VECTOR), "no interrupt");
	CHECK(wait_change(&count_area(&guest)->irqs, 0, 2000), "the interrupt is not taken");
	return KTAP_PASS;
}

/* The vCPU has been handed over once, and the guest did one thing all the time. */
static enum ktap_result ledger_of_gap(const struct kvm_caretaker_telemetry *t)
{
	uint64_t gap = t->tsc_park - t->tsc_run, halted = t->ledger[KVM_CARETAKER_TIME_HALTED];
	uint64_t blocked = t->ledger[KVM_CARETAKER_TIME_BLOCKED];
	uint64_t stalled = t->stalls[0].tsc_end - t->stalls[0].tsc_start;

	if (guest_does == HANDOVER_HALTS)
		CHECK(halted * 100 >= gap * 95, "halted %lu of %lu cycles", halted, gap);
	CHECK(blocked == (t->nr_stalls ? stalled : 0), "blocked %lu cycles", blocked);
	ktap_diag("in TSC cycles: gap %lu, guest %llu, native %llu, blocked %lu, halted %lu, handover %llu",
		  gap, t->ledger[KVM_CARETAKER_TIME_GUEST], t->ledger[KVM_CARETAKER_TIME_NATIVE],
		  blocked, halted, t->ledger[KVM_CARETAKER_TIME_HANDOVER]);
	return ledger_handover(t, 0);
}

static enum ktap_result telemetry_of_gap(void)
{
	static struct kvm_caretaker_telemetry t;
	enum ktap_result res;
	uint64_t at;

	CHECK(ledger_adds_up(&guest, &t, &at) == KTAP_PASS, "over both kernels and the gap");
	CHECK(t.vm_id == state->vm_id, "of another VM");
	CHECK(t.tsc_run && t.tsc_stop <= t.tsc_run && t.tsc_run < t.tsc_kick &&
	      t.tsc_kick <= t.tsc_park && t.tsc_park <= t.tsc_adopt,
	      "time stamps out of order: stop %llu run %llu kick %llu park %llu adopt %llu",
	      t.tsc_stop, t.tsc_run, t.tsc_kick, t.tsc_park, t.tsc_adopt);
	CHECK(!t.fault, "fault %#llx at %#llx", t.fault, t.fault_rip);
	CHECK(t.tsc_khz, "no TSC frequency");
	CHECK(t.nr_stalls == (guest_does == HANDOVER_STALLS), "%llu stalls", t.nr_stalls);
	if (guest_does == HANDOVER_STALLS)
		CHECK(t.stalls[0].tsc_start < t.tsc_kick && t.stalls[0].tsc_end >= t.tsc_kick,
		      "the stall lasted from %llu to %llu", t.stalls[0].tsc_start,
		      t.stalls[0].tsc_end);
	res = ledger_of_gap(&t);
	ktap_diag("gap %llu ms, stop to run %llu us, kick to adopt %llu us",
		  (t.tsc_adopt - t.tsc_stop) / t.tsc_khz,
		  (t.tsc_run - t.tsc_stop) * 1000 / t.tsc_khz,
		  (t.tsc_adopt - t.tsc_kick) * 1000 / t.tsc_khz);
	return res;
}

static enum ktap_result pcpu_returns(void)
{
	CHECK(cpu_wait_online(PCPU, ONLINE_MS), "the pCPU does not return");
	CHECK(count_alive(&guest, 2000), "the guest does not count any more");
	return KTAP_PASS;
}

static enum ktap_result finished(void)
{
	int err = luo_finish(fds.session);

	CHECK(!err, "FINISH: %s", strerror(-err));
	close(fds.session);
	CHECK(count_alive(&guest, 2000), "the guest does not count any more");
	return KTAP_PASS;
}

static enum ktap_result new_caretaker(void)
{
	static struct kvm_caretaker_telemetry t;
	uint64_t at;

	CHECK(!caretaker_install(&guest, 0), "no install");
	CHECK(count_alive(&guest, 2000), "the guest does not count any more");
	CHECK(count_command(&guest, COUNT_CPUID, 2000), "no CPUID");
	return ledger_adds_up(&guest, &t, &at);
}

static enum ktap_result registers_intact(void)
{
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	CHECK(!count_check_host_side(&guest), "registers changed");
	CHECK(!count_area(&guest)->errors, "%lu rounds with wrong registers, kinds %#lx",
	      count_area(&guest)->errors, count_area(&guest)->what);
	guest_destroy(&guest);
	return KTAP_PASS;
}

static enum ktap_result shuts_down(void)
{
	static struct kvm_caretaker_telemetry t;

	CHECK(!count_command(&guest, COUNT_SHUTDOWN, 100), "the guest is still there");
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_FAULTED, 2000), "not FAULTED");
	CHECK(!caretaker_telemetry(&guest, &t), "no telemetry");
	CHECK(t.fault && t.fault_rip >= GUEST_CODE && t.fault_rip < GUEST_CODE + 0x1000,
	      "fault %#llx at %#llx", t.fault, t.fault_rip);
	return KTAP_PASS;
}

static enum ktap_result not_adopted(void)
{
	int err;

	guest.run->immediate_exit = 1;
	err = guest_run(&guest);
	guest.run->immediate_exit = 0;
	CHECK(err == -EIO, "KVM_RUN gave %d", err);
	return KTAP_PASS;
}

static enum ktap_result given_up(void)
{
	int err;

	CHECK(cpu_wait_online(PCPU, ONLINE_MS), "the pCPU does not return");
	err = luo_finish(fds.session);
	CHECK(!err, "FINISH: %s", strerror(-err));
	close(fds.session);
	guest_destroy(&guest);
	return KTAP_PASS;
}

static enum ktap_result next_guest(void)
{
	return guest_ready();
}

static int stage_2_fault(void)
{
	static const struct ktap_case cases[] = {
		{ "session, state and RAM are retrieved", ram_retrieved, true },
		{ "the guest counted in the gap and still does", counted_in_gap },
		{ "VM and vCPU are retrieved, the guest counts on", vcpu_retrieved, true },
		{ "a shutdown makes the orphan FAULTED, with a record", shuts_down },
		{ "it cannot be adopted", not_adopted },
		{ "its pCPU comes online, and FINISH is accepted", given_up },
		{ "the next guest can use the pCPU", next_guest },
	};

	return ktap_run(cases, ARRAY_SIZE(cases), 200);
}

static enum ktap_result image_refused(void)
{
	uint64_t counter;

	CHECK(not_adopted() == KTAP_PASS, "adopted");
	CHECK(klog_contains("its FPU image is refused"), "the kernel does not say why");
	counter = count_area(&guest)->counter;
	sleep_ms(100);
	CHECK(count_area(&guest)->counter == counter, "the guest runs");
	return KTAP_PASS;
}

static int stage_2_bad_fpu(void)
{
	static const struct ktap_case cases[] = {
		{ "session, state and RAM are retrieved", ram_retrieved, true },
		{ "the guest counted in the gap and still does", counted_in_gap },
		{ "VM and vCPU are retrieved, the guest counts on", vcpu_retrieved, true },
		{ "it is not adopted with a broken FPU image", image_refused },
		{ "its pCPU comes online, and FINISH is accepted", given_up },
		{ "the next guest can use the pCPU", next_guest },
	};

	return ktap_run(cases, ARRAY_SIZE(cases), 200);
}

static enum ktap_result vcpu_refused(void)
{
	int fd;

	CHECK(!retrieve_vm(fds.session, &guest), "no VM");
	fd = luo_retrieve(fds.session, TOKEN_VCPU);
	CHECK(fd == -EPROTONOSUPPORT, "retrieve of the vCPU gave %d", fd);
	CHECK(klog_contains("its Caretaker cannot be taken over"), "the kernel does not say why");
	CHECK(count_alive(&guest, 2000), "the guest does not count any more");
	return KTAP_PASS;
}

static enum ktap_result stays_detached(void)
{
	CHECK(luo_finish(fds.session) < 0, "FINISH went through while the vCPU is detached");
	CHECK(pcpu_left_alone() == KTAP_PASS, "the pCPU");
	CHECK(count_alive(&guest, 2000), "the guest does not count any more");
	return KTAP_PASS;
}

static int stage_2_bad_telemetry(void)
{
	static const struct ktap_case cases[] = {
		{ "session, state and RAM are retrieved", ram_retrieved, true },
		{ "the guest counted in the gap and still does", counted_in_gap },
		{ "the VM is retrieved, the vCPU with other telemetry is refused", vcpu_refused },
		{ "the guest runs on, detached, and FINISH is refused", stays_detached },
	};

	return ktap_run(cases, ARRAY_SIZE(cases), 200);
}

/* The payload does not answer in time: nobody has taken the guest from it. */
static enum ktap_result answer_too_late(void)
{
	struct kvm_caretaker_info info;
	int err;

	guest.run->immediate_exit = 1;
	err = guest_run(&guest);
	CHECK(err == -ETIMEDOUT, "KVM_RUN gave %d", err);
	CHECK(klog_contains("does not give it back: error -110"), "the kernel does not say so");
	CHECK(!caretaker_info(&guest, &info) && info.flags & KVM_CARETAKER_INFO_ORPHAN &&
	      info.state == KVM_CARETAKER_ADOPTING, "flags %#x, state %u", info.flags, info.state);
	CHECK(pcpu_left_alone() == KTAP_PASS, "the pCPU");
	CHECK(luo_finish(fds.session) < 0, "FINISH went through while the vCPU is detached");
	CHECK(guest_counts(), "the guest does not run on");
	return KTAP_PASS;
}

/* As often as the VMM likes */
static enum ktap_result adopted_later(void)
{
	unsigned int i;
	int err = -ETIMEDOUT;

	guest.run->immediate_exit = 1;
	for (i = 0; err == -ETIMEDOUT && i < 10; i++)
		err = guest_run(&guest);
	guest.run->immediate_exit = 0;
	CHECK(err == -EINTR, "KVM_RUN gave %d", err);
	return KTAP_PASS;
}

static int stage_2_late(void)
{
	static const struct ktap_case cases[] = {
		{ "session, state and RAM are retrieved", ram_retrieved, true },
		{ "the guest counted in the gap and still does", counted_in_gap },
		{ "VM and vCPU are retrieved, the guest counts on", vcpu_retrieved, true },
		{ "a payload that does not answer keeps the vCPU, orphaned", answer_too_late },
		{ "asked again it gives the vCPU to KVM", adopted_later, true },
		{ "KVM has the registers of the gap", registers_imported },
		{ "the vCPU goes on in KVM", runs_in_kvm },
		{ "the pCPU comes online again", pcpu_returns },
		{ "FINISH is accepted", finished },
		{ "all registers are intact at the end", registers_intact },
	};

	return ktap_run(cases, ARRAY_SIZE(cases), 200);
}

/* Whether the last machine check came when neither kernel could have done anything about it */
static enum ktap_result hit_in_gap(struct kvm_caretaker_telemetry *t)
{
	CHECK(!caretaker_telemetry(&guest, t), "no telemetry");
	CHECK(t->machine_checks == 1, "%llu machine checks", t->machine_checks);
	CHECK(t->mc_tsc > state->tsc_left && t->mc_tsc < stage_tsc,
	      "at %llu, the old kernel was left at %lu, the next one is here since %lu", t->mc_tsc,
	      state->tsc_left, stage_tsc);
	return KTAP_PASS;
}

static enum ktap_result survived_in_gap(void)
{
	static struct kvm_caretaker_telemetry t;

	CHECK(hit_in_gap(&t) == KTAP_PASS, "the machine check");
	CHECK(!t.mc_status && t.mcg_status == STRAY_MCG && !t.fault && t.stray == 1 &&
	      t.stray_vector == STRAY_VECTOR_MC && t.stray_tsc >= t.mc_tsc,
	      "status %#llx, MCG_STATUS %#x, fault %llu, %llu stray events, the last one %llu",
	      t.mc_status, t.mcg_status, t.fault, t.stray, t.stray_vector);
	CHECK(count_alive(&guest, 2000), "the guest does not count any more");
	return KTAP_PASS;
}

static enum ktap_result orphan_survives(void)
{
	return stray_all_survived(&guest, guest_as_it_should);
}

static int stage_2_stray(void)
{
	static const struct ktap_case cases[] = {
		{ "session, state and RAM are retrieved", ram_retrieved, true },
		{ "the guest counted in the gap and still does", counted_in_gap },
		{ "VM and vCPU are retrieved, the guest counts on", vcpu_retrieved, true },
		{ "a machine check while there was no kernel was survived", survived_in_gap },
		{ "the orphan survives all stray events", orphan_survives },
		{ "the first KVM_RUN adopts the vCPU", adopted, true },
		{ "KVM has the registers of the gap", registers_imported },
		{ "the vCPU goes on in KVM", runs_in_kvm },
		{ "the pCPU comes online again", pcpu_returns },
		{ "FINISH is accepted", finished },
		{ "all registers are intact at the end", registers_intact },
	};

	return ktap_run(cases, ARRAY_SIZE(cases), 200);
}

static enum ktap_result lost_vcpu_retrieved(void)
{
	CHECK(!retrieve_vm(fds.session, &guest), "no VM");
	CHECK(!retrieve_vcpu(fds.session, &guest, state), "no vCPU");
	CHECK(caretaker_state(&guest) == KVM_CARETAKER_FAULTED, "state %d",
	      caretaker_state(&guest));
	return KTAP_PASS;
}

static enum ktap_result lost_in_gap(void)
{
	static struct kvm_caretaker_telemetry t;

	CHECK(hit_in_gap(&t) == KTAP_PASS, "the machine check");
	return stray_recorded(&guest);
}

static int stage_2_lost(void)
{
	static const struct ktap_case cases[] = {
		{ "session, state and RAM are retrieved", ram_retrieved, true },
		{ "the next kernel leaves the pCPU alone", pcpu_left_alone },
		{ "VM and vCPU are retrieved, FAULTED", lost_vcpu_retrieved, true },
		{ "the machine check of the gap is recorded", lost_in_gap },
		{ "the vCPU cannot be adopted", not_adopted },
		{ "the record is still there", lost_in_gap },
		{ "its pCPU comes online, and FINISH is accepted", given_up },
		{ "the next guest can use the pCPU", next_guest },
	};

	return ktap_run(cases, ARRAY_SIZE(cases), 200);
}

static int stage_2(void)
{
	static struct ktap_case cases[] = {
		{ "session, state and RAM are retrieved", ram_retrieved, true },
		{ "the guest counted or waited in the gap and still does", counted_in_gap },
		{ "the next kernel leaves the pCPU alone", pcpu_left_alone },
		{ "FINISH is refused while the vCPU is detached", finish_refused },
		{ "VM and vCPU are retrieved, the guest counts on", vcpu_retrieved, true },
		{ "what is not restored leaves the vCPU orphaned and running", not_restored, true },
		{ "the first KVM_RUN adopts the vCPU", adopted, true },
		{ "KVM has the registers of the gap", registers_imported },
		{ "the vCPU goes on in KVM", runs_in_kvm },
		{ "the telemetry of the gap is there", telemetry_of_gap },
		{ "the pCPU comes online again", pcpu_returns },
		{ "FINISH is accepted", finished },
		{ "a new Caretaker can be installed", new_caretaker },
		{ "all registers are intact at the end", registers_intact },
	};

	if (guest_does == HANDOVER_POISON)
		cases[3] = (struct ktap_case){ "the guest survives that free memory is overwritten",
					       memory_overwritten };
	return ktap_run(cases, ARRAY_SIZE(cases), 200);
}

int handover_main(enum handover_guest does)
{
	guest_does = does;
	stage_tsc = tsc_now();
	if (cmdline_number("ct_stage", 1) == 1)
		return stage_1();
	switch (guest_does) {
	case HANDOVER_SHUTS_DOWN:
		return stage_2_fault();
	case HANDOVER_BAD_FPU:
		return stage_2_bad_fpu();
	case HANDOVER_BAD_TELEMETRY:
		return stage_2_bad_telemetry();
	case HANDOVER_LATE:
		return stage_2_late();
	case HANDOVER_STRAY:
		return stage_2_stray();
	case HANDOVER_LOST:
		return stage_2_lost();
	default:
		return stage_2();
	}
}

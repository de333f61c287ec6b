// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU is preserved, runs detached on its pCPU, and returns to KVM when the session is closed:
 * over and over in one kernel, out of every state that the guest can be in.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "ktap.h"

#define CYCLES		20
#define ONLINE_MS	30000
#define REASON_CPUID	0x72
#define REASON_IOIO	0x7b

static struct kvm_guest guest;
static struct guest_runner runner;
static int luo, session = -1;
static uint64_t tsc_khz;

/* A CPUID leaf that tells the guest's table from the host's CPU */
static int own_brand(void)
{
	unsigned int i;

	for (i = 0; i < guest.cpuid->nent; i++)
		if (guest.cpuid->entries[i].function == 0x80000002)
			guest.cpuid->entries[i].eax = 0x43415245;
	return guest_set_cpuid2(&guest);
}

static enum ktap_result start(void)
{
	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	CHECK(!pin_to_cpu0(), "cannot stay on CPU 0");
	CHECK(!guest_create(&guest, &guest_count), "no guest");
	CHECK(!count_reset(&guest), "no patterns");
	CHECK(!own_brand(), "KVM_SET_CPUID2 was refused");
	CHECK(!caretaker_install(&guest, 0), "no Caretaker");
	/* Not later: this waits for the vCPU to leave KVM_RUN */
	tsc_khz = ioctl(guest.vm_fd, KVM_GET_TSC_KHZ, 0);
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(count_alive(&guest, 2000), "the guest does not count");
	return KTAP_PASS;
}

static enum ktap_result detach(void)
{
	/* Left open by a case that failed */
	if (session >= 0)
		close(session);
	session = luo_session_create(luo, "cancel");
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!luo_preserve_guest(session, &guest), "not preserved");
	return KTAP_PASS;
}

static enum ktap_result cancel(void)
{
	close(session);
	session = -1;
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_ATTACHED, 5000), "not back in KVM");
	CHECK(count_alive(&guest, 5000), "the guest does not count after the cancel");
	CHECK(!runner.error, "the vCPU thread ended with %d", runner.error);
	return KTAP_PASS;
}

static enum ktap_result pcpu_back(void)
{
	CHECK(cpu_wait_online(PCPU, ONLINE_MS), "the pCPU does not return");
	return KTAP_PASS;
}

static enum ktap_result one_cycle(unsigned int i)
{
	enum ktap_result res = detach();

	if (res != KTAP_PASS)
		return res;
	CHECK(caretaker_state(&guest) == KVM_CARETAKER_RUNNING, "cycle %u: state %d", i,
	      caretaker_state(&guest));
	CHECK(cpu_is_online(PCPU) == 0, "cycle %u: the pCPU is online", i);
	CHECK(count_alive(&guest, 2000), "cycle %u: the guest does not count detached", i);
	res = cancel();
	return res == KTAP_PASS ? pcpu_back() : res;
}

static enum ktap_result counting(void)
{
	enum ktap_result res = start();
	struct count_area *a;
	unsigned int i;

	if (res != KTAP_PASS)
		return res;
	a = count_area(&guest);
	for (i = 0; i < CYCLES; i++) {
		a->tsc_max = 0;
		res = one_cycle(i);
		if (res != KTAP_PASS)
			return res;
		ktap_diag("cycle %u: largest step of the guest's TSC %lu us", i,
			  a->tsc_max * 1000 / tsc_khz);
	}
	return KTAP_PASS;
}

static enum ktap_result isolated(void)
{
	CHECK(!caretaker_install(&guest, KVM_CARETAKER_ISOLATE), "no install");
	return one_cycle(0);
}

/* State of the vCPU while it is detached: GET works and SET does not. */
static enum ktap_result kvm_keeps_off(void)
{
	enum ktap_result res = detach();
	struct kvm_caretaker_set set;
	struct kvm_regs regs;
	uint64_t busy;

	if (res != KTAP_PASS)
		return res;
	busy = runner.busy;
	CHECK(wait_change(&runner.busy, busy, 1000), "KVM_RUN is not refused with EBUSY");
	CHECK(!ioctl(guest.vcpu_fd, KVM_GET_REGS, &regs), "KVM_GET_REGS: %s", strerror(errno));
	CHECK(ioctl(guest.vcpu_fd, KVM_SET_REGS, &regs) && errno == EBUSY, "KVM_SET_REGS");
	CHECK(luo_preserve(session, guest.vcpu_fd, 77) < 0, "preserved twice");
	caretaker_args(&set);
	set.payload_fd = payload_open();
	CHECK(caretaker_ioctl_set(&guest, &set) == -EBUSY, "replaced while detached");
	close(set.payload_fd);
	CHECK(caretaker_remove(&guest) == -EBUSY, "removed while detached");
	CHECK(count_alive(&guest, 2000), "the guest does not count detached");
	res = cancel();
	return res == KTAP_PASS ? pcpu_back() : res;
}

/* CPUID in the guest for each entry of its table, and for one that is not there */
static enum ktap_result cpuid_all(uint32_t (*result)[4])
{
	struct count_area *a = count_area(&guest);
	unsigned int i;

	for (i = 0; i <= guest.cpuid->nent; i++) {
		bool listed = i < guest.cpuid->nent;

		a->cpuid[0] = listed ? guest.cpuid->entries[i].function : 0x8fffffff;
		a->cpuid[1] = listed ? guest.cpuid->entries[i].index : 0;
		CHECK(count_command(&guest, COUNT_CPUID, 2000), "no CPUID %#x", a->cpuid[0]);
		memcpy(result[i], (void *)&a->cpuid[2], sizeof(result[i]));
	}
	a->cpuid[0] = 0;
	a->cpuid[1] = 0;
	return KTAP_PASS;
}

static enum ktap_result cpuid_in_gap(void)
{
	static uint32_t attached[GUEST_MAX_CPUID + 1][4], detached[GUEST_MAX_CPUID + 1][4];
	static struct kvm_caretaker_telemetry before, after;
	unsigned int i, n = guest.cpuid->nent + 1;
	enum ktap_result res = cpuid_all(attached);
	uint64_t native;

	CHECK(!caretaker_telemetry(&guest, &before), "no telemetry");
	if (res == KTAP_PASS)
		res = detach();
	if (res == KTAP_PASS)
		res = cpuid_all(detached);
	if (res != KTAP_PASS)
		return res;
	for (i = 0; i < n; i++)
		CHECK(!memcmp(attached[i], detached[i], sizeof(attached[i])),
		      "entry %u: %#x %#x %#x %#x became %#x %#x %#x %#x", i, attached[i][0],
		      attached[i][1], attached[i][2], attached[i][3], detached[i][0],
		      detached[i][1], detached[i][2], detached[i][3]);
	CHECK(!caretaker_telemetry(&guest, &after), "no telemetry");
	native = kvm_caretaker_gap_exits(&after, REASON_CPUID, KVM_CARETAKER_NATIVE) -
		 kvm_caretaker_gap_exits(&before, REASON_CPUID, KVM_CARETAKER_NATIVE);
	CHECK(native == n, "%lu exits counted, %u made", native, n);
	res = cancel();
	return res == KTAP_PASS ? pcpu_back() : res;
}

static enum ktap_result stall_recorded(uint64_t stalls)
{
	static struct kvm_caretaker_telemetry t;
	const struct kvm_caretaker_stall *s;

	CHECK(!caretaker_telemetry(&guest, &t), "no telemetry");
	CHECK(t.nr_stalls == stalls + 1, "%llu stalls, %lu before", t.nr_stalls, stalls);
	s = &t.stalls[stalls % KVM_CARETAKER_NR_STALLS];
	CHECK(s->reason == REASON_IOIO && s->info1 >> 16 == GUEST_PORT_UNSERVED && s->info1 & 1,
	      "reason %#llx, info %#llx", s->reason, s->info1);
	CHECK(s->rip >= GUEST_CODE && s->rip < GUEST_CODE + 0x1000, "RIP %#llx", s->rip);
	CHECK(s->tsc_start, "no start");
	return KTAP_PASS;
}

static enum ktap_result blocking_exit(void)
{
	static struct kvm_caretaker_telemetry t;
	struct count_area *a = count_area(&guest);
	uint64_t counter, served = runner.served;
	enum ktap_result res;

	CHECK(!caretaker_telemetry(&guest, &t), "no telemetry");
	res = detach();
	if (res != KTAP_PASS)
		return res;
	a->in_value = 0;
	CHECK(!count_command(&guest, COUNT_IN, 200), "a port that nobody serves was answered");
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_STALLED, 1000), "not stalled");
	counter = a->counter;
	sleep_ms(50);
	CHECK(a->counter == counter, "the guest went on");
	res = stall_recorded(t.nr_stalls);
	if (res == KTAP_PASS)
		res = cancel();
	if (res != KTAP_PASS)
		return res;
	CHECK(wait_equal(&a->in_value, GUEST_IN_VALUE, 2000), "IN gave %#lx", a->in_value);
	CHECK(runner.served == served + 1, "IN came %lu times to the VMM", runner.served - served);
	CHECK(!caretaker_telemetry(&guest, &t), "no telemetry");
	CHECK(t.stalls[(t.nr_stalls - 1) % KVM_CARETAKER_NR_STALLS].tsc_end, "the stall has no end");
	return pcpu_back();
}

static enum ktap_result halt_in_gap(void)
{
	struct count_area *a = count_area(&guest);
	enum ktap_result res = detach();
	uint64_t irqs = a->irqs;

	if (res != KTAP_PASS)
		return res;
	CHECK(!count_command(&guest, COUNT_HLT, 100) && a->in_hlt, "no HLT");
	CHECK(caretaker_state(&guest) == KVM_CARETAKER_RUNNING, "state %d in HLT",
	      caretaker_state(&guest));
	close(session);
	session = -1;
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_ATTACHED, 5000), "not back in KVM");
	sleep_ms(50);
	CHECK(a->in_hlt, "HLT ended without an interrupt");
	CHECK(!guest_msi(&guest, GUEST_IRQ_VECTOR), "no interrupt");
	CHECK(wait_equal(&a->in_hlt, 0, 2000), "the interrupt does not end HLT");
	CHECK(a->irqs == irqs + 1, "%lu interrupts", a->irqs - irqs);
	CHECK(count_alive(&guest, 2000), "the guest does not count after HLT");
	return pcpu_back();
}

/* Detached with the guest already halted in KVM */
static enum ktap_result halted_before(void)
{
	struct count_area *a = count_area(&guest);
	enum ktap_result res;

	CHECK(!count_command(&guest, COUNT_HLT, 100) && a->in_hlt, "no HLT");
	res = detach();
	if (res != KTAP_PASS)
		return res;
	sleep_ms(20);
	CHECK(a->in_hlt, "HLT ended without an interrupt");
	close(session);
	session = -1;
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_ATTACHED, 5000), "not back in KVM");
	CHECK(!guest_msi(&guest, GUEST_IRQ_VECTOR), "no interrupt");
	CHECK(wait_equal(&a->in_hlt, 0, 2000), "the interrupt does not end HLT");
	CHECK(count_alive(&guest, 2000), "the guest does not count after HLT");
	return pcpu_back();
}

static enum ktap_result timer_ready(uint64_t *irqs)
{
	CHECK(count_wrmsr(&guest, MSR_X2APIC_LVTT, LVTT_TSC_DEADLINE | GUEST_IRQ_VECTOR, false,
			  2000), "LVTT was not written");
	*irqs = count_area(&guest)->irqs;
	return KTAP_PASS;
}

/* Sets the guest's timer @in_gap or before it. It may fire in the gap or after it, but once. */
static enum ktap_result timer_fires_once(bool in_gap)
{
	struct count_area *a = count_area(&guest);
	uint64_t irqs, delta = tsc_khz * 100;
	enum ktap_result res;

	CHECK(timer_ready(&irqs) == KTAP_PASS, "no timer");
	/* Long enough to be still running when the vCPU is detached, also on a slow host */
	if (!in_gap)
		CHECK(count_wrmsr(&guest, MSR_TSC_DEADLINE, delta * 30, true, 2000), "no timer");
	res = detach();
	if (res != KTAP_PASS)
		return res;
	CHECK(a->irqs == irqs, "the timer fired before the gap");
	if (in_gap)
		CHECK(count_wrmsr(&guest, MSR_TSC_DEADLINE, delta, true, 2000),
		      "the timer cannot be set in the gap");
	sleep_ms(in_gap ? 300 : 100);
	CHECK(count_alive(&guest, 2000), "the guest does not count detached");
	ktap_diag("it fired %lu times in the gap", a->irqs - irqs);
	res = cancel();
	if (res != KTAP_PASS)
		return res;
	CHECK(wait_equal(&a->irqs, irqs + 1, 10000), "the timer fired %lu times", a->irqs - irqs);
	sleep_ms(50);
	CHECK(a->irqs == irqs + 1, "the timer fired %lu times", a->irqs - irqs);
	return pcpu_back();
}

/* What an idle guest does: its timer wakes it, with no kernel at hand */
static enum ktap_result timer_ends_halt(void)
{
	struct count_area *a = count_area(&guest);
	enum ktap_result res;
	uint64_t irqs;
	unsigned int i;

	CHECK(timer_ready(&irqs) == KTAP_PASS, "no timer");
	res = detach();
	if (res != KTAP_PASS)
		return res;
	for (i = 1; i <= 10; i++) {
		CHECK(count_nap(&guest, tsc_khz * 50, 2000), "nap %u does not end", i);
		CHECK(a->irqs == irqs + i, "nap %u: %lu interrupts", i, a->irqs - irqs);
	}
	CHECK(caretaker_state(&guest) == KVM_CARETAKER_RUNNING, "state %d",
	      caretaker_state(&guest));
	res = cancel();
	return res == KTAP_PASS ? pcpu_back() : res;
}

static enum ktap_result timer_before_gap(void)
{
	return timer_fires_once(false);
}

static enum ktap_result timer_in_gap(void)
{
	return timer_fires_once(true);
}

static enum ktap_result still_counts(void)
{
	CHECK(count_alive(&guest, 2000), "the vCPU does not run any more");
	CHECK(caretaker_state(&guest) == KVM_CARETAKER_ATTACHED, "state %d",
	      caretaker_state(&guest));
	CHECK(cpu_is_online(PCPU) == 1, "the pCPU is not online");
	return KTAP_PASS;
}

static enum ktap_result wrong_order(void)
{
	int s = luo_session_create(luo, "order"), err;

	CHECK(s >= 0, "no session");
	err = luo_preserve(s, guest.vm_fd, TOKEN_VM);
	CHECK(err < 0, "a VM was preserved before its memory");
	err = luo_preserve(s, guest.vcpu_fd, TOKEN_VCPU);
	CHECK(err < 0, "a vCPU was preserved before its VM");
	close(s);
	return still_counts();
}

static enum ktap_result without_caretaker(void)
{
	int s, err;

	CHECK(!caretaker_remove(&guest), "no remove");
	s = luo_session_create(luo, "none");
	CHECK(s >= 0, "no session");
	CHECK(!luo_preserve(s, guest.mem_fd, TOKEN_MEM), "no RAM");
	CHECK(!luo_preserve(s, guest.vm_fd, TOKEN_VM), "no VM");
	err = luo_preserve(s, guest.vcpu_fd, TOKEN_VCPU);
	close(s);
	CHECK(err == -EOPNOTSUPP, "got %s", strerror(-err));
	CHECK(count_alive(&guest, 2000), "the vCPU does not run any more");
	CHECK(!caretaker_install(&guest, 0), "no install");
	return still_counts();
}

/* A second slot on memory that does not survive a kexec */
static enum ktap_result other_memory(void)
{
	struct kvm_userspace_memory_region slot = {
		.slot = 1, .guest_phys_addr = 1UL << 30, .memory_size = 1 << 20,
	};
	int s, err;
	void *p;

	p = mmap(NULL, slot.memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		 0);
	CHECK(p != MAP_FAILED, "no memory");
	slot.userspace_addr = (unsigned long)p;
	CHECK(!ioctl(guest.vm_fd, KVM_SET_USER_MEMORY_REGION, &slot), "no slot");
	s = luo_session_create(luo, "anonymous");
	CHECK(s >= 0, "no session");
	CHECK(!luo_preserve(s, guest.mem_fd, TOKEN_MEM), "no RAM");
	err = luo_preserve(s, guest.vm_fd, TOKEN_VM);
	close(s);
	CHECK(err < 0, "a VM with anonymous memory was preserved");
	slot.memory_size = 0;
	CHECK(!ioctl(guest.vm_fd, KVM_SET_USER_MEMORY_REGION, &slot), "the slot stays");
	munmap(p, 1 << 20);
	return still_counts();
}

/* User space holds an unanswered IN: it cannot be carried, and the vCPU is left alone. */
static enum ktap_result half_done_io(void)
{
	int s, err = 0;

	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	count_area(&guest)->command = COUNT_IN;
	do {
		err = guest_run(&guest);
	} while (err == -EINTR);
	CHECK(err == KVM_EXIT_IO, "exit %d", err);
	s = luo_session_create(luo, "io");
	CHECK(s >= 0, "no session");
	CHECK(!luo_preserve(s, guest.mem_fd, TOKEN_MEM), "no RAM");
	CHECK(!luo_preserve(s, guest.vm_fd, TOKEN_VM), "no VM");
	err = luo_preserve(s, guest.vcpu_fd, TOKEN_VCPU);
	close(s);
	CHECK(err == -EAGAIN, "got %s", strerror(-err));
	guest_serve_io(&guest);
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(wait_equal(&count_area(&guest)->command, 0, 2000), "IN was not finished");
	CHECK(count_area(&guest)->in_value == GUEST_IN_VALUE, "IN gave %#lx",
	      count_area(&guest)->in_value);
	CHECK(pcpu_back() == KTAP_PASS, "no pCPU");
	return still_counts();
}

static enum ktap_result registers(void)
{
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	CHECK(!count_check_host_side(&guest), "registers changed");
	CHECK(!count_area(&guest)->errors, "%lu rounds with wrong registers, kinds %#lx",
	      count_area(&guest)->errors, count_area(&guest)->what);
	return KTAP_PASS;
}

/* The VMM dies with its session and its detached vCPU: everything returns to the host. */
static enum ktap_result end_while_detached(void)
{
	enum ktap_result res;

	CHECK(!runner_start(&runner, &guest), "no thread");
	res = detach();
	if (res != KTAP_PASS)
		return res;
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	guest_destroy(&guest);
	close(session);
	res = pcpu_back();
	if (res != KTAP_PASS)
		return res;
	CHECK(!guest_create(&guest, &guest_count), "no second guest");
	CHECK(!caretaker_install(&guest, 0), "the pCPU is still taken");
	guest_destroy(&guest);
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "20 cycles of a counting guest", counting, true },
		{ "a cycle with isolated page tables", isolated },
		{ "KVM keeps its hands off a detached vCPU", kvm_keeps_off },
		{ "CPUID in the gap gives what it gave before", cpuid_in_gap },
		{ "a blocking exit stalls, is recorded and completed", blocking_exit },
		{ "HLT in the gap lasts over the cancel", halt_in_gap },
		{ "a vCPU that is halted already is carried", halted_before },
		{ "a timer set before the gap fires, once", timer_before_gap },
		{ "a timer set in the gap fires, once", timer_in_gap },
		{ "a halted guest is woken by its timer in the gap", timer_ends_halt },
		{ "VM before RAM and vCPU before VM are refused", wrong_order },
		{ "a vCPU without a Caretaker is refused", without_caretaker },
		{ "a VM on anonymous memory is refused", other_memory },
		{ "a half-finished user I/O is refused", half_done_io },
		{ "all registers are intact at the end", registers },
		{ "a VMM may end while its vCPU is detached", end_while_detached },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 100);
}

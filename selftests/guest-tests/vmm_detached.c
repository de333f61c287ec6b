// SPDX-License-Identifier: GPL-2.0
/*
 * What a VMM does to its VM while the vCPU is detached does not reach the guest: calls that would
 * change the vCPU are refused, memory stays where it is, and the VMM may die.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "ktap.h"

#define ONLINE_MS	60000
#define PATTERN		0x200000UL	/* guest memory that nothing else uses, to the end of RAM */
#define COMPACT		"/proc/sys/vm/compact_memory"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

static struct kvm_guest guest;
static struct guest_runner runner;
static unsigned char *other;	/* one more mapping of the guest's RAM */
static int luo = -1, session = -1;

static uint64_t pattern_word(unsigned long at)
{
	return 0x9e3779b97f4a7c15UL * (at + 1);
}

static void pattern_write(void)
{
	unsigned long at;

	for (at = PATTERN; at < GUEST_RAM_SIZE; at += 8)
		*(uint64_t *)(guest.ram + at) = pattern_word(at);
}

static bool pattern_kept(const unsigned char *ram)
{
	unsigned long at;

	for (at = PATTERN; at < GUEST_RAM_SIZE; at += 8) {
		if (*(uint64_t *)(ram + at) == pattern_word(at))
			continue;
		ktap_diag("%#lx holds %#lx", at, *(uint64_t *)(ram + at));
		return false;
	}
	return true;
}

static enum ktap_result detached(void)
{
	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	CHECK(caretaker_count_start(&guest, &runner), "no guest that counts");
	pattern_write();
	other = mmap(NULL, GUEST_RAM_SIZE, PROT_READ, MAP_SHARED, guest.mem_fd, 0);
	CHECK(other != MAP_FAILED, "no second mapping");
	session = luo_session_create(luo, "vmm");
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!luo_preserve_guest(session, &guest), "not preserved");
	CHECK(count_alive(&guest, 2000), "the guest does not count detached");
	return KTAP_PASS;
}

/* ---- calls on the vCPU ---- */

/* Large enough for each of them, zeros */
static unsigned char argument[8192];

#define CALL(name) { #name, name }
static const struct {
	const char *name;
	unsigned long ioctl;
} setters[] = {
	CALL(KVM_RUN), CALL(KVM_SET_REGS), CALL(KVM_SET_SREGS), CALL(KVM_SET_SREGS2),
	CALL(KVM_SET_MSRS), CALL(KVM_SET_FPU), CALL(KVM_SET_XSAVE), CALL(KVM_SET_XCRS),
	CALL(KVM_SET_LAPIC), CALL(KVM_SET_MP_STATE), CALL(KVM_SET_VCPU_EVENTS),
	CALL(KVM_SET_DEBUGREGS), CALL(KVM_SET_GUEST_DEBUG), CALL(KVM_SET_NESTED_STATE),
	CALL(KVM_SET_TSC_KHZ), CALL(KVM_SET_DEVICE_ATTR), CALL(KVM_ENABLE_CAP),
	CALL(KVM_SET_CPUID), CALL(KVM_SET_CPUID2), CALL(KVM_INTERRUPT), CALL(KVM_NMI),
	CALL(KVM_SMI), CALL(KVM_SET_ONE_REG), CALL(KVM_SET_VAPIC_ADDR), CALL(KVM_X86_SETUP_MCE),
	CALL(KVM_X86_SET_MCE), CALL(KVM_XEN_VCPU_SET_ATTR),
}, getters[] = {
	CALL(KVM_GET_REGS), CALL(KVM_GET_SREGS), CALL(KVM_GET_SREGS2), CALL(KVM_GET_FPU),
	CALL(KVM_GET_LAPIC), CALL(KVM_GET_MP_STATE), CALL(KVM_GET_VCPU_EVENTS),
	CALL(KVM_GET_DEBUGREGS), CALL(KVM_GET_XCRS),
};

static enum ktap_result calls_refused(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(setters); i++) {
		memset(argument, 0, sizeof(argument));
		errno = 0;
		CHECK(ioctl(guest.vcpu_fd, setters[i].ioctl, argument) == -1 && errno == EBUSY,
		      "%s: %s", setters[i].name, strerror(errno));
	}
	for (i = 0; i < ARRAY_SIZE(getters); i++)
		CHECK(!ioctl(guest.vcpu_fd, getters[i].ioctl, argument), "%s: %s", getters[i].name,
		      strerror(errno));
	CHECK(count_alive(&guest, 2000), "the guest does not count any more");
	return KTAP_PASS;
}

/* ---- memory ---- */

static int done(int result)
{
	return result ? errno : 0;
}

static int dont_need(void)
{
	return done(madvise(guest.ram, GUEST_RAM_SIZE, MADV_DONTNEED));
}

static int page_out(void)
{
	return done(madvise(guest.ram, GUEST_RAM_SIZE, MADV_PAGEOUT));
}

static int collapse(void)
{
	return done(madvise(guest.ram, GUEST_RAM_SIZE, MADV_COLLAPSE));
}

static int remove_range(void)
{
	return done(madvise(guest.ram, GUEST_RAM_SIZE, MADV_REMOVE));
}

static int punch_hole(void)
{
	return done(fallocate(guest.mem_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			      GUEST_RAM_SIZE));
}

static int shrink(void)
{
	return done(ftruncate(guest.mem_fd, 0));
}

static int grow(void)
{
	return done(ftruncate(guest.mem_fd, 2 * GUEST_RAM_SIZE));
}

static int protect(void)
{
	return done(mprotect(guest.ram, GUEST_RAM_SIZE, PROT_NONE));
}

static int unprotect(void)
{
	return done(mprotect(guest.ram, GUEST_RAM_SIZE, PROT_READ | PROT_WRITE));
}

static int unmap(void)
{
	return done(munmap(guest.ram, GUEST_RAM_SIZE));
}

/* Where the memory slot has it */
static int map_again(void)
{
	void *p = mmap(guest.ram, GUEST_RAM_SIZE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED_NOREPLACE, guest.mem_fd, 0);

	return done(p != guest.ram);
}

static int slot_drop(void)
{
	struct kvm_userspace_memory_region slot = {
		.userspace_addr = (unsigned long)guest.ram,
	};

	return done(ioctl(guest.vm_fd, KVM_SET_USER_MEMORY_REGION, &slot));
}

static int slot_set(void)
{
	return -guest_set_slot(&guest);
}

static int compact(void)
{
	int fd = open(COMPACT, O_WRONLY | O_CLOEXEC), n;

	if (fd < 0)
		return errno;
	n = write(fd, "1", 1);
	close(fd);
	return done(n != 1);
}

#define ANY (-1)

/* What is done, the errno that it gets, and how it is undone */
static const struct {
	const char *name;
	int (*act)(void);
	int wanted;
	int (*undo)(void);
} acts[] = {
	{ "madvise(MADV_DONTNEED)", dont_need, 0 },
	{ "madvise(MADV_PAGEOUT)", page_out, 0 },
	{ "madvise(MADV_COLLAPSE)", collapse, ANY },
	{ "madvise(MADV_REMOVE)", remove_range, EPERM },
	{ "fallocate(PUNCH_HOLE)", punch_hole, EPERM },
	{ "ftruncate to nothing", shrink, EPERM },
	{ "ftruncate to more", grow, EPERM },
	{ "mprotect(PROT_NONE)", protect, 0, unprotect },
	{ "munmap", unmap, 0, map_again },
	{ "no memory slot", slot_drop, 0, slot_set },
	{ "compaction of all memory", compact, ANY },
};

static bool moves_on(void)
{
	volatile uint64_t *counter = (volatile uint64_t *)(other + GUEST_AREA);

	return wait_change(counter, *counter, 2000) && wait_change(counter, *counter, 2000);
}

static enum ktap_result memory_kept(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(acts); i++) {
		err = acts[i].act();
		CHECK(acts[i].wanted == ANY || err == acts[i].wanted, "%s: %s", acts[i].name,
		      strerror(err));
		CHECK(moves_on(), "%s: the guest stands still", acts[i].name);
		CHECK(pattern_kept(other), "%s: its memory changed", acts[i].name);
		CHECK(!acts[i].undo || !acts[i].undo(), "%s cannot be undone: %s", acts[i].name,
		      strerror(errno));
		CHECK(pattern_kept(guest.ram), "%s: the VMM sees other memory", acts[i].name);
		CHECK(count_alive(&guest, 2000), "%s: the VMM does not see it count", acts[i].name);
	}
	return KTAP_PASS;
}

static enum ktap_result goes_on(void)
{
	close(session);
	session = -1;
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_ATTACHED, 5000), "not back in KVM");
	CHECK(count_alive(&guest, 5000), "it does not count in KVM");
	CHECK(pattern_kept(guest.ram), "its memory changed");
	CHECK(cpu_wait_online(PCPU, ONLINE_MS), "the pCPU does not return");
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	CHECK(!count_check_host_side(&guest), "registers changed");
	CHECK(!count_area(&guest)->errors, "%lu rounds with wrong registers",
	      count_area(&guest)->errors);
	munmap(other, GUEST_RAM_SIZE);
	guest_destroy(&guest);
	return KTAP_PASS;
}

/* ---- the end of the VMM ---- */

/* In a process of its own: makes the VM, preserves it in a session of its parent, and waits. */
static int vmm(int to_parent)
{
	int ok = caretaker_count_start(&guest, &runner) && !luo_preserve_guest(session, &guest) &&
		 count_alive(&guest, 2000);
	int answer = ok ? guest.mem_fd : -1;

	if (write(to_parent, &answer, sizeof(answer)) != sizeof(answer))
		return 1;
	for (;;)
		pause();
}

static volatile uint64_t *counter_of(pid_t pid, int fd)
{
	char path[64];
	void *p;
	int mem;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem < 0)
		return NULL;
	p = mmap(NULL, GUEST_RAM_SIZE, PROT_READ, MAP_SHARED, mem, 0);
	close(mem);
	return p == MAP_FAILED ? NULL : (volatile uint64_t *)((char *)p + GUEST_AREA);
}

static enum ktap_result vmm_killed(void)
{
	volatile uint64_t *counter;
	int pipes[2], mem_fd = -1;
	uint64_t last;
	pid_t pid;

	CHECK(!pipe(pipes), "no pipe");
	session = luo_session_create(luo, "killed");
	CHECK(session >= 0, "no session: %s", strerror(-session));
	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0, "no process");
	if (!pid)
		_exit(vmm(pipes[1]));
	CHECK(read(pipes[0], &mem_fd, sizeof(mem_fd)) == sizeof(mem_fd) && mem_fd >= 0,
	      "the VMM's guest is not detached");
	counter = counter_of(pid, mem_fd);
	CHECK(counter, "the guest's memory cannot be seen");
	CHECK(!kill(pid, SIGKILL) && waitpid(pid, NULL, 0) == pid, "the VMM cannot be ended");
	sleep_ms(100);
	CHECK(wait_change(counter, *counter, 2000), "the guest ended with its VMM");
	CHECK(cpu_is_online(PCPU) == 0, "the pCPU was taken from the guest");
	close(session);
	session = -1;
	CHECK(cpu_wait_online(PCPU, ONLINE_MS), "the pCPU does not return");
	last = *counter;
	sleep_ms(50);
	CHECK(*counter == last, "somebody still runs the guest");
	return KTAP_PASS;
}

static enum ktap_result next_guest(void)
{
	CHECK(caretaker_count_start(&guest, &runner), "no guest that counts");
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	guest_destroy(&guest);
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "a guest counts detached", detached, true },
		{ "calls that would change the vCPU are refused, others work", calls_refused },
		{ "nothing that a VMM does to memory reaches the guest", memory_kept, true },
		{ "after the cancel it goes on in KVM", goes_on, true },
		{ "a VMM that is killed takes nothing with it", vmm_killed },
		{ "the next guest can use the pCPU", next_guest },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 120);
}

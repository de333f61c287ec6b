// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that cannot be carried for how they were made, or for what they were given for good: each
 * is refused with the documented errno and a reason in the kernel log, and runs on in KVM.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "klog.h"
#include "ktap.h"

#define MSR_XSS		0xda0
#define MAX_VCPUS	63		/* more than that cannot be carried */
#define CPUID_LEAVES	97		/* one more than can be carried */
#define SLOT_SIZE	(2UL << 20)	/* one huge page */
#define SLOT_GPA	(1UL << 30)
#define HUGE_PAGES	"/proc/sys/vm/nr_hugepages"
#define AVIC_PARAM	"/sys/module/kvm_amd/parameters/avic"

static struct kvm_guest guest;
static struct guest_runner runner;
static int luo = -1;
static void *slot_ram = MAP_FAILED;
static int more_vcpus[MAX_VCPUS];

static int text_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

/* 0 when it cannot be read */
static char text_first(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c = 0;

	if (fd < 0 || read(fd, &c, 1) != 1)
		c = 0;
	if (fd >= 0)
		close(fd);
	return c;
}

/* What a guest is given: 0, or -1 with errno */

static int dirty_ring(struct kvm_guest *g)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_DIRTY_LOG_RING_ACQ_REL, .args[0] = 1 << 16 };

	return ioctl(g->vm_fd, KVM_ENABLE_CAP, &cap);
}

static int fast_tsc(struct kvm_guest *g)
{
	int khz = ioctl(g->vcpu_fd, KVM_GET_TSC_KHZ, 0);

	return khz < 0 ? -1 : ioctl(g->vcpu_fd, KVM_SET_TSC_KHZ, 2L * khz);
}

static int many_leaves(struct kvm_guest *g)
{
	while (g->cpuid->nent < CPUID_LEAVES) {
		g->cpuid->entries[g->cpuid->nent] = (struct kvm_cpuid_entry2){
			.function = 0x80860000 + g->cpuid->nent,
		};
		g->cpuid->nent++;
	}
	return ioctl(g->vcpu_fd, KVM_SET_CPUID2, g->cpuid);
}

/* The supervisor states that the CPU has: CPUID 0xd, 1 */
static uint64_t xss_mask(struct kvm_guest *g)
{
	unsigned int i;

	for (i = 0; i < g->cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &g->cpuid->entries[i];

		if (e->function == 0xd && e->index == 1)
			return e->ecx | (uint64_t)e->edx << 32;
	}
	return 0;
}

static int supervisor_state(struct kvm_guest *g)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} m = { .head.nmsrs = 1, .entry = { .index = MSR_XSS, .data = xss_mask(g) } };

	errno = EINVAL;
	return ioctl(g->vcpu_fd, KVM_SET_MSRS, &m) == 1 ? 0 : -1;
}

static int many_vcpus(struct kvm_guest *g)
{
	unsigned int i;

	for (i = 0; i < MAX_VCPUS; i++) {
		more_vcpus[i] = ioctl(g->vm_fd, KVM_CREATE_VCPU, i + 1);
		if (more_vcpus[i] < 0)
			return -1;
	}
	return 0;
}

static int slot_add(struct kvm_guest *g, int flags)
{
	struct kvm_userspace_memory_region slot = {
		.slot = 1, .guest_phys_addr = SLOT_GPA, .memory_size = SLOT_SIZE,
	};

	slot_ram = mmap(NULL, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
	if (slot_ram == MAP_FAILED)
		return -1;
	slot.userspace_addr = (unsigned long)slot_ram;
	return ioctl(g->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot);
}

static int private_slot(struct kvm_guest *g)
{
	return slot_add(g, MAP_PRIVATE);
}

static int huge_slot(struct kvm_guest *g)
{
	if (text_write(HUGE_PAGES, "1"))
		return -1;
	return slot_add(g, MAP_SHARED | MAP_HUGETLB);
}

static int memfd_slot(struct kvm_guest *g)
{
	struct kvm_create_guest_memfd a = { .size = SLOT_SIZE, .flags = GUEST_MEMFD_FLAG_MMAP |
						GUEST_MEMFD_FLAG_INIT_SHARED };
	struct kvm_userspace_memory_region2 slot = {
		.slot = 1, .flags = KVM_MEM_GUEST_MEMFD, .guest_phys_addr = SLOT_GPA,
		.memory_size = SLOT_SIZE,
	};
	int fd = ioctl(g->vm_fd, KVM_CREATE_GUEST_MEMFD, &a), err;

	if (fd < 0)
		return -1;
	slot_ram = mmap(NULL, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	slot.userspace_addr = (unsigned long)slot_ram;
	slot.guest_memfd = fd;
	err = slot_ram == MAP_FAILED ? -1 : ioctl(g->vm_fd, KVM_SET_USER_MEMORY_REGION2, &slot);
	close(fd);
	return err;
}

/* Why this host has no such guest, or NULL. Asked when the guest is there. */

static const char *no_supervisor_state(struct kvm_guest *g)
{
	return xss_mask(g) ? NULL : "this CPU has no supervisor XSAVE state";
}

static const char *no_avic(struct kvm_guest *g)
{
	(void)g;
	return text_first(AVIC_PARAM) == 'Y' ? NULL : "AVIC is off, or this CPU has none";
}

static const char *no_guest_memfd(struct kvm_guest *g)
{
	return ioctl(g->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_GUEST_MEMFD_FLAGS) > 0 ? NULL :
	       "this kernel has no guest_memfd that can be mapped";
}

/**
 * struct misfit - a guest that cannot be carried
 * @name:	of the case
 * @err:	errno of preserve
 * @why:	part of the text in the kernel log
 * @missing:	why this host cannot make it
 * @prepare:	what its VM gets before there is a vCPU
 * @give:	what it gets then
 * @payload:	instead of the payload core
 * @bare:	without a Caretaker
 * @leave_out:	what is not preserved, TOKEN_*
 */
struct misfit {
	const char *name;
	int err;
	const char *why;
	const char *(*missing)(struct kvm_guest *g);
	int (*prepare)(struct kvm_guest *g);
	int (*give)(struct kvm_guest *g);
	const char *payload;
	bool bare;
	int leave_out;
};

static const struct misfit misfits[] = {
	{ "a vCPU without a Caretaker", EOPNOTSUPP, "no Caretaker: install one", .bare = true },
	{ "a vCPU whose VM is not preserved", EINVAL, "its VM is not preserved",
	  .leave_out = TOKEN_VM },
	{ "a VM whose memory is not preserved", EOPNOTSUPP, "memory slot 0: error -95",
	  .leave_out = TOKEN_MEM },
	{ "a slot of private memory", EOPNOTSUPP, "memory slot 1: error -95",
	  .give = private_slot },
	{ "a slot of huge pages", EOPNOTSUPP, "memory slot 1: error -95", .give = huge_slot },
	{ "a slot of guest_memfd", EOPNOTSUPP, "memory slot 1: backed by guest_memfd",
	  .missing = no_guest_memfd, .give = memfd_slot },
	{ "a VM with 64 vCPUs", EOPNOTSUPP, "it has 64 vCPUs", .give = many_vcpus },
	{ "the dirty ring", EOPNOTSUPP, "the VM uses the dirty ring", .prepare = dirty_ring },
	{ "a TSC that is not the host's", EOPNOTSUPP, "the TSC is scaled", .give = fast_tsc },
	{ "too many CPUID leaves", EOPNOTSUPP, "more CPUID leaves", .give = many_leaves },
	{ "supervisor XSAVE state", EOPNOTSUPP, "supervisor XSAVE state is in use",
	  .missing = no_supervisor_state, .give = supervisor_state },
	{ "AVIC", EOPNOTSUPP, "AVIC is in use", .missing = no_avic },
	{ "a payload that faults at its start", EIO, "its pCPU does not take it",
	  .payload = BAD_START_PAYLOAD },
	{ "a payload that does not answer", EIO, "its pCPU does not take it",
	  .payload = DEAF_PAYLOAD },
};

/* RAM, VM and vCPU, as far as it goes; what was preserved is given back */
static int preserve(int leave_out)
{
	const struct { int token, fd; } steps[] = {
		{ TOKEN_MEM, guest.mem_fd },
		{ TOKEN_VM, guest.vm_fd },
		{ TOKEN_VCPU, guest.vcpu_fd },
	};
	int s = luo_session_create(luo, "never"), err = s < 0 ? s : 0;
	unsigned int i;

	for (i = 0; !err && i < ARRAY_SIZE(steps); i++)
		if (steps[i].token != leave_out)
			err = luo_preserve(s, steps[i].fd, steps[i].token);
	if (s >= 0)
		close(s);
	return err;
}

static enum ktap_result runs_in_kvm(const struct misfit *m)
{
	int want = m->bare ? -ENOENT : KVM_CARETAKER_ATTACHED;

	CHECK(count_alive(&guest, 2000), "the guest does not count");
	CHECK(count_command(&guest, COUNT_CPUID, 2000), "no CPUID");
	CHECK(caretaker_state(&guest) == want, "state %d", caretaker_state(&guest));
	CHECK(cpu_wait_online(PCPU, 30000), "the pCPU does not return");
	return KTAP_PASS;
}

static enum ktap_result refused(const struct misfit *m)
{
	unsigned int before = klog_count(m->why);
	int err;

	CHECK(!m->give || !m->give(&guest), "it cannot be made so: %s", strerror(errno));
	CHECK(!count_reset(&guest), "no patterns");
	CHECK(m->bare || !caretaker_install(&guest, 0), "no Caretaker");
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(runs_in_kvm(m) == KTAP_PASS, "it did not run before");
	err = preserve(m->leave_out);
	CHECK(err == -m->err, "wanted %s, got %s", strerror(m->err), strerror(-err));
	CHECK(klog_count(m->why) > before, "no new \"%s\" in the log", m->why);
	CHECK(runs_in_kvm(m) == KTAP_PASS, "it does not run on");
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	CHECK(!count_check_host_side(&guest), "registers changed");
	return KTAP_PASS;
}

static void misfit_end(void)
{
	unsigned int i;

	runner_stop(&runner);
	for (i = 0; i < MAX_VCPUS; i++) {
		if (more_vcpus[i] > 0)
			close(more_vcpus[i]);
		more_vcpus[i] = 0;
	}
	guest_destroy(&guest);
	if (slot_ram != MAP_FAILED)
		munmap(slot_ram, SLOT_SIZE);
	slot_ram = MAP_FAILED;
	text_write(HUGE_PAGES, "0");
	unsetenv("CARETAKER_PAYLOAD");
}

static enum ktap_result misfit_run(const struct misfit *m)
{
	enum ktap_result res;
	const char *missing;

	if (m->payload)
		setenv("CARETAKER_PAYLOAD", m->payload, 1);
	CHECK(!guest_create_prepared(&guest, &guest_count, m->prepare), "no guest: %s",
	      strerror(errno));
	missing = m->missing ? m->missing(&guest) : NULL;
	ktap_skip_reason("%s", missing ? missing : "");
	res = missing ? KTAP_SKIP : refused(m);
	misfit_end();
	return res;
}

/* The same steps with a guest that fits */
static enum ktap_result carried(void)
{
	int err;

	CHECK(!guest_create(&guest, &guest_count), "no guest");
	CHECK(!count_reset(&guest), "no patterns");
	CHECK(!caretaker_install(&guest, 0), "no Caretaker");
	CHECK(!runner_start(&runner, &guest), "no thread");
	err = preserve(0);
	CHECK(!err, "%s", strerror(-err));
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_ATTACHED, 5000), "not back in KVM");
	CHECK(count_alive(&guest, 2000), "the guest does not count");
	misfit_end();
	return KTAP_PASS;
}

int main(void)
{
	unsigned int i, n = ARRAY_SIZE(misfits);
	const char *missing = caretaker_missing();

	luo = luo_open();
	if (!missing && (luo < 0 || pin_to_cpu0()))
		return KTAP_EXIT_FAIL;
	ktap_plan(n + 1);
	for (i = 0; i <= n; i++) {
		enum ktap_result res = KTAP_SKIP;

		ktap_skip_reason("%s", missing ? missing : "");
		if (!missing)
			res = i < n ? misfit_run(&misfits[i]) : carried();
		ktap_result(res, "%s%s", i < n ? misfits[i].name : "a guest without all this is carried",
			    i < n ? " is refused" : "");
	}
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0
/* What a VMM does around a kexec with a running vCPU. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/reboot.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "handover.h"
#include "ktap.h"

#define MSR_TSC			0x10
#define MSR_TSC_ADJUST		0x3b

#define STATE_MAGIC	0x6574617473736d76UL
#define STATE_SIZE	((sizeof(struct handover_state) + 4095) & ~4095UL)

static int failed(const char *what)
{
	int err = errno;

	ktap_diag("%s: %s", what, strerror(err));
	return -err;
}

int state_map(int fd, struct handover_state **s)
{
	*s = mmap(NULL, STATE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return *s == MAP_FAILED ? failed("mmap of the state") : 0;
}

int state_create(struct handover_state **s)
{
	int err, fd = memfd_create("vmm-state", MFD_CLOEXEC);

	if (fd < 0)
		return failed("memfd_create");
	if (ftruncate(fd, STATE_SIZE))
		return failed("ftruncate");
	err = state_map(fd, s);
	return err ? err : fd;
}

static struct kvm_device_attr tsc_offset_attr(int64_t *offset)
{
	return (struct kvm_device_attr){
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET,
		.addr = (unsigned long)offset,
	};
}

/* These would be stale after the gap: KVM takes them over at adoption, by other means. */
static bool msr_goes_on(uint32_t msr)
{
	return msr == MSR_TSC || msr == MSR_TSC_ADJUST || msr == MSR_TSC_DEADLINE;
}

/* One at a time: not every MSR of KVM's list exists for every guest */
static int msr_each(struct kvm_guest *g, unsigned long ioc, struct kvm_msr_entry *e)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} m = { .head.nmsrs = 1, .entry = *e };
	int n = ioctl(g->vcpu_fd, ioc, &m);

	*e = m.entry;
	return n;
}

static int msrs_save(struct kvm_guest *g, struct handover_state *s)
{
	struct {
		struct kvm_msr_list head;
		uint32_t index[HANDOVER_MSRS];
	} list = { .head.nmsrs = HANDOVER_MSRS };
	unsigned int i;

	if (ioctl(g->kvm_fd, KVM_GET_MSR_INDEX_LIST, &list))
		return failed("KVM_GET_MSR_INDEX_LIST");
	for (i = 0; i < list.head.nmsrs; i++) {
		struct kvm_msr_entry *e = &s->msrs[s->nr_msrs];

		*e = (struct kvm_msr_entry){ .index = list.index[i] };
		if (!msr_goes_on(e->index) && msr_each(g, KVM_GET_MSRS, e) == 1)
			s->nr_msrs++;
	}
	return 0;
}

static void msrs_restore(struct kvm_guest *g, const struct handover_state *s)
{
	unsigned int i;

	for (i = 0; i < s->nr_msrs && i < HANDOVER_MSRS; i++) {
		struct kvm_msr_entry e = s->msrs[i];

		/* Those that KVM only reports cannot be set, and need not be */
		msr_each(g, KVM_SET_MSRS, &e);
	}
}

int state_save(struct kvm_guest *g, struct handover_state *s)
{
	struct kvm_device_attr attr = tsc_offset_attr(&s->tsc_offset);
	int khz;

	if (ioctl(g->vcpu_fd, KVM_GET_SREGS, &s->sregs) ||
	    ioctl(g->vcpu_fd, KVM_GET_DEBUGREGS, &s->debugregs) ||
	    ioctl(g->vcpu_fd, KVM_GET_LAPIC, &s->lapic) ||
	    ioctl(g->vcpu_fd, KVM_GET_VCPU_EVENTS, &s->events) ||
	    ioctl(g->vcpu_fd, KVM_GET_XCRS, &s->xcrs) ||
	    ioctl(g->vcpu_fd, KVM_GET_MP_STATE, &s->mp) ||
	    ioctl(g->vcpu_fd, KVM_GET_DEVICE_ATTR, &attr))
		return failed("saving the vCPU");
	khz = ioctl(g->vcpu_fd, KVM_GET_TSC_KHZ, 0);
	if (khz < 0)
		return failed("KVM_GET_TSC_KHZ");
	s->tsc_khz = khz;
	s->tsc_install = g->tsc_install;
	s->tsc_installed = g->tsc_installed;
	s->nr_cpuid = g->cpuid->nent;
	memcpy(s->cpuid, g->cpuid->entries, s->nr_cpuid * sizeof(s->cpuid[0]));
	s->magic = STATE_MAGIC;
	return msrs_save(g, s);
}

static int restore_cpuid(struct kvm_guest *g, const struct handover_state *s)
{
	g->cpuid = calloc(1, sizeof(*g->cpuid) + sizeof(s->cpuid));
	if (!g->cpuid)
		return failed("calloc");
	g->cpuid->nent = s->nr_cpuid;
	memcpy(g->cpuid->entries, s->cpuid, sizeof(s->cpuid));
	return guest_set_cpuid2(g);
}

int state_restore(struct kvm_guest *g, const struct handover_state *s)
{
	int64_t offset = s->tsc_offset;
	struct kvm_device_attr attr = tsc_offset_attr(&offset);
	int err;

	if (s->magic != STATE_MAGIC || s->nr_cpuid > GUEST_MAX_CPUID) {
		ktap_diag("the preserved state is damaged");
		return -EINVAL;
	}
	err = restore_cpuid(g, s);
	if (err)
		return err;
	if (ioctl(g->vcpu_fd, KVM_SET_SREGS, &s->sregs) ||
	    ioctl(g->vcpu_fd, KVM_SET_DEVICE_ATTR, &attr) ||
	    ioctl(g->vcpu_fd, KVM_SET_LAPIC, &s->lapic) ||
	    ioctl(g->vcpu_fd, KVM_SET_XCRS, &s->xcrs) ||
	    ioctl(g->vcpu_fd, KVM_SET_DEBUGREGS, &s->debugregs) ||
	    ioctl(g->vcpu_fd, KVM_SET_VCPU_EVENTS, &s->events) ||
	    ioctl(g->vcpu_fd, KVM_SET_MP_STATE, &s->mp))
		return failed("restoring the vCPU");
	msrs_restore(g, s);
	return 0;
}

static int cmdline_read(char *buf, size_t size)
{
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return failed("/proc/cmdline");
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

/* Takes out the words that set what @more sets: the line must not grow from kexec to kexec. */
static void cmdline_drop(char *line, const char *more)
{
	size_t len = strcspn(more, "=") + 1;
	char *word, *save = NULL, *to = line;

	for (word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (!strncmp(word, more, len))
			continue;
		if (to != line)
			*to++ = ' ';
		memmove(to, word, strlen(word) + 1);
		to += strlen(to);
	}
	*to = '\0';
}

int next_kernel_load(const char *kernel, const char *initrd, const char *more)
{
	char cmdline[2048], own[1024];
	int kfd, ifd, err;

	err = cmdline_read(own, sizeof(own));
	if (err)
		return err;
	cmdline_drop(own, more);
	snprintf(cmdline, sizeof(cmdline), "%s %s", own, more);
	kfd = open(kernel, O_RDONLY | O_CLOEXEC);
	if (kfd < 0)
		return failed(kernel);
	ifd = open(initrd, O_RDONLY | O_CLOEXEC);
	if (ifd < 0)
		return failed(initrd);
	if (syscall(SYS_kexec_file_load, kfd, ifd, strlen(cmdline) + 1, cmdline, 0UL))
		return failed("kexec_file_load");
	close(kfd);
	close(ifd);
	return 0;
}

int next_kernel_start(void)
{
	fflush(stdout);
	sync();
	reboot(LINUX_REBOOT_CMD_KEXEC);
	return failed("reboot into the next kernel");
}

int handover_leave(const struct ktap_case *cases, unsigned int nr, unsigned int seconds)
{
	const char *missing = caretaker_missing();
	int status;

	if (missing)
		return ktap_skip_all(cases, nr, missing);
	status = ktap_run(cases, nr, seconds);
	if (status)
		return status;
	next_kernel_start();
	return KTAP_EXIT_FAIL;
}

int retrieve_ram(int session, struct kvm_guest *g)
{
	*g = (struct kvm_guest){ .kvm_fd = -1, .vm_fd = -1, .vcpu_fd = -1, .mem_fd = -1 };
	g->mem_fd = luo_retrieve(session, TOKEN_MEM);
	if (g->mem_fd < 0) {
		ktap_diag("retrieve of the RAM: %s", strerror(-g->mem_fd));
		return g->mem_fd;
	}
	return guest_map_ram(g);
}

int retrieve_vm(int session, struct kvm_guest *g)
{
	g->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (g->kvm_fd < 0)
		return failed("/dev/kvm");
	g->vm_fd = luo_retrieve(session, TOKEN_VM);
	if (g->vm_fd < 0) {
		ktap_diag("retrieve of the VM: %s", strerror(-g->vm_fd));
		return g->vm_fd;
	}
	if (ioctl(g->vm_fd, KVM_CREATE_IRQCHIP, 0))
		return failed("KVM_CREATE_IRQCHIP");
	return guest_set_slot(g);
}

int retrieve_vcpu_at(int session, struct kvm_guest *g, const struct handover_state *s,
		     uint64_t token)
{
	int err;

	g->vcpu_fd = luo_retrieve(session, token);
	if (g->vcpu_fd < 0) {
		ktap_diag("retrieve of the vCPU: %s", strerror(-g->vcpu_fd));
		return g->vcpu_fd;
	}
	g->tsc_install = s->tsc_install;
	g->tsc_installed = s->tsc_installed;
	err = guest_map_run(g);
	return err ? err : state_restore(g, s);
}

int retrieve_vcpu(int session, struct kvm_guest *g, const struct handover_state *s)
{
	return retrieve_vcpu_at(session, g, s, TOKEN_VCPU);
}

unsigned long cmdline_number(const char *name, unsigned long otherwise)
{
	char buf[2048], *word, *save = NULL;
	size_t len = strlen(name);

	if (cmdline_read(buf, sizeof(buf)))
		return otherwise;
	for (word = strtok_r(buf, " ", &save); word; word = strtok_r(NULL, " ", &save))
		if (!strncmp(word, name, len) && word[len] == '=')
			otherwise = strtoul(word + len + 1, NULL, 0);
	return otherwise;
}

static int handover_failed(const char *what, int err)
{
	ktap_diag("%s: %s", what, strerror(-err));
	return err;
}

int handover_begin(struct handover_fds *fds, struct handover_state **s)
{
	int err;

	fds->luo = luo_open();
	if (fds->luo < 0)
		return handover_failed("/dev/liveupdate", fds->luo);
	fds->session = luo_session_create(fds->luo, HANDOVER_SESSION);
	if (fds->session < 0)
		return handover_failed("no session", fds->session);
	fds->state = state_create(s);
	if (fds->state < 0)
		return handover_failed("no memfd for the state", fds->state);
	err = luo_preserve(fds->session, fds->state, TOKEN_STATE);
	return err ? handover_failed("the state is not preserved", err) : 0;
}

int handover_retrieve(struct handover_fds *fds, struct handover_state **s, struct kvm_guest *g)
{
	int err;

	fds->luo = luo_open();
	if (fds->luo < 0)
		return handover_failed("/dev/liveupdate", fds->luo);
	fds->session = luo_session_retrieve(fds->luo, HANDOVER_SESSION);
	if (fds->session < 0)
		return handover_failed("no session", fds->session);
	fds->state = luo_retrieve(fds->session, TOKEN_STATE);
	if (fds->state < 0)
		return handover_failed("no state", fds->state);
	err = state_map(fds->state, s);
	if (err)
		return handover_failed("the state cannot be mapped", err);
	err = retrieve_ram(fds->session, g);
	return err ? handover_failed("no RAM", err) : 0;
}

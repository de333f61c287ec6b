// SPDX-License-Identifier: GPL-2.0
/* KVM_SET_CARETAKER and KVM_GET_CARETAKER, for the tests. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "ktap.h"

char caretaker_log[LOG_SIZE];

const char *caretaker_missing(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int abi;

	if (fd < 0)
		return "/dev/kvm cannot be opened";
	abi = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_CARETAKER);
	close(fd);
	if (abi <= 0)
		return "this kernel has no KVM_CAP_CARETAKER";
	if (abi != KVM_CARETAKER_ABI)
		return "this kernel speaks another KVM_CARETAKER_ABI";
	return NULL;
}

int payload_open(void)
{
	const char *path = getenv("CARETAKER_PAYLOAD");
	int fd = open(path ? path : PAYLOAD_PATH, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void caretaker_args(struct kvm_caretaker_set *a)
{
	memset(a, 0, sizeof(*a));
	a->size = sizeof(*a);
	a->payload_fd = -1;
	a->handlers_fd = -1;
	a->pcpu = PCPU;
	a->log_buf = (unsigned long)caretaker_log;
	a->log_size = sizeof(caretaker_log);
}

int caretaker_ioctl_set(struct kvm_guest *g, struct kvm_caretaker_set *a)
{
	memset(caretaker_log, 0, sizeof(caretaker_log));
	return ioctl(g->vcpu_fd, KVM_SET_CARETAKER, a) ? -errno : 0;
}

/* A later install goes on with the telemetry. */
static void note_install(struct kvm_guest *g, uint64_t start)
{
	if (g->tsc_install)
		return;
	g->tsc_install = start;
	g->tsc_installed = tsc_now();
}

int caretaker_install_at(struct kvm_guest *g, uint32_t flags, unsigned int pcpu)
{
	struct kvm_caretaker_set a;
	uint64_t start;
	int err;

	caretaker_args(&a);
	a.flags = flags;
	a.pcpu = pcpu;
	a.payload_fd = payload_open();
	if (a.payload_fd < 0) {
		ktap_diag("no payload: %s", strerror(-a.payload_fd));
		return a.payload_fd;
	}
	start = tsc_now();
	err = caretaker_ioctl_set(g, &a);
	if (err)
		ktap_diag("KVM_SET_CARETAKER: %s: %s", strerror(-err), caretaker_log);
	else
		note_install(g, start);
	close(a.payload_fd);
	return err;
}

int caretaker_install(struct kvm_guest *g, uint32_t flags)
{
	return caretaker_install_at(g, flags, PCPU);
}

int caretaker_remove(struct kvm_guest *g)
{
	struct kvm_caretaker_set a;
	int err;

	caretaker_args(&a);
	a.flags = KVM_CARETAKER_REMOVE;
	err = caretaker_ioctl_set(g, &a);
	if (!err)
		g->tsc_install = 0;
	return err;
}

static int caretaker_get(struct kvm_guest *g, uint32_t what, void *buf, size_t len)
{
	struct kvm_caretaker_get a = {
		.size = sizeof(a), .what = what, .buf = (unsigned long)buf, .len = len,
	};

	if (ioctl(g->vcpu_fd, KVM_GET_CARETAKER, &a))
		return -errno;
	return a.len == len ? 0 : -EMSGSIZE;
}

int caretaker_info(struct kvm_guest *g, struct kvm_caretaker_info *info)
{
	return caretaker_get(g, KVM_CARETAKER_GET_INFO, info, sizeof(*info));
}

int caretaker_state(struct kvm_guest *g)
{
	struct kvm_caretaker_info info;
	int err = caretaker_info(g, &info);

	return err ? err : (int)info.state;
}

bool caretaker_wait_state(struct kvm_guest *g, int state, unsigned int ms)
{
	int now;

	while ((now = caretaker_state(g)) != state) {
		if (now < 0 || !ms--) {
			ktap_diag("the Caretaker is in state %d, wanted %d", now, state);
			return false;
		}
		sleep_ms(1);
	}
	return true;
}

int caretaker_telemetry(struct kvm_guest *g, struct kvm_caretaker_telemetry *t)
{
	return caretaker_get(g, KVM_CARETAKER_GET_TELEMETRY, t, sizeof(*t));
}

uint64_t telemetry_sum(const struct kvm_caretaker_telemetry *t, unsigned int reason)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < KVM_CARETAKER_NR_SERVERS; i++)
		sum += kvm_caretaker_exits(t, reason, i);
	return sum;
}

int cpu_is_online(unsigned int cpu)
{
	char path[64], c = 0;
	int fd;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (read(fd, &c, 1) != 1)
		c = 0;
	close(fd);
	return c == '1';
}

bool cpu_wait_online(unsigned int cpu, unsigned int ms)
{
	for (; cpu_is_online(cpu) != 1; ms--) {
		if (!ms) {
			ktap_diag("CPU %u is not online", cpu);
			return false;
		}
		sleep_ms(1);
	}
	return true;
}

int pin_to_cpu0(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

bool caretaker_count_start(struct kvm_guest *g, struct guest_runner *r)
{
	const char *wrong = NULL;

	if (pin_to_cpu0())
		wrong = "cannot stay on CPU 0";
	else if (guest_create(g, &guest_count))
		wrong = "no guest";
	else if (count_reset(g))
		wrong = "no patterns";
	else if (caretaker_install(g, 0))
		wrong = "no Caretaker";
	else if (runner_start(r, g))
		wrong = "no thread";
	else if (!count_alive(g, 5000))
		wrong = "the guest does not count";
	if (wrong)
		ktap_diag("%s", wrong);
	return !wrong;
}

int cap_sys_admin(bool on)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d))
		return -errno;
	if (on)
		d[0].effective |= 1U << CAP_SYS_ADMIN;
	else
		d[0].effective &= ~(1U << CAP_SYS_ADMIN);
	return syscall(SYS_capset, &h, d) ? -errno : 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_SET_CARETAKER and KVM_GET_CARETAKER refuse what makes no sense with the documented errno,
 * say why, and leave the vCPU as it was: it still runs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "guest_script.h"
#include "ktap.h"

static struct kvm_guest guest;

/* What is passed as a file descriptor */
enum fd_kind {
	FD_NONE,	/* -1 */
	FD_PAYLOAD,	/* the payload core */
	FD_CLOSED,	/* a number that is not open */
	FD_NEGATIVE,	/* -2 */
	FD_DIR,
	FD_PIPE,
	FD_DEVICE,	/* /dev/zero */
	FD_KVM,		/* the VM */
	FD_TEXT,	/* a regular file without an ELF header */
	FD_EMPTY,	/* an empty regular file */
	FD_WRITE_ONLY,	/* the payload, open for writing alone */
	FD_WRITABLE,	/* a payload that someone could still write to */
	FD_ARRAY_MAP,	/* a BPF map that is no struct_ops */
};

static int memfd_of(const void *data, size_t len)
{
	char path[64];
	int rw, ro;

	rw = memfd_create("file", MFD_CLOEXEC);
	if (rw < 0 || write(rw, data, len) != (ssize_t)len)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", rw);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	close(rw);
	return ro;
}

/* A copy of the payload that this process could write to */
static int payload_copy(int flags)
{
	static const char path[] = "/tmp/payload-copy";
	static char buf[256 * 1024];
	int fd = payload_open(), copy;
	ssize_t n = read(fd, buf, sizeof(buf));

	close(fd);
	copy = open(path, O_CREAT | O_TRUNC | O_CLOEXEC | flags, 0600);
	unlink(path);
	return copy >= 0 && write(copy, buf, n) == n ? copy : -1;
}

static int array_map(void)
{
	union bpf_attr attr = {};

	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = 8;
	attr.max_entries = 1;
	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int fd_make(enum fd_kind kind)
{
	int p[2];

	switch (kind) {
	case FD_NONE:
		return -1;
	case FD_PAYLOAD:
		return payload_open();
	case FD_CLOSED:
		return 999;
	case FD_NEGATIVE:
		return -2;
	case FD_DIR:
		return open("/", O_RDONLY | O_CLOEXEC);
	case FD_PIPE:
		if (pipe2(p, O_CLOEXEC))
			return -1;
		close(p[1]);
		return p[0];
	case FD_DEVICE:
		return open("/dev/zero", O_RDONLY | O_CLOEXEC);
	case FD_KVM:
		return dup(guest.vm_fd);
	case FD_TEXT:
		return memfd_of("#!/bin/sh\n", 10);
	case FD_EMPTY:
		return memfd_of("", 0);
	case FD_WRITE_ONLY:
		return payload_copy(O_WRONLY);
	case FD_WRITABLE:
		return payload_copy(O_RDWR);
	case FD_ARRAY_MAP:
		return array_map();
	}
	return -1;
}

/* One refused call. Zero in size and pcpu stands for the right value; + marks where it matters */
struct misuse {
	const char *name;
	int err;
	enum fd_kind payload;
	enum fd_kind handlers;
	uint32_t flags;
	uint32_t size;
	int64_t pcpu;
	uint64_t reserved;
	uint32_t log_size;
	bool err_without_log;	/* the refusal comes before there is a log */
};

#define SIZE	((uint32_t)sizeof(struct kvm_caretaker_set))

static const struct misuse misuses[] = {
	{ "no payload", EBADF, FD_NONE },
	{ "a payload that is not open", EBADF, FD_CLOSED },
	{ "a negative payload descriptor", EBADF, FD_NEGATIVE },
	{ "a directory as payload", EINVAL, FD_DIR },
	{ "a pipe as payload", EINVAL, FD_PIPE },
	{ "a device as payload", EINVAL, FD_DEVICE },
	{ "a VM as payload", EINVAL, FD_KVM },
	{ "a script as payload", ENOEXEC, FD_TEXT },
	{ "an empty file as payload", EINVAL, FD_EMPTY },
	{ "a payload open for writing alone", EBADF, FD_WRITE_ONLY },
	{ "a payload that can still be written", ETXTBSY, FD_WRITABLE },
	{ "handlers that are not open", EBADF, FD_PAYLOAD, FD_CLOSED },
	{ "a file as handlers", EINVAL, FD_PAYLOAD, FD_PAYLOAD },
	{ "an array map as handlers", EINVAL, FD_PAYLOAD, FD_ARRAY_MAP },
	{ "the boot CPU as pCPU", ENODEV, FD_PAYLOAD, .pcpu = -1 },
	{ "a pCPU that does not exist", ENODEV, FD_PAYLOAD, .pcpu = 9999 },
	{ "pCPU 2^31", ENODEV, FD_PAYLOAD, .pcpu = 1L << 31 },
	{ "pCPU 2^32 - 1", ENODEV, FD_PAYLOAD, .pcpu = 0xffffffff },
	{ "an unknown flag", EINVAL, FD_PAYLOAD, .flags = 1 << 3 },
	{ "flag 31", EINVAL, FD_PAYLOAD, .flags = 1U << 31 },
	{ "all flags", EINVAL, FD_PAYLOAD, .flags = KVM_CARETAKER_SET_FLAGS },
	{ "remove and handlers only", EINVAL, FD_NONE,
	  .flags = KVM_CARETAKER_REMOVE | KVM_CARETAKER_HANDLERS_ONLY },
	{ "remove with a payload", EINVAL, FD_PAYLOAD, .flags = KVM_CARETAKER_REMOVE },
	{ "handlers only with a payload", EINVAL, FD_PAYLOAD,
	  .flags = KVM_CARETAKER_HANDLERS_ONLY },
	{ "a reserved field", EINVAL, FD_PAYLOAD, .reserved = 1 },
	{ "the highest bit of a reserved field", EINVAL, FD_PAYLOAD, .reserved = 1UL << 63 },
	{ "a struct of one word", EINVAL, FD_PAYLOAD, .size = 4, .err_without_log = true },
	{ "a struct cut in the middle", EINVAL, FD_PAYLOAD, .size = 24, .err_without_log = true },
	{ "a struct of 4 GiB", E2BIG, FD_PAYLOAD, .size = 0xffffffff, .err_without_log = true },
	{ "a log of 4 GiB", EINVAL, FD_PAYLOAD, .log_size = 0xffffffff, .err_without_log = true },
};

static void misuse_args(const struct misuse *m, struct kvm_caretaker_set *a)
{
	caretaker_args(a);
	a->payload_fd = fd_make(m->payload);
	a->handlers_fd = fd_make(m->handlers);
	a->flags = m->flags;
	if (m->size)
		a->size = m->size;
	if (m->pcpu)
		a->pcpu = m->pcpu < 0 ? 0 : m->pcpu;
	if (m->log_size)
		a->log_size = m->log_size;
	a->reserved = m->reserved;
}

static void misuse_close(const struct kvm_caretaker_set *a)
{
	if (a->payload_fd >= 0 && a->payload_fd != 999)
		close(a->payload_fd);
	if (a->handlers_fd >= 0 && a->handlers_fd != 999)
		close(a->handlers_fd);
}

static bool not_installed(void)
{
	int state = caretaker_state(&guest);

	return state == -ENOENT || state == KVM_CARETAKER_EMPTY;
}

static enum ktap_result misuse_refused(const struct misuse *m)
{
	struct kvm_caretaker_set a;
	int before, err;

	before = caretaker_state(&guest);
	misuse_args(m, &a);
	err = caretaker_ioctl_set(&guest, &a);
	misuse_close(&a);
	CHECK(err == -m->err, "wanted %s, got %s (%s)", strerror(m->err), strerror(-err),
	      caretaker_log);
	CHECK(m->err_without_log || caretaker_log[0], "no text that explains it");
	CHECK(not_installed() || caretaker_state(&guest) == before, "something was installed");
	CHECK(!script_still_runs(&guest), "the vCPU does not run any more");
	return KTAP_PASS;
}

static enum ktap_result nothing_to_remove(void)
{
	CHECK(caretaker_remove(&guest) == -ENOENT, "not refused with ENOENT");
	CHECK(!script_still_runs(&guest), "the vCPU does not run any more");
	return KTAP_PASS;
}

static enum ktap_result nothing_to_handle(void)
{
	struct kvm_caretaker_set a;
	int err;

	caretaker_args(&a);
	a.flags = KVM_CARETAKER_HANDLERS_ONLY;
	err = caretaker_ioctl_set(&guest, &a);
	CHECK(err == -ENOENT, "got %s", strerror(-err));
	CHECK(!script_still_runs(&guest), "the vCPU does not run any more");
	return KTAP_PASS;
}

static int set_at(void *arg)
{
	return ioctl(guest.vcpu_fd, KVM_SET_CARETAKER, arg) ? -errno : 0;
}

static enum ktap_result bad_pointers(void)
{
	long page = sysconf(_SC_PAGESIZE);
	struct kvm_caretaker_set a;
	char *two;
	int err;

	two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(two != MAP_FAILED, "no memory");
	munmap(two + page, page);
	caretaker_args(&a);
	a.payload_fd = payload_open();
	CHECK(set_at(NULL) == -EFAULT, "NULL");
	CHECK(set_at(two + page) == -EFAULT, "an address that is not mapped");
	CHECK(set_at((void *)~0xfffUL) == -EFAULT, "a kernel address");
	memcpy(two + page - 32, &a, 32);
	CHECK(set_at(two + page - 32) == -EFAULT, "a struct that reaches into a hole");
	memcpy(two, &a, sizeof(a));
	mprotect(two, page, PROT_READ);
	err = set_at(two);
	CHECK(err == -EFAULT, "a struct that cannot be written: %s", strerror(-err));
	CHECK(not_installed(), "a struct that cannot be written: installed all the same");
	a.log_buf = (unsigned long)two;
	err = caretaker_ioctl_set(&guest, &a);
	CHECK(err == -EFAULT, "a log that cannot be written: %s", strerror(-err));
	CHECK(not_installed(), "a log that cannot be written: installed all the same");
	close(a.payload_fd);
	munmap(two, page);
	CHECK(!script_still_runs(&guest), "the vCPU does not run any more");
	return KTAP_PASS;
}

/* A VMM built with a later header: accepted as long as it asks for nothing new */
static enum ktap_result later_struct(void)
{
	struct {
		struct kvm_caretaker_set a;
		uint64_t more[2];
	} s = {};
	int err;

	caretaker_args(&s.a);
	s.a.size = sizeof(s);
	s.a.payload_fd = payload_open();
	s.more[1] = 1;
	err = set_at(&s);
	CHECK(err == -E2BIG, "with a field that is not zero: %s", strerror(-err));
	CHECK(not_installed(), "installed all the same");
	s.more[1] = 0;
	err = set_at(&s);
	CHECK(!err, "with zeros: %s: %s", strerror(-err), caretaker_log);
	CHECK(!script_still_runs(&guest), "the vCPU does not run any more");
	CHECK(!caretaker_remove(&guest), "no remove");
	close(s.a.payload_fd);
	return KTAP_PASS;
}

static enum ktap_result unprivileged(void)
{
	struct kvm_caretaker_set a;
	int err;

	caretaker_args(&a);
	a.payload_fd = payload_open();
	CHECK(!cap_sys_admin(false), "the capability could not be dropped");
	err = caretaker_ioctl_set(&guest, &a);
	CHECK(!cap_sys_admin(true), "the capability could not be taken back");
	CHECK(err == -EPERM, "got %s", strerror(-err));
	CHECK(not_installed(), "installed all the same");
	close(a.payload_fd);
	CHECK(!script_still_runs(&guest), "the vCPU does not run any more");
	return KTAP_PASS;
}

static enum ktap_result small_log(void)
{
	static char log[64];
	struct kvm_caretaker_set a;

	memset(log, 0x7e, sizeof(log));
	caretaker_args(&a);
	a.payload_fd = fd_make(FD_TEXT);
	a.log_buf = (unsigned long)log;
	a.log_size = 8;
	CHECK(set_at(&a) == -ENOEXEC, "not refused");
	close(a.payload_fd);
	CHECK(memchr(log, 0, 8), "the text does not end in the buffer");
	CHECK(log[8] == 0x7e, "written beyond the buffer");
	return KTAP_PASS;
}

static enum ktap_result other_files(void)
{
	struct kvm_caretaker_set a;

	caretaker_args(&a);
	CHECK(ioctl(guest.vm_fd, KVM_SET_CARETAKER, &a) && errno == ENOTTY, "on a VM: %s",
	      strerror(errno));
	/* KVM's own answer to an ioctl that /dev/kvm does not know */
	CHECK(ioctl(guest.kvm_fd, KVM_SET_CARETAKER, &a) && errno == EINVAL, "on /dev/kvm: %s",
	      strerror(errno));
	return KTAP_PASS;
}

static enum ktap_result pcpu_of_another(void)
{
	struct kvm_caretaker_set a;
	struct kvm_guest other;
	int err;

	CHECK(!guest_create(&other, &guest_script), "no second guest");
	CHECK(!caretaker_install(&other, 0), "no Caretaker for the second guest");
	caretaker_args(&a);
	a.payload_fd = payload_open();
	err = caretaker_ioctl_set(&guest, &a);
	CHECK(err == -EBUSY, "while it belongs to another vCPU: %s", strerror(-err));
	CHECK(!script_still_runs(&guest) && !script_still_runs(&other), "a vCPU stands");
	guest_destroy(&other);
	err = caretaker_ioctl_set(&guest, &a);
	CHECK(!err, "after the other vCPU is gone: %s: %s", strerror(-err), caretaker_log);
	close(a.payload_fd);
	CHECK(!script_still_runs(&guest), "the vCPU does not run any more");
	CHECK(!caretaker_remove(&guest), "no remove");
	return KTAP_PASS;
}

/* The whole table again on a vCPU with a Caretaker: it stays, and so does its generation. */
static enum ktap_result misuse_of_installed(void)
{
	struct kvm_caretaker_info before, after;
	struct kvm_caretaker_set a;
	unsigned int i;
	int err;

	CHECK(!caretaker_install(&guest, 0), "no Caretaker");
	CHECK(!caretaker_info(&guest, &before), "no information");
	for (i = 0; i < ARRAY_SIZE(misuses); i++) {
		misuse_args(&misuses[i], &a);
		err = caretaker_ioctl_set(&guest, &a);
		misuse_close(&a);
		CHECK(err == -misuses[i].err, "%s: wanted %s, got %s (%s)", misuses[i].name,
		      strerror(misuses[i].err), strerror(-err), caretaker_log);
	}
	CHECK(!caretaker_info(&guest, &after), "no information");
	CHECK(!memcmp(&before, &after, sizeof(after)),
	      "state %u, generation %u, pCPU %u became %u, %u, %u", before.state,
	      before.generation, before.pcpu, after.state, after.generation, after.pcpu);
	CHECK(!script_still_runs(&guest), "the vCPU does not run any more");
	CHECK(!caretaker_remove(&guest), "no remove");
	return KTAP_PASS;
}

static int get(uint32_t size, uint32_t what, uint64_t offset, void *buf, uint64_t *len)
{
	struct kvm_caretaker_get a = {
		.size = size, .what = what, .offset = offset, .buf = (unsigned long)buf,
		.len = *len,
	};
	int err = ioctl(guest.vcpu_fd, KVM_GET_CARETAKER, &a) ? -errno : 0;

	*len = a.len;
	return err;
}

static enum ktap_result get_misuse(void)
{
	static struct kvm_caretaker_telemetry all, part;
	uint32_t size = sizeof(struct kvm_caretaker_get);
	uint64_t len = sizeof(all);

	CHECK(!caretaker_install(&guest, 0), "no Caretaker");
	CHECK(get(size, 99, 0, &all, &len) == -EINVAL, "an object that does not exist");
	CHECK(get(4, KVM_CARETAKER_GET_INFO, 0, &all, &len) == -EINVAL, "a small struct");
	CHECK(get(size, KVM_CARETAKER_GET_TELEMETRY, ~0UL, &all, &len) == -EINVAL, "a wrap");
	CHECK(get(size, KVM_CARETAKER_GET_TELEMETRY, 0, NULL, &len) == -EFAULT, "NULL");
	CHECK(ioctl(guest.vcpu_fd, KVM_GET_CARETAKER, NULL) && errno == EFAULT, "no struct");
	CHECK(!get(size, KVM_CARETAKER_GET_TELEMETRY, 0, &all, &len) && len == sizeof(all),
	      "the whole: %lu bytes", len);
	len = 100;
	CHECK(!get(size, KVM_CARETAKER_GET_TELEMETRY, 8, &part, &len) && len == 100,
	      "a part: %lu bytes", len);
	CHECK(!memcmp((char *)&all + 8, &part, 100), "a part differs from the whole");
	len = 100;
	CHECK(!get(size, KVM_CARETAKER_GET_TELEMETRY, sizeof(all) - 4, &part, &len) && len == 4,
	      "over the end: %lu bytes", len);
	len = 100;
	CHECK(!get(size, KVM_CARETAKER_GET_TELEMETRY, sizeof(all) + 1, &part, &len) && !len,
	      "beyond the end: %lu bytes", len);
	CHECK(!caretaker_remove(&guest), "no remove");
	len = sizeof(all);
	CHECK(get(size, KVM_CARETAKER_GET_TELEMETRY, 0, &all, &len) == -ENOENT, "after remove");
	return KTAP_PASS;
}

static const struct ktap_case more[] = {
	{ "remove without a Caretaker is refused", nothing_to_remove },
	{ "handlers only without a Caretaker is refused", nothing_to_handle },
	{ "bad user pointers are refused", bad_pointers },
	{ "a later struct is taken if what it adds is zero", later_struct },
	{ "a caller without CAP_SYS_ADMIN is refused", unprivileged },
	{ "a small log buffer is not overrun", small_log },
	{ "VM and /dev/kvm do not know the ioctl", other_files },
	{ "the pCPU of another vCPU is refused", pcpu_of_another },
	{ "misuse leaves an installed Caretaker alone", misuse_of_installed },
	{ "misuse of KVM_GET_CARETAKER is refused", get_misuse },
};

int main(void)
{
	const char *missing = caretaker_missing();
	unsigned int i, n = ARRAY_SIZE(misuses);

	ktap_plan(n + ARRAY_SIZE(more));
	if (!missing && guest_create(&guest, &guest_script))
		return KTAP_EXIT_FAIL;
	for (i = 0; i < n; i++) {
		ktap_skip_reason("%s", missing ? missing : "");
		ktap_result(missing ? KTAP_SKIP : misuse_refused(&misuses[i]), "%s is refused",
			    misuses[i].name);
	}
	for (i = 0; i < ARRAY_SIZE(more); i++) {
		ktap_skip_reason("%s", missing ? missing : "");
		ktap_result(missing ? KTAP_SKIP : more[i].run(), "%s", more[i].name);
	}
	return ktap_finish();
}

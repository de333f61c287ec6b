// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The VM: guest memory, interrupt controllers, and the Caretaker on its vCPU.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "cvmm.h"

#define TSS_ADDRESS	0xfffbd000UL

/**
 * vm_open() - open /dev/kvm and check what is needed
 * @vm: VM to fill
 *
 * Return: 0 or a negative errno; the reason is on stderr.
 */
int vm_open(struct vm *vm)
{
	static const struct { int cap; const char *name; } need[] = {
		{ KVM_CAP_IRQCHIP, "in-kernel irqchip" },
		{ KVM_CAP_PIT2, "in-kernel PIT" },
		{ KVM_CAP_USER_MEMORY, "user memory" },
		{ KVM_CAP_IMMEDIATE_EXIT, "immediate exit" },
		{ KVM_CAP_ADJUST_CLOCK, "clock adjustment" },
		{ KVM_CAP_GET_TSC_KHZ, "TSC frequency" },
	};
	size_t i;

	vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0) {
		int e = errno;

		err("/dev/kvm: open: %s: is KVM there, and may this user use it?", strerror(e));
		return -e;
	}
	for (i = 0; i < sizeof(need) / sizeof(need[0]); i++) {
		if (ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, need[i].cap) <= 0) {
			err("/dev/kvm: no %s (capability %d): this host's KVM is too old",
			    need[i].name, need[i].cap);
			return -EOPNOTSUPP;
		}
	}
	return 0;
}

/**
 * vm_create() - a new VM
 * @vm: opened
 *
 * Return: 0 or a negative errno.
 */
int vm_create(struct vm *vm)
{
	vm->fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	if (vm->fd < 0) {
		err("VM: create: %s", strerror(errno));
		return -EIO;
	}
	return 0;
}

/**
 * vm_ram_create() - guest memory as a memfd, which live update can preserve
 * @vm: VM
 * @size: bytes, a multiple of 2 MiB
 *
 * Return: 0 or a negative errno.
 */
int vm_ram_create(struct vm *vm, uint64_t size)
{
	vm->ram_size = size;
	vm->ram_fd = memfd_create("cvmm-ram", MFD_CLOEXEC);
	if (vm->ram_fd < 0 || ftruncate(vm->ram_fd, size)) {
		err("guest memory: %llu MiB: %s", (unsigned long long)size >> 20, strerror(errno));
		return -ENOMEM;
	}
	return vm_ram_map(vm);
}

/**
 * vm_ram_map() - map guest memory shared: private pages would not be preserved
 * @vm: VM with @ram_fd and @ram_size
 *
 * Return: 0 or a negative errno.
 */
int vm_ram_map(struct vm *vm)
{
	void *p = mmap(NULL, vm->ram_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->ram_fd, 0);

	if (p == MAP_FAILED) {
		err("guest memory: map: %s", strerror(errno));
		return -ENOMEM;
	}
	vm->ram = p;
	return 0;
}

/**
 * vm_mailbox() - the page that guest workload and VMM share
 * @vm: VM with mapped memory
 *
 * Return: its address in this process.
 */
struct mailbox *vm_mailbox(struct vm *vm)
{
	return (void *)(vm->ram + vm->ram_size - MAILBOX_BYTES);
}

/**
 * vm_setup() - interrupt controllers, timer and memory slots, for a new or a retrieved VM
 * @vm: VM with mapped memory
 *
 * Return: 0 or a negative errno; the reason is on stderr.
 */
int vm_setup(struct vm *vm)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct kvm_userspace_memory_region slot = {
		.memory_size = vm->ram_size,
		.userspace_addr = (uintptr_t)vm->ram,
	};
	const char *what;

	what = "TSS address";
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDRESS) < 0)
		goto err;
	what = "create irqchip";
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP) < 0 && !(vm->resumed && errno == EEXIST))
		goto err;
	what = "create PIT";
	if (ioctl(vm->fd, KVM_CREATE_PIT2, &pit) < 0 && !(vm->resumed && errno == EEXIST))
		goto err;
	what = "memory slot";
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		goto err;
	return 0;
err:
	err("VM: %s: %s", what, strerror(errno));
	return -EIO;
}

static int payload_open(const char *path, char *why, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		snprintf(why, size, "payload %s: open: %s", path, strerror(errno));
		return -ENOENT;
	}
	return fd;
}

static int handlers_load(const char *path, struct caretaker_handlers **h, char *why, size_t size)
{
	static char log[16384];
	int ret;

	*h = NULL;
	if (!path)
		return 0;
	ret = caretaker_handlers_load(path, h, log, sizeof(log));
	if (ret) {
		snprintf(why, size, "handlers %s: load: %s: %.900s", path, strerror(-ret), log);
		return ret;
	}
	ret = caretaker_handlers_attach(*h);
	if (!ret)
		return 0;
	snprintf(why, size, "handlers %s: register: %s", path, strerror(-ret));
	caretaker_handlers_free(*h);
	*h = NULL;
	return ret;
}

static int pcpu_number(const struct options *opt)
{
	return opt->pcpu >= 0 ? opt->pcpu : sysconf(_SC_NPROCESSORS_CONF) - 1;
}

static int support_check(struct vm *vm, char *why, size_t size)
{
	int abi = caretaker_probe(vm->fd);

	if (abi == KVM_CARETAKER_ABI)
		return 0;
	if (abi > 0)
		snprintf(why, size, "KVM speaks Caretaker ABI %d, cvmm %d: use this kernel's cvmm",
			 abi, KVM_CARETAKER_ABI);
	else
		snprintf(why, size, "this kernel has no Caretaker support: use --no-caretaker");
	return -EOPNOTSUPP;
}

/**
 * vm_update() - install or replace payload and handlers
 * @vm: VM with a vCPU
 * @payload: ELF file; NULL keeps the payload and replaces the handlers alone
 * @handlers: BPF object, NULL for no handlers
 * @why: buffer for the reason of a failure
 * @size: its size
 *
 * Return: 0 or a negative errno; then nothing has changed.
 */
int vm_update(struct vm *vm, const char *payload, const char *handlers, char *why, size_t size)
{
	static char log[8192];
	struct caretaker_handlers *h = NULL;
	struct caretaker_opts o = {
		.size = sizeof(o),
		.flags = vm->opt->isolate ? KVM_CARETAKER_ISOLATE : 0,
		.payload_fd = -1,
		.handlers_fd = -1,
		.pcpu = pcpu_number(vm->opt),
		.log = log,
		.log_size = sizeof(log),
	};
	int ret = support_check(vm, why, size);

	if (!ret)
		ret = handlers_load(handlers, &h, why, size);
	if (ret)
		return ret;
	if (h)
		o.handlers_fd = caretaker_handlers_fd(h);
	if (payload) {
		o.payload_fd = payload_open(payload, why, size);
		if (o.payload_fd < 0) {
			ret = o.payload_fd;
			goto err_free_handlers;
		}
		ret = caretaker_install(vm->vcpu.fd, &o);
		close(o.payload_fd);
	} else {
		ret = caretaker_update_handlers(vm->vcpu.fd, &o);
	}
	if (ret) {
		snprintf(why, size, "Caretaker: install on pCPU %u: %s%s%.900s", o.pcpu,
			 caretaker_strerror(ret), log[0] ? ": " : "", log);
		goto err_free_handlers;
	}
	caretaker_handlers_free(vm->handlers);
	vm->handlers = h;
	vm->replay_next = 0;	/* a new set counts from the start */
	vm->caretaker = true;
	return 0;

err_free_handlers:
	caretaker_handlers_free(h);
	return ret;
}

/**
 * vm_install() - install what the command line names
 * @vm: VM with a vCPU
 * @why: buffer for the reason of a failure
 * @size: its size
 *
 * Return: 0 or a negative errno.
 */
int vm_install(struct vm *vm, char *why, size_t size)
{
	if (!vm->opt->payload)
		return 0;
	return vm_update(vm, vm->opt->payload, vm->opt->handlers, why, size);
}

static void fd_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

/**
 * vm_close() - free everything; closing an unfinished session is a cancel
 * @vm: VM whose vCPU thread has ended
 */
void vm_close(struct vm *vm)
{
	caretaker_session_close(vm->session);
	caretaker_handlers_free(vm->handlers);
	if (vm->vcpu.run)
		munmap(vm->vcpu.run, vm->vcpu.run_size);
	fd_close(vm->vcpu.fd);
	fd_close(vm->vcpu.end_fd);
	fd_close(vm->fd);
	fd_close(vm->kvm_fd);
	if (vm->ram)
		munmap(vm->ram, vm->ram_size);
	if (vm->state)
		munmap(vm->state, STATE_BYTES);
	fd_close(vm->ram_fd);
	fd_close(vm->state_fd);
	if (vm->serial.console > STDERR_FILENO)
		close(vm->serial.console);
}

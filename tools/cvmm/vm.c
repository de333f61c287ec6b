// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The VM: guest memory and interrupt controllers.
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

/**
 * vm_bells() - the doorbells of the command line
 * @vm: new or retrieved VM
 *
 * Return: 0 or a negative errno; the reason is on stderr.
 */
int vm_bells(struct vm *vm)
{
	const struct bells *b = &vm->opt->bells;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < b->nr && !ret; i++)
		ret = bells_add(&vm->bells, b->bell[i].port, b->bell[i].len);
	if (!ret)
		ret = bells_listen(&vm->bells, vm->fd);
	if (ret)
		err("VM: doorbells: %s", strerror(-ret));
	return ret;
}

static void fd_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

/**
 * vm_close() - free everything; closing an unfinished session is a cancel
 * @vm: VM whose vCPU threads have ended
 */
void vm_close(struct vm *vm)
{
	unsigned int i;

	caretaker_session_close(vm->session);
	caretaker_handlers_free(vm->handlers);
	for (i = 0; i < vm->nr_vcpus; i++) {
		if (vm->vcpu[i].run)
			munmap(vm->vcpu[i].run, vm->vcpu[i].run_size);
		fd_close(vm->vcpu[i].fd);
	}
	bells_close(&vm->bells);
	fd_close(vm->end_fd);
	fd_close(vm->fd);
	fd_close(vm->kvm_fd);
	if (vm->ram)
		munmap(vm->ram, vm->ram_size);
	state_unmap(vm);
	fd_close(vm->ram_fd);
	fd_close(vm->state_fd);
	if (vm->serial.console > STDERR_FILENO)
		close(vm->serial.console);
}

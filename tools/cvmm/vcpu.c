// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * A vCPU: creation, first registers, and its exits to user space.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "cvmm.h"

#define MSR_MTRR_DEF_TYPE	0x2ff
#define APIC_BASE_X2APIC	(1ULL << 10)

/**
 * vcpu_create() - create a vCPU of a new VM
 * @v: vCPU of a VM with irqchip
 *
 * All vCPUs get the TSC offset of the first one, to the last bit.
 *
 * Return: 0 or a negative errno.
 */
int vcpu_create(struct vcpu *v)
{
	uint64_t offset;
	int ret;

	v->fd = ioctl(v->vm->fd, KVM_CREATE_VCPU, v->id);
	if (v->fd < 0) {
		err("vCPU %u: create: %s", v->id, strerror(errno));
		return -EIO;
	}
	ret = vcpu_setup(v);
	if (ret)
		return ret;
	if (!v->id)
		return vcpu_tsc_offset(v, KVM_GET_DEVICE_ATTR, &offset);
	offset = v->vm->vcpu[0].tsc_offset;
	return vcpu_tsc_offset(v, KVM_SET_DEVICE_ATTR, &offset);
}

/**
 * vcpu_setup() - map the run page of a new or a retrieved vCPU
 * @v: vCPU with a descriptor
 *
 * Return: 0 or a negative errno.
 */
int vcpu_setup(struct vcpu *v)
{
	int size = ioctl(v->vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	void *p;

	p = size < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (p == MAP_FAILED) {
		err("vCPU %u: map the run page: %s", v->id, strerror(errno));
		return -EIO;
	}
	v->run = p;
	v->run_size = size;
	v->tsc_khz = ioctl(v->fd, KVM_GET_TSC_KHZ, 0);
	return 0;
}

/**
 * vcpu_tsc_offset() - get or set guest TSC minus host TSC
 * @v: vCPU
 * @req: KVM_GET_DEVICE_ATTR or KVM_SET_DEVICE_ATTR
 * @offset: the value
 *
 * Return: 0 or a negative errno.
 */
int vcpu_tsc_offset(struct vcpu *v, unsigned long req, uint64_t *offset)
{
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)offset,
	};

	if (ioctl(v->fd, req, &attr) >= 0) {
		v->tsc_offset = *offset;
		return 0;
	}
	err("vCPU %u: TSC offset: %s", v->id, strerror(errno));
	return -EIO;
}

static int msr_set(struct vcpu *v, uint32_t index, uint64_t value)
{
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e;
	} m = { .h.nmsrs = 1, .e = { .index = index, .data = value } };

	if (ioctl(v->fd, KVM_SET_MSRS, &m) != 1) {
		err("vCPU %u: MSR %#x = %#llx: refused", v->id, index, (unsigned long long)value);
		return -EIO;
	}
	return 0;
}

/* The others wait for INIT and SIPI in KVM. */
static int boot_registers(struct vcpu *v, struct kvm_sregs *sregs)
{
	struct kvm_regs regs;

	boot_sregs(sregs);
	boot_regs(&regs);
	return ioctl(v->fd, KVM_SET_REGS, &regs);
}

/**
 * vcpu_boot() - CPUID and registers for the first instruction of a kernel
 * @v: vCPU of a VM with a loaded kernel
 *
 * Return: 0 or a negative errno.
 */
int vcpu_boot(struct vcpu *v)
{
	struct kvm_cpuid2 *cpuid;
	struct kvm_sregs sregs;
	int ret = cpuid_make(v->vm, v->id, &cpuid);

	if (ret)
		return ret;
	ret = ioctl(v->fd, KVM_SET_CPUID2, cpuid);
	free(cpuid);
	if (ret < 0 || ioctl(v->fd, KVM_GET_SREGS, &sregs) < 0)
		goto err;
	if (!v->id && boot_registers(v, &sregs) < 0)
		goto err;
	sregs.apic_base |= APIC_BASE_X2APIC;
	if (ioctl(v->fd, KVM_SET_SREGS, &sregs) < 0)
		goto err;
	/* Without this the guest takes all memory for uncached: MTRRs on, default write-back. */
	return msr_set(v, MSR_MTRR_DEF_TYPE, 0x806);
err:
	err("vCPU %u: first registers: %s", v->id, strerror(errno));
	return -EIO;
}

static uint32_t io_in(struct vm *vm, uint16_t port, uint8_t size)
{
	if (port >= PORT_COM1 && port < PORT_COM1 + 8 && size == 1)
		return serial_read(&vm->serial, port - PORT_COM1);
	if (port >= PORT_PM1_EVT && port < PORT_PM1_CNT)
		return 0;
	if (port == PORT_PM1_CNT)
		return 1;	/* SCI_EN: ACPI mode is on */
	if (port == PORT_KBD || port == 0x61)
		return 0;
	return ~0u;
}

/* Returns true when the guest switched itself off or reset itself. */
static bool io_out(struct vcpu *v, uint16_t port, uint8_t size, uint32_t val)
{
	if (port >= PORT_COM1 && port < PORT_COM1 + 8 && size == 1)
		serial_write(&v->vm->serial, port - PORT_COM1, val);
	if (port == PORT_PM1_CNT && (val & 1 << 13)) {
		v->ended = VCPU_ENDED_OFF;
		return true;
	}
	if (port == PORT_KBD && (val & 0xff) == 0xfe) {
		v->ended = VCPU_ENDED_RESET;
		return true;
	}
	return false;
}

static bool exit_io(struct vcpu *v)
{
	struct kvm_run *r = v->run;
	uint8_t *p = (uint8_t *)r + r->io.data_offset;
	bool end = false;
	uint32_t i, val;

	for (i = 0; i < r->io.count; i++, p += r->io.size) {
		if (r->io.direction == KVM_EXIT_IO_IN) {
			val = io_in(v->vm, r->io.port, r->io.size);
			memcpy(p, &val, r->io.size);
		} else {
			val = 0;
			memcpy(&val, p, r->io.size);
			end |= io_out(v, r->io.port, r->io.size, val);
		}
	}
	return end;
}

/**
 * vcpu_exit() - serve one exit
 * @v: vCPU whose KVM_RUN returned 0
 *
 * Return: true when the vCPU ends; then @v->ended says why.
 */
bool vcpu_exit(struct vcpu *v)
{
	struct kvm_run *r = v->run;

	switch (r->exit_reason) {
	case KVM_EXIT_IO:
		return exit_io(v);
	case KVM_EXIT_MMIO:
		if (!r->mmio.is_write)
			memset(r->mmio.data, 0xff, sizeof(r->mmio.data));
		return false;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return false;
	case KVM_EXIT_SHUTDOWN:
		v->ended = VCPU_ENDED_RESET;
		return true;
	case KVM_EXIT_INTERNAL_ERROR:
		err("vCPU %u: KVM internal error, suberror %u", v->id, r->internal.suberror);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		err("vCPU %u: entry failed, hardware reason %#llx", v->id,
		    (unsigned long long)r->fail_entry.hardware_entry_failure_reason);
		break;
	default:
		err("vCPU %u: exit reason %u is unknown to cvmm", v->id, r->exit_reason);
	}
	v->ended = VCPU_ENDED_ERROR;
	return true;
}

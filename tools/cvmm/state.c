// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Saves and restores what a VM is beside its memory, through KVM's ordinary ioctls. With a
 * Caretaker the next kernel imports newer vCPU state over this at adoption.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "cvmm.h"
#include "state.h"

#define MSR_IA32_TSC		0x10
#define MSR_TSC_DEADLINE	0x6e0
#define MSR_KVM_WALL_CLOCK	0x11
#define MSR_KVM_WALL_CLOCK_NEW	0x4b564d00

_Static_assert(sizeof(struct cvmm_state) <= STATE_BYTES, "the state fits its file");

static int call(int fd, unsigned long req, void *arg, const char *what)
{
	if (ioctl(fd, req, arg) >= 0)
		return 0;
	err("state: %s: %s", what, strerror(errno));
	return -EIO;
}

#define CALL(fd, req, arg)						\
	do {								\
		int ret_ = call(fd, req, arg, #req);			\
									\
		if (ret_)						\
			return ret_;					\
	} while (0)

/**
 * state_create() - the file that will hold the state; its size never changes after
 * @vm: VM
 *
 * Return: 0 or a negative errno.
 */
int state_create(struct vm *vm)
{
	vm->state_fd = memfd_create("cvmm-state", MFD_CLOEXEC);
	if (vm->state_fd < 0 || ftruncate(vm->state_fd, STATE_BYTES)) {
		err("state: file of %d bytes: %s", STATE_BYTES, strerror(errno));
		return -ENOMEM;
	}
	return state_map(vm);
}

/**
 * state_map() - map a new or a retrieved state file
 * @vm: VM with @state_fd
 *
 * Return: 0 or a negative errno.
 */
int state_map(struct vm *vm)
{
	off_t len = lseek(vm->state_fd, 0, SEEK_END);
	void *p;

	if (len < STATE_BYTES) {
		err("state: the file has %lld bytes, not %d", (long long)len, STATE_BYTES);
		return -EPROTO;
	}
	p = mmap(NULL, STATE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, vm->state_fd, 0);
	if (p == MAP_FAILED) {
		err("state: map: %s", strerror(errno));
		return -ENOMEM;
	}
	vm->state = p;
	return 0;
}

static bool msr_wanted(uint32_t index)
{
	/* The TSC goes by its offset; the deadline comes last; wall clock writes guest memory. */
	return index != MSR_IA32_TSC && index != MSR_TSC_DEADLINE &&
	       index != MSR_KVM_WALL_CLOCK && index != MSR_KVM_WALL_CLOCK_NEW;
}

/* Reads one MSR. Not all that KVM lists can be read with each CPUID. */
static void msr_save(struct vm *vm, struct cvmm_state *s, uint32_t index)
{
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e;
	} m = { .h.nmsrs = 1, .e.index = index };

	if (s->nr_msrs < CVMM_NR_MSRS && ioctl(vm->vcpu.fd, KVM_GET_MSRS, &m) == 1)
		s->msr[s->nr_msrs++] = m.e;
}

static int msrs_save(struct vm *vm, struct cvmm_state *s)
{
	struct kvm_msr_list *list, probe = { 0 };
	uint32_t i;
	int ret;

	/* With no room KVM says how much it needs. */
	if (ioctl(vm->kvm_fd, KVM_GET_MSR_INDEX_LIST, &probe) < 0 && errno != E2BIG) {
		err("state: KVM_GET_MSR_INDEX_LIST: %s", strerror(errno));
		return -EIO;
	}
	list = calloc(1, sizeof(*list) + probe.nmsrs * sizeof(list->indices[0]));
	if (!list)
		return -ENOMEM;
	list->nmsrs = probe.nmsrs;
	ret = call(vm->kvm_fd, KVM_GET_MSR_INDEX_LIST, list, "KVM_GET_MSR_INDEX_LIST");
	s->nr_msrs = 0;
	for (i = 0; !ret && i < list->nmsrs; i++) {
		if (msr_wanted(list->indices[i]))
			msr_save(vm, s, list->indices[i]);
	}
	free(list);
	msr_save(vm, s, MSR_TSC_DEADLINE);
	if (!ret && s->nr_msrs == CVMM_NR_MSRS) {
		err("state: KVM has more MSRs than cvmm can save (%d)", CVMM_NR_MSRS);
		ret = -E2BIG;
	}
	return ret;
}

static int msrs_restore(struct vm *vm, const struct cvmm_state *s)
{
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e;
	} m = { .h.nmsrs = 1 };
	uint32_t i;

	for (i = 0; i < s->nr_msrs; i++) {
		m.e = s->msr[i];
		if (ioctl(vm->vcpu.fd, KVM_SET_MSRS, &m) == 1)
			continue;
		/* A zero that cannot be written is what a new vCPU has anyway. */
		if (!m.e.data)
			continue;
		err("state: MSR %#x = %#llx: the next kernel refuses it", m.e.index,
		    (unsigned long long)m.e.data);
		return -EIO;
	}
	return 0;
}

static int cpuid_save(struct vm *vm, struct cvmm_state *s)
{
	struct kvm_cpuid2 *c;
	int ret = vcpu_cpuid(vm, &c);

	if (ret)
		return ret;
	c->nent = CVMM_NR_CPUID;
	ret = call(vm->vcpu.fd, KVM_GET_CPUID2, c, "KVM_GET_CPUID2");
	if (!ret) {
		s->nr_cpuid = c->nent;
		memcpy(s->cpuid, c->entries, c->nent * sizeof(c->entries[0]));
	}
	free(c);
	return ret;
}

static int cpuid_restore(struct vm *vm, const struct cvmm_state *s)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + s->nr_cpuid * sizeof(c->entries[0]));
	int ret;

	if (!c)
		return -ENOMEM;
	c->nent = s->nr_cpuid;
	memcpy(c->entries, s->cpuid, s->nr_cpuid * sizeof(c->entries[0]));
	ret = call(vm->vcpu.fd, KVM_SET_CPUID2, c, "KVM_SET_CPUID2");
	free(c);
	return ret;
}

static int tsc_offset(struct vm *vm, unsigned long req, uint64_t *offset)
{
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)offset,
	};

	return call(vm->vcpu.fd, req, &attr, "TSC offset");
}

static int xsave_save(struct vm *vm, struct cvmm_state *s)
{
	int size = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);

	if (size > (int)sizeof(s->xsave)) {
		err("state: the vector state has %d bytes, cvmm can carry %zu", size,
		    sizeof(s->xsave));
		return -E2BIG;
	}
	CALL(vm->vcpu.fd, KVM_GET_XSAVE, &s->xsave);
	if (ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XCRS) <= 0)
		return 0;
	CALL(vm->vcpu.fd, KVM_GET_XCRS, &s->xcrs);
	s->flags |= CVMM_STATE_XCRS;
	return 0;
}

static int vcpu_save(struct vm *vm, struct cvmm_state *s)
{
	int fd = vm->vcpu.fd, ret;

	CALL(fd, KVM_GET_MP_STATE, &s->mp_state);
	CALL(fd, KVM_GET_REGS, &s->regs);
	CALL(fd, KVM_GET_SREGS, &s->sregs);
	CALL(fd, KVM_GET_DEBUGREGS, &s->debugregs);
	CALL(fd, KVM_GET_VCPU_EVENTS, &s->events);
	CALL(fd, KVM_GET_LAPIC, &s->lapic);
	ret = xsave_save(vm, s);
	if (!ret)
		ret = msrs_save(vm, s);
	if (!ret)
		ret = cpuid_save(vm, s);
	if (ret)
		return ret;
	s->tsc_khz = ioctl(fd, KVM_GET_TSC_KHZ, 0);
	return tsc_offset(vm, KVM_GET_DEVICE_ATTR, &s->tsc_offset);
}

static int clock_save(struct vm *vm, struct cvmm_state *s)
{
	uint64_t before = rdtsc();

	memset(&s->clock, 0, sizeof(s->clock));
	CALL(vm->fd, KVM_GET_CLOCK, &s->clock);
	s->clock_tsc = s->clock.flags & KVM_CLOCK_HOST_TSC ? s->clock.host_tsc :
		before + (rdtsc() - before) / 2;
	return 0;
}

static int vm_save(struct vm *vm, struct cvmm_state *s)
{
	int i;

	for (i = 0; i < CVMM_NR_IRQCHIPS; i++) {
		s->irqchip[i].chip_id = i;
		CALL(vm->fd, KVM_GET_IRQCHIP, &s->irqchip[i]);
	}
	CALL(vm->fd, KVM_GET_PIT2, &s->pit);
	return clock_save(vm, s);
}

static void serial_save(struct serial *d, struct cvmm_state_serial *s)
{
	pthread_mutex_lock(&d->lock);
	s->sent = d->sent;
	s->ier = d->ier;
	s->lcr = d->lcr;
	s->mcr = d->mcr;
	s->scr = d->scr;
	s->fcr = d->fcr;
	s->dll = d->dll;
	s->dlm = d->dlm;
	s->thr_ipending = d->thr_ipending;
	memcpy(s->rx, d->rx, sizeof(s->rx));
	s->rx_head = d->rx_head;
	s->rx_len = d->rx_len;
	pthread_mutex_unlock(&d->lock);
}

static void serial_restore(struct serial *d, const struct cvmm_state_serial *s)
{
	pthread_mutex_lock(&d->lock);
	d->sent = s->sent;
	d->ier = s->ier;
	d->lcr = s->lcr;
	d->mcr = s->mcr;
	d->scr = s->scr;
	d->fcr = s->fcr;
	d->dll = s->dll;
	d->dlm = s->dlm;
	d->thr_ipending = s->thr_ipending;
	memcpy(d->rx, s->rx, sizeof(d->rx));
	d->rx_head = s->rx_head % sizeof(d->rx);
	d->rx_len = s->rx_len <= sizeof(d->rx) ? s->rx_len : 0;
	pthread_mutex_unlock(&d->lock);
}

/**
 * state_save() - write the state of a stopped or detached VM
 * @vm: VM with mapped state file
 *
 * Return: 0 or a negative errno; the reason is on stderr.
 */
int state_save(struct vm *vm)
{
	struct cvmm_state *s = vm->state;
	int ret;

	memset(s, 0, sizeof(*s));
	s->size = sizeof(*s);
	s->magic = CVMM_STATE_MAGIC;
	s->version = CVMM_STATE_VERSION;
	s->ram_size = vm->ram_size;
	s->stopped_tsc = vm->stamps.stopped;
	ret = vcpu_save(vm, s);
	if (!ret)
		ret = vm_save(vm, s);
	if (ret)
		return ret;
	serial_save(&vm->serial, &s->serial);
	if (vm->caretaker)
		s->flags |= CVMM_STATE_CARETAKER;
	__atomic_or_fetch(&s->flags, CVMM_STATE_COMPLETE, __ATOMIC_RELEASE);
	return 0;
}

/**
 * state_check() - is this a state that this cvmm can restore
 * @vm: VM with mapped state file and guest memory descriptor
 *
 * Return: 0 or -EPROTO; the reason is on stderr.
 */
int state_check(struct vm *vm)
{
	const struct cvmm_state *s = vm->state;
	off_t ram = lseek(vm->ram_fd, 0, SEEK_END);

	if (s->magic != CVMM_STATE_MAGIC)
		err("state: not written by cvmm");
	else if (s->version != CVMM_STATE_VERSION || s->size != sizeof(*s))
		err("state: version %u of %u bytes, this cvmm knows %d of %zu: use the old cvmm",
		    s->version, s->size, CVMM_STATE_VERSION, sizeof(*s));
	else if (!(s->flags & CVMM_STATE_COMPLETE))
		err("state: incomplete: the old cvmm did not come to the end of its preserve");
	else if (ram < 0 || s->ram_size != (uint64_t)ram || ram < (off_t)MEM_MIN)
		err("state: %llu bytes of guest memory, the file has %lld",
		    (unsigned long long)s->ram_size, (long long)ram);
	else if (!s->tsc_khz || s->nr_msrs > CVMM_NR_MSRS || s->nr_cpuid > CVMM_NR_CPUID)
		err("state: numbers out of range");
	else
		return 0;
	return -EPROTO;
}

/**
 * state_restore_vm() - interrupt controllers, timer and serial port
 * @vm: VM after vm_setup() and with a vCPU
 *
 * Return: 0 or a negative errno.
 */
int state_restore_vm(struct vm *vm)
{
	struct cvmm_state *s = vm->state;
	int i;

	for (i = 0; i < CVMM_NR_IRQCHIPS; i++)
		CALL(vm->fd, KVM_SET_IRQCHIP, &s->irqchip[i]);
	CALL(vm->fd, KVM_SET_PIT2, &s->pit);
	serial_restore(&vm->serial, &s->serial);
	return 0;
}

static uint64_t tsc_to_ns(uint64_t cycles, uint32_t khz)
{
	return cycles / khz * 1000000 + cycles % khz * 1000000 / khz;
}

/* kvmclock goes on as if it had never stopped: it counts the same TSC. */
static int clock_restore(struct vm *vm, const struct cvmm_state *s)
{
	struct kvm_clock_data c = {
		.clock = s->clock.clock + tsc_to_ns(rdtsc() - s->clock_tsc, s->tsc_khz),
	};

	return call(vm->fd, KVM_SET_CLOCK, &c, "KVM_SET_CLOCK");
}

static int tsc_khz_restore(struct vm *vm, const struct cvmm_state *s)
{
	if (ioctl(vm->vcpu.fd, KVM_GET_TSC_KHZ, 0) == (int)s->tsc_khz)
		return 0;
	if (!ioctl(vm->vcpu.fd, KVM_SET_TSC_KHZ, (unsigned long)s->tsc_khz))
		return 0;
	note("vCPU 0: TSC of %u kHz: %s: the guest's clock may drift: give tsc_early_khz=%u",
	     s->tsc_khz, strerror(errno), s->tsc_khz);
	return 0;
}

/* Is this host itself a guest of QEMU's TCG? (hypervisor leaf of CPUID) */
static bool host_is_tcg(void)
{
	uint32_t a, b, c, d;

	__cpuid(0x40000000, a, b, c, d);
	return b == 0x54474354 && c == 0x43544743 && d == 0x47435447;	/* TCGTCGTCGTCG */
}

/*
 * KVM reports the TSS in TR as busy, as the hardware has it. TCG keeps it as available, and
 * refuses I/O by the TSS's permission bitmap from user mode when it is busy.
 */
static int sregs_restore(struct vm *vm, const struct cvmm_state *s)
{
	struct kvm_sregs sregs = s->sregs;

	if (host_is_tcg())
		sregs.tr.type &= ~2;
	return call(vm->vcpu.fd, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
}

/**
 * state_restore_vcpu() - all of the vCPU, and kvmclock
 * @vm: VM with a vCPU
 *
 * The order is KVM's: CPUID first, the LAPIC needs the APIC base in SREGS, the TSC deadline
 * needs the TSC offset and the LAPIC.
 *
 * Return: 0 or a negative errno.
 */
int state_restore_vcpu(struct vm *vm)
{
	struct cvmm_state *s = vm->state;
	int fd = vm->vcpu.fd, ret;

	ret = cpuid_restore(vm, s);
	if (!ret)
		ret = sregs_restore(vm, s);
	if (ret)
		return ret;
	tsc_khz_restore(vm, s);
	ret = tsc_offset(vm, KVM_SET_DEVICE_ATTR, &s->tsc_offset);
	if (ret)
		return ret;
	CALL(fd, KVM_SET_LAPIC, &s->lapic);
	if (s->flags & CVMM_STATE_XCRS)
		CALL(fd, KVM_SET_XCRS, &s->xcrs);
	CALL(fd, KVM_SET_XSAVE, &s->xsave);
	ret = clock_restore(vm, s);
	if (!ret)
		ret = msrs_restore(vm, s);
	if (ret)
		return ret;
	CALL(fd, KVM_SET_DEBUGREGS, &s->debugregs);
	CALL(fd, KVM_SET_VCPU_EVENTS, &s->events);
	CALL(fd, KVM_SET_REGS, &s->regs);
	CALL(fd, KVM_SET_MP_STATE, &s->mp_state);
	return clock_restore(vm, s);
}

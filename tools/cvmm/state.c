// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Saves and restores what a VM is beside its memory, through KVM's ordinary ioctls. With a
 * Caretaker the next kernel imports newer vCPU state over this at adoption.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "cvmm.h"
#include "state.h"

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

/* Bytes of the state file for some vCPUs, in whole pages. */
static size_t state_size(unsigned int nr_vcpus)
{
	size_t size = sizeof(struct cvmm_state) + nr_vcpus * sizeof(struct cvmm_state_vcpu);

	return (size + 4095) & ~4095UL;
}

/* Types behind it come and go with the handlers: addresses for all that there can be. */
static size_t state_size_max(void)
{
	return state_size(MAX_VCPUS) + CARETAKER_BTF_MAX + 4096;
}

/**
 * state_create() - the file that will hold the state; only state_btf_set() makes it longer
 * @vm: VM
 *
 * Return: 0 or a negative errno.
 */
int state_create(struct vm *vm)
{
	size_t size = state_size(vm->nr_vcpus);

	vm->state_fd = memfd_create("cvmm-state", MFD_CLOEXEC);
	if (vm->state_fd < 0 || ftruncate(vm->state_fd, size)) {
		err("state: file of %zu bytes: %s", size, strerror(errno));
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

	if (len < (off_t)state_size(1) || len > (off_t)state_size_max()) {
		err("state: the file has %lld bytes, %zu to %zu are possible", (long long)len,
		    state_size(1), state_size_max());
		return -EPROTO;
	}
	p = mmap(NULL, state_size_max(), PROT_READ | PROT_WRITE, MAP_SHARED, vm->state_fd, 0);
	if (p == MAP_FAILED) {
		err("state: map: %s", strerror(errno));
		return -ENOMEM;
	}
	vm->state = p;
	vm->state_bytes = len;
	return 0;
}

/**
 * state_unmap() - undo state_map()
 * @vm: VM
 */
void state_unmap(struct vm *vm)
{
	if (vm->state)
		munmap(vm->state, state_size_max());
	vm->state = NULL;
}

/* Of these vCPUs; NULL when the file ends before it. */
static struct cvmm_state_btf *state_btf(struct vm *vm)
{
	size_t at = state_size(vm->nr_vcpus);

	if (vm->state_bytes < at + sizeof(struct cvmm_state_btf))
		return NULL;
	return (void *)((char *)vm->state + at);
}

/* A file of an older cvmm, or of other handlers, may be too short. */
static int state_extend(struct vm *vm, size_t size)
{
	if (size <= vm->state_bytes)
		return 0;
	if (ftruncate(vm->state_fd, (off_t)size))
		return -errno;
	vm->state_bytes = size;
	return 0;
}

/**
 * state_btf_set() - keep the types of the handlers' state for the next kernel
 * @vm: VM with mapped state file, not preserved
 * @btf: BTF, or NULL when there is nothing to keep
 * @len: bytes at @btf, up to CARETAKER_BTF_MAX
 *
 * Return: 0, or a negative errno, and then nothing is kept.
 */
int state_btf_set(struct vm *vm, const void *btf, size_t len)
{
	size_t size = sizeof(struct cvmm_state_btf) + len;
	struct cvmm_state_btf *s = state_btf(vm);
	int ret;

	if (s)
		s->bytes = 0;
	if (!btf)
		return 0;
	if (len > CARETAKER_BTF_MAX)
		return -E2BIG;
	ret = state_extend(vm, (state_size(vm->nr_vcpus) + size + 4095) & ~4095UL);
	if (ret)
		return ret;
	s = state_btf(vm);
	s->reserved = 0;
	memcpy(s->btf, btf, len);
	s->bytes = len;
	return 0;
}

/**
 * state_btf_get() - types that are kept, also by the cvmm of the old kernel
 * @vm: VM with mapped state file
 * @len: set to their size in bytes
 *
 * Return: BTF that was not checked, in the file; NULL when there is none.
 */
const void *state_btf_get(struct vm *vm, size_t *len)
{
	const struct cvmm_state_btf *s = state_btf(vm);

	*len = s ? s->bytes : 0;
	if (!*len || *len > vm->state_bytes - state_size(vm->nr_vcpus) - sizeof(*s))
		return NULL;
	return s->btf;
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
	unsigned int i;
	int ret;

	memset(s, 0, state_size(vm->nr_vcpus));	/* not the types behind it */
	s->size = sizeof(*s);
	s->vcpu_size = sizeof(s->vcpu[0]);
	s->nr_vcpus = vm->nr_vcpus;
	s->magic = CVMM_STATE_MAGIC;
	s->version = CVMM_STATE_VERSION;
	s->ram_size = vm->ram_size;
	s->stopped_tsc = vm->stamps.stopped;
	s->past = vm->past;
	if (vm->handlers && !handlers_note(vm->handlers, &s->handlers))
		s->flags |= CVMM_STATE_HANDLERS;
	ret = vm_save(vm, s);
	for (i = 0; !ret && i < vm->nr_vcpus; i++)
		ret = state_vcpu_save(&vm->vcpu[i], &s->vcpu[i]);
	if (ret)
		return ret;
	serial_save(&vm->serial, &s->serial);
	if (vm->caretaker)
		s->flags |= CVMM_STATE_CARETAKER;
	__atomic_or_fetch(&s->flags, CVMM_STATE_COMPLETE, __ATOMIC_RELEASE);
	return 0;
}

static int vcpus_check(const struct cvmm_state *s)
{
	uint32_t i;

	for (i = 0; i < s->nr_vcpus; i++) {
		const struct cvmm_state_vcpu *v = &s->vcpu[i];

		if (v->tsc_khz && v->nr_msrs <= CVMM_NR_MSRS && v->nr_cpuid <= CVMM_NR_CPUID)
			continue;
		err("state: vCPU %u: numbers out of range", i);
		return -EPROTO;
	}
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
	else if (s->version != CVMM_STATE_VERSION || s->size != sizeof(*s) ||
		 s->vcpu_size != sizeof(s->vcpu[0]))
		err("state: version %u of %u + %u bytes, this cvmm knows %d of %zu + %zu: use the old cvmm",
		    s->version, s->size, s->vcpu_size, CVMM_STATE_VERSION, sizeof(*s),
		    sizeof(s->vcpu[0]));
	else if (!(s->flags & CVMM_STATE_COMPLETE))
		err("state: incomplete: the old cvmm did not come to the end of its preserve");
	else if (ram < 0 || s->ram_size != (uint64_t)ram || ram < (off_t)MEM_MIN)
		err("state: %llu bytes of guest memory, the file has %lld",
		    (unsigned long long)s->ram_size, (long long)ram);
	else if (!s->nr_vcpus || s->nr_vcpus > MAX_VCPUS ||
		 vm->state_bytes < state_size(s->nr_vcpus))
		err("state: %u vCPUs do not fit into its %zu bytes", s->nr_vcpus, vm->state_bytes);
	else
		return vcpus_check(s);
	return -EPROTO;
}

static int devices_restore(struct vm *vm)
{
	struct cvmm_state *s = vm->state;
	int i;

	for (i = 0; i < CVMM_NR_IRQCHIPS; i++)
		CALL(vm->fd, KVM_SET_IRQCHIP, &s->irqchip[i]);
	CALL(vm->fd, KVM_SET_PIT2, &s->pit);
	serial_restore(&vm->serial, &s->serial);
	return 0;
}

/**
 * state_restore() - interrupt controllers, timer, serial port and vCPUs, all but kvmclock
 * @vm: VM after vm_setup() and with its vCPUs
 *
 * Return: 0 or a negative errno; the reason is on stderr.
 */
int state_restore(struct vm *vm)
{
	unsigned int i;
	int ret = devices_restore(vm);

	for (i = 0; !ret && i < vm->nr_vcpus; i++)
		ret = state_vcpu_restore(&vm->vcpu[i], &vm->state->vcpu[i]);
	return ret;
}

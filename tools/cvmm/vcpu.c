// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The vCPU: CPUID, first registers, and the thread that runs it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <asm/kvm_para.h>

#include "cvmm.h"

#define KICK_SIGNAL		SIGUSR1
#define MAX_CPUID		256
#define MSR_IA32_APICBASE	0x1b
#define MSR_MTRR_DEF_TYPE	0x2ff
#define APIC_BASE_X2APIC	(1ULL << 10)
#define CPUID1_ECX_X2APIC	(1u << 21)
#define CPUID1_ECX_DEADLINE	(1u << 24)
#define CPUID1_ECX_HYPERVISOR	(1u << 31)

/* Paravirt features that need the host at unforeseen times: not in the gap. */
#define KVM_FEATURES_OFF						\
	(1u << KVM_FEATURE_ASYNC_PF | 1u << KVM_FEATURE_STEAL_TIME |	\
	 1u << KVM_FEATURE_PV_EOI | 1u << KVM_FEATURE_PV_UNHALT |	\
	 1u << KVM_FEATURE_PV_TLB_FLUSH | 1u << KVM_FEATURE_ASYNC_PF_VMEXIT |	\
	 1u << KVM_FEATURE_PV_SEND_IPI | 1u << KVM_FEATURE_POLL_CONTROL |	\
	 1u << KVM_FEATURE_PV_SCHED_YIELD | 1u << KVM_FEATURE_ASYNC_PF_INT |	\
	 1u << KVM_FEATURE_MIGRATION_CONTROL)

static void cpuid_fix(struct kvm_cpuid_entry2 *e)
{
	switch (e->function) {
	case 1:
		e->ecx |= CPUID1_ECX_X2APIC | CPUID1_ECX_DEADLINE | CPUID1_ECX_HYPERVISOR;
		e->ebx = (e->ebx & 0xffff) | 1 << 16;	/* one logical CPU, APIC id 0 */
		e->edx &= ~(1u << 28);
		break;
	case 4:
		e->eax &= 0x3fff;
		break;
	case 0xb:
	case 0x1f:
		e->edx = 0;
		if (e->index < 2)
			e->ebx = 1;
		break;
	case 0x80000008:
		e->ecx &= ~0xf0ffu;
		break;
	case 0x8000001e:
		e->eax = 0;
		e->ebx &= ~0xffffu;
		break;
	case KVM_CPUID_FEATURES:
		e->eax &= ~KVM_FEATURES_OFF;
		break;
	}
}

/**
 * vcpu_cpuid() - what the guest's CPUID says: what KVM supports, for one CPU in x2APIC mode
 * @vm: VM
 * @out: set to memory that the caller frees
 *
 * Return: 0 or a negative errno.
 */
int vcpu_cpuid(struct vm *vm, struct kvm_cpuid2 **out)
{
	struct kvm_cpuid2 *c;
	uint32_t i;

	c = calloc(1, sizeof(*c) + MAX_CPUID * sizeof(c->entries[0]));
	if (!c)
		return -ENOMEM;
	c->nent = MAX_CPUID;
	if (ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, c) < 0) {
		err("KVM: supported CPUID: %s", strerror(errno));
		free(c);
		return -EIO;
	}
	for (i = 0; i < c->nent; i++)
		cpuid_fix(&c->entries[i]);
	*out = c;
	return 0;
}

/**
 * vcpu_create() - create the vCPU of a new VM
 * @vm: VM with irqchip
 *
 * Return: 0 or a negative errno.
 */
int vcpu_create(struct vm *vm)
{
	vm->vcpu.fd = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	if (vm->vcpu.fd < 0) {
		err("vCPU 0: create: %s", strerror(errno));
		return -EIO;
	}
	return vcpu_setup(vm);
}

/**
 * vcpu_setup() - map the run page of a new or a retrieved vCPU
 * @vm: VM with vCPU descriptor
 *
 * Return: 0 or a negative errno.
 */
int vcpu_setup(struct vm *vm)
{
	struct vcpu *v = &vm->vcpu;
	int size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	void *p;

	v->vm = vm;
	pthread_mutex_init(&v->lock, NULL);
	pthread_cond_init(&v->cond, NULL);
	v->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p = size < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (p == MAP_FAILED || v->end_fd < 0) {
		err("vCPU 0: map the run page: %s", strerror(errno));
		return -EIO;
	}
	v->run = p;
	v->run_size = size;
	return 0;
}

static int msr_set(struct vm *vm, uint32_t index, uint64_t value)
{
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e;
	} m = { .h.nmsrs = 1, .e = { .index = index, .data = value } };

	if (ioctl(vm->vcpu.fd, KVM_SET_MSRS, &m) != 1) {
		err("vCPU 0: MSR %#x = %#llx: refused", index, (unsigned long long)value);
		return -EIO;
	}
	return 0;
}

/**
 * vcpu_boot() - CPUID and registers for the first instruction of a kernel
 * @vm: VM with a loaded kernel
 *
 * Return: 0 or a negative errno.
 */
int vcpu_boot(struct vm *vm)
{
	struct kvm_cpuid2 *cpuid;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	int ret = vcpu_cpuid(vm, &cpuid);

	if (ret)
		return ret;
	ret = ioctl(vm->vcpu.fd, KVM_SET_CPUID2, cpuid);
	free(cpuid);
	if (ret < 0 || ioctl(vm->vcpu.fd, KVM_GET_SREGS, &sregs) < 0)
		goto err;
	boot_sregs(&sregs);
	sregs.apic_base |= APIC_BASE_X2APIC;
	boot_regs(&regs);
	if (ioctl(vm->vcpu.fd, KVM_SET_SREGS, &sregs) < 0 ||
	    ioctl(vm->vcpu.fd, KVM_SET_REGS, &regs) < 0)
		goto err;
	/* Without this the guest takes all memory for uncached: MTRRs on, default write-back. */
	return msr_set(vm, MSR_MTRR_DEF_TYPE, 0x806);
err:
	err("vCPU 0: first registers: %s", strerror(errno));
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
static bool io_out(struct vm *vm, uint16_t port, uint8_t size, uint32_t val)
{
	if (port >= PORT_COM1 && port < PORT_COM1 + 8 && size == 1)
		serial_write(&vm->serial, port - PORT_COM1, val);
	if (port == PORT_PM1_CNT && (val & 1 << 13)) {
		vm->vcpu.ended = VCPU_ENDED_OFF;
		return true;
	}
	if (port == PORT_KBD && (val & 0xff) == 0xfe) {
		vm->vcpu.ended = VCPU_ENDED_RESET;
		return true;
	}
	return false;
}

static bool exit_io(struct vm *vm)
{
	struct kvm_run *r = vm->vcpu.run;
	uint8_t *p = (uint8_t *)r + r->io.data_offset;
	bool end = false;
	uint32_t i, val;

	for (i = 0; i < r->io.count; i++, p += r->io.size) {
		if (r->io.direction == KVM_EXIT_IO_IN) {
			val = io_in(vm, r->io.port, r->io.size);
			memcpy(p, &val, r->io.size);
		} else {
			val = 0;
			memcpy(&val, p, r->io.size);
			end |= io_out(vm, r->io.port, r->io.size, val);
		}
	}
	return end;
}

/* Serves one exit. Returns true when the vCPU ends. */
static bool exit_serve(struct vcpu *v)
{
	struct kvm_run *r = v->run;

	switch (r->exit_reason) {
	case KVM_EXIT_IO:
		return exit_io(v->vm);
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
		err("vCPU 0: KVM internal error, suberror %u", r->internal.suberror);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		err("vCPU 0: entry failed, hardware reason %#llx",
		    (unsigned long long)r->fail_entry.hardware_entry_failure_reason);
		break;
	default:
		err("vCPU 0: exit reason %u is unknown to cvmm", r->exit_reason);
	}
	v->ended = VCPU_ENDED_ERROR;
	return true;
}

/* Sleeps until the main thread changes something, or for a while: then KVM_RUN is tried again. */
static void detached_wait(struct vcpu *v)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 100 * 1000 * 1000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&v->lock);
	v->detached = true;
	if (v->want == VCPU_RUN)
		pthread_cond_timedwait(&v->cond, &v->lock, &until);
	pthread_mutex_unlock(&v->lock);
}

/* Lets KVM finish a half-done port access. Returns true when the vCPU ends. */
static bool settle(struct vcpu *v)
{
	v->run->immediate_exit = 1;
	while (!ioctl(v->fd, KVM_RUN, 0)) {
		if (exit_serve(v))
			return true;
	}
	return false;
}

/* Waits while paused. Returns false when the thread has to end. */
static bool may_run(struct vcpu *v)
{
	bool go;

	if (__atomic_load_n(&v->want, __ATOMIC_ACQUIRE) == VCPU_PAUSE && settle(v))
		return false;
	pthread_mutex_lock(&v->lock);
	v->detached = false;
	while (v->want == VCPU_PAUSE) {
		v->paused = true;
		pthread_cond_broadcast(&v->cond);
		pthread_cond_wait(&v->cond, &v->lock);
	}
	v->paused = false;
	go = v->want == VCPU_RUN;
	if (go)
		v->run->immediate_exit = 0;
	pthread_mutex_unlock(&v->lock);
	return go;
}

/* One KVM_RUN. Returns true when the vCPU ends. */
static bool run_once(struct vcpu *v)
{
	if (!ioctl(v->fd, KVM_RUN, 0))
		return exit_serve(v);
	switch (errno) {
	case EINTR:
	case EAGAIN:
		return false;
	case EBUSY:
		detached_wait(v);
		return false;
	}
	err("vCPU 0: KVM_RUN: %s", strerror(errno));
	v->ended = VCPU_ENDED_ERROR;
	return true;
}

static void ready_set(struct vcpu *v)
{
	pthread_mutex_lock(&v->lock);
	v->ready = true;
	pthread_cond_broadcast(&v->cond);
	pthread_mutex_unlock(&v->lock);
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	uint64_t one = 1;

	if (v->vm->resumed && handover_adopt(v->vm))
		v->ended = VCPU_ENDED_ERROR;
	ready_set(v);
	while (v->ended == VCPU_ALIVE && may_run(v)) {
		if (run_once(v))
			break;
	}
	pthread_mutex_lock(&v->lock);
	if (v->ended == VCPU_ALIVE)
		v->ended = VCPU_ENDED_QUIT;
	v->paused = true;
	pthread_cond_broadcast(&v->cond);
	pthread_mutex_unlock(&v->lock);
	if (write(v->end_fd, &one, sizeof(one)) != sizeof(one))
		err("vCPU 0: end cannot be signalled: %s", strerror(errno));
	return NULL;
}

static void kick_handler(int sig)
{
	(void)sig;
}

/* Keeps the vCPU thread on one host CPU when the user asked for it. */
static void thread_pin(const struct options *opt)
{
	cpu_set_t set;

	if (opt->host_cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(opt->host_cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		note("vCPU 0: host CPU %d: %s: not pinned", (int)opt->host_cpu, strerror(errno));
}

static void *vcpu_thread_pinned(void *arg)
{
	thread_pin(((struct vcpu *)arg)->vm->opt);
	return vcpu_thread(arg);
}

/**
 * vcpu_start() - start the vCPU thread; a vCPU from an earlier kernel is adopted by it
 * @vm: VM with a vCPU that is ready to run
 *
 * Return: 0 or a negative errno.
 */
int vcpu_start(struct vm *vm)
{
	struct sigaction sa = { .sa_handler = kick_handler };
	sigset_t set, old;
	int ret;

	sigaction(KICK_SIGNAL, &sa, NULL);
	sigfillset(&set);
	sigdelset(&set, KICK_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &set, &old);
	ret = pthread_create(&vm->vcpu.thread, NULL, vcpu_thread_pinned, &vm->vcpu);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret) {
		err("vCPU 0: thread: %s", strerror(ret));
		return -ret;
	}
	vm->vcpu.started = true;
	pthread_mutex_lock(&vm->vcpu.lock);
	while (!vm->vcpu.ready)
		pthread_cond_wait(&vm->vcpu.cond, &vm->vcpu.lock);
	pthread_mutex_unlock(&vm->vcpu.lock);
	return 0;
}

/* Makes the thread leave KVM_RUN. */
static void vcpu_kick(struct vcpu *v, enum vcpu_want want)
{
	pthread_mutex_lock(&v->lock);
	v->want = want;
	v->run->immediate_exit = 1;
	pthread_cond_broadcast(&v->cond);
	pthread_mutex_unlock(&v->lock);
	pthread_kill(v->thread, KICK_SIGNAL);
}

/**
 * vcpu_pause() - stop the vCPU between two instructions
 * @v: vCPU with a thread; returns when it is out of KVM_RUN
 */
void vcpu_pause(struct vcpu *v)
{
	vcpu_kick(v, VCPU_PAUSE);
	pthread_mutex_lock(&v->lock);
	while (!v->paused)
		pthread_cond_wait(&v->cond, &v->lock);
	pthread_mutex_unlock(&v->lock);
}

/**
 * vcpu_unpause() - let the vCPU run, after a pause or after a cancelled handover
 * @v: vCPU with a thread
 */
void vcpu_unpause(struct vcpu *v)
{
	pthread_mutex_lock(&v->lock);
	v->want = VCPU_RUN;
	v->paused = false;
	pthread_cond_broadcast(&v->cond);
	pthread_mutex_unlock(&v->lock);
}

/**
 * vcpu_stop() - end the vCPU thread and wait for it
 * @v: vCPU
 */
void vcpu_stop(struct vcpu *v)
{
	if (!v->started)
		return;
	vcpu_kick(v, VCPU_QUIT);
	pthread_join(v->thread, NULL);
	v->started = false;
}

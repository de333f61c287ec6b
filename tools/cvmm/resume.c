// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Handover in the next kernel: retrieve, restore, adopt, finish.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "cvmm.h"
#include "state.h"

#define FINISH_NICER	15

static int retrieve(struct vm *vm, uint64_t token, const char *what, int *fd)
{
	*fd = caretaker_session_retrieve_fd(vm->session, token);
	if (*fd >= 0)
		return 0;
	err("session %s: retrieve the %s: %s", vm->opt->session, what, caretaker_strerror(*fd));
	return *fd;
}

static int retrieve_memory(struct vm *vm)
{
	int ret = retrieve(vm, TOKEN_STATE, "state file", &vm->state_fd);

	if (!ret)
		ret = state_map(vm);
	if (!ret)
		ret = retrieve(vm, TOKEN_RAM, "guest memory", &vm->ram_fd);
	if (!ret)
		ret = state_check(vm);
	if (ret)
		return ret;
	vm->ram_size = vm->state->ram_size;
	vm->nr_vcpus = vm->state->nr_vcpus;
	vm->past = vm->state->past;
	vm->caretaker = vm->state->flags & CVMM_STATE_CARETAKER;
	vm->may_stop = !vm->caretaker;
	return vm_ram_map(vm);
}

static int retrieve_vcpu(struct vcpu *v)
{
	char name[16];
	int ret;

	if (!v->vm->caretaker)
		return vcpu_create(v);
	snprintf(name, sizeof(name), "vCPU %u", v->id);
	ret = retrieve(v->vm, TOKEN_VCPU + v->id, name, &v->fd);
	return ret ? ret : vcpu_setup(v);
}

/* A VM and vCPUs to fill: retrieved ones with a Caretaker, new ones without. */
static int retrieve_vm(struct vm *vm)
{
	unsigned int i;
	int ret;

	ret = vm->caretaker ? retrieve(vm, TOKEN_VM, "VM", &vm->fd) : vm_create(vm);
	if (ret)
		return ret;
	vm->serial.vm_fd = vm->fd;
	ret = vm_setup(vm);
	if (!ret)
		ret = vm_bells(vm);
	for (i = 0; !ret && i < vm->nr_vcpus; i++)
		ret = retrieve_vcpu(&vm->vcpu[i]);
	return ret;
}

/*
 * Page tables before they are needed: the guest runs in the Caretaker meanwhile, and would have to
 * wait for each page after the adoption. A kernel that cannot do it is no failure.
 */
static void prefault(struct vm *vm)
{
	struct kvm_pre_fault_memory range = { .size = vm->ram_size };

	if (madvise(vm->ram, vm->ram_size, MADV_POPULATE_WRITE))
		return;
	while (range.size && ioctl(vm->vcpu[0].fd, KVM_PRE_FAULT_MEMORY, &range) < 0) {
		if (errno != EINTR && errno != EAGAIN)
			return;
	}
}

/* Is the vCPU out of the Caretaker of the old kernel? */
static bool is_adopted(struct vcpu *v)
{
	struct kvm_caretaker_info info;

	return !caretaker_get_info(v->fd, &info) && !(info.flags & KVM_CARETAKER_INFO_ORPHAN);
}

static bool told_to_end(struct vcpu *v)
{
	bool end;

	pthread_mutex_lock(&v->lock);
	end = v->want == VCPU_QUIT;
	pthread_mutex_unlock(&v->lock);
	return end || __atomic_load_n(&v->vm->adopt_error, __ATOMIC_ACQUIRE);
}

/*
 * The first KVM_RUN waits until all vCPUs' threads have come so far, then the kernel adopts all of
 * them together and returns before it enters the guest. A signal may interrupt the wait.
 */
static int adopt_run(struct vcpu *v)
{
	int e;

	do {
		v->run->immediate_exit = 1;
		e = ioctl(v->fd, KVM_RUN, 0) < 0 ? errno : 0;
		if (is_adopted(v) && (e == EINTR || e == EAGAIN))
			return 0;
	} while ((e == EINTR || e == EAGAIN) && !told_to_end(v));
	if (e == EINTR || e == EAGAIN)
		return -ECANCELED;
	err("vCPU %u: adopt: %s", v->id, e ? caretaker_strerror(e) : "it ran");
	return -EIO;
}

/* What is to be done once, while all vCPUs are adopted and none runs. */
static void adopt_complete(struct vm *vm)
{
	char why[512];

	vm->stamps.adopted = rdtsc();
	vm->past.kexecs++;
	clock_settle(vm);
	serial_irq_refresh(&vm->serial);
	if (replay_all(vm, why, sizeof(why)))
		err("%s", why);
	vm->stamps.replayed = rdtsc();
	vm->caretaker = false;	/* ended by the adoption */
	vm->may_carry = true;
}

/* One vCPU cannot be adopted: the others' threads must not wait for it. */
static void adopt_fail(struct vcpu *v, int error)
{
	struct vm *vm = v->vm;
	unsigned int i;

	pthread_mutex_lock(&vm->adopt_lock);
	__atomic_store_n(&vm->adopt_error, error, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&vm->adopt_cond);
	pthread_mutex_unlock(&vm->adopt_lock);
	for (i = 0; i < vm->nr_vcpus; i++) {
		if (vm->vcpu[i].started && i != v->id)
			thread_kick(&vm->vcpu[i]);
	}
}

/* The threads meet here: the last one completes the adoption for all. */
static int adopt_meet(struct vcpu *v)
{
	struct vm *vm = v->vm;
	uint64_t offset;
	int ret;

	v->adopted = rdtsc();
	v->run->immediate_exit = 0;
	vcpu_tsc_offset(v, KVM_GET_DEVICE_ATTR, &offset);
	pthread_mutex_lock(&vm->adopt_lock);
	if (!--vm->adopt_left) {
		adopt_complete(vm);
		vm->adopt_done = true;
		pthread_cond_broadcast(&vm->adopt_cond);
	}
	while (!vm->adopt_done && !vm->adopt_error)
		pthread_cond_wait(&vm->adopt_cond, &vm->adopt_lock);
	ret = vm->adopt_error;
	pthread_mutex_unlock(&vm->adopt_lock);
	return ret;
}

/* Most of what the handlers absorbed, while the guest still runs in the Caretaker. */
static void adopt_prepare(struct vm *vm)
{
	char why[512];

	if (replay_absorbed(vm, why, sizeof(why)))
		err("%s", why);
	vm->beat_adopt = __atomic_load_n(&vm_mailbox(vm)->loops, __ATOMIC_ACQUIRE);
}

/**
 * handover_adopt() - take a vCPU out of the Caretaker, together with all others of the VM
 * @v: vCPU of a VM after handover_resume()
 *
 * Called by each vCPU's thread. Without a Caretaker there is nothing to adopt.
 *
 * Return: 0 or a negative errno; the reason is on stderr.
 */
int handover_adopt(struct vcpu *v)
{
	int ret;

	if (!(v->vm->state->flags & CVMM_STATE_CARETAKER))
		return 0;
	if (!v->id)
		adopt_prepare(v->vm);
	ret = adopt_run(v);
	if (ret) {
		adopt_fail(v, ret);
		return ret;
	}
	return adopt_meet(v);
}

/**
 * handover_resume() - get the VM in the next kernel, up to the point where it can be adopted
 * @vm: VM with an open /dev/kvm and the name of the session
 *
 * Return: 0 or a negative errno; the reason is on stderr. On failure before the adoption a
 * detached guest runs on, and resume may be tried again by a new process after this one ended.
 */
int handover_resume(struct vm *vm)
{
	int ret;

	vm->resumed = true;
	vm->stamps.resume_start = rdtsc();
	ret = caretaker_session_retrieve(vm->opt->session, &vm->session);
	if (ret) {
		err("session %s: retrieve: %s", vm->opt->session, caretaker_strerror(ret));
		return ret;
	}
	ret = retrieve_memory(vm);
	if (ret)
		return ret;
	vm->beat_retrieved = __atomic_load_n(&vm_mailbox(vm)->loops, __ATOMIC_ACQUIRE);
	ret = retrieve_vm(vm);
	if (ret)
		return ret;
	vm->stamps.retrieved = rdtsc();
	ret = state_restore(vm);
	if (ret)
		return ret;
	if (vm->caretaker) {
		prefault(vm);
	} else {
		vm->past.kexecs++;
		serial_irq_refresh(&vm->serial);
	}
	ret = clock_restore(vm);
	if (ret)
		return ret;
	warm_up(vm->kvm_fd);
	vm->adopt_left = vm->nr_vcpus;
	vm->stamps.restored = rdtsc();
	return 0;
}

static int finish(struct vm *vm)
{
	char why[2048];
	int ret;

	vm->stamps.finish_start = rdtsc();
	ret = caretaker_session_finish(vm->session);
	vm->stamps.finished = rdtsc();
	if (ret) {
		err("session %s: finish: %s", vm->opt->session, caretaker_strerror(ret));
		return ret;
	}
	caretaker_session_close(vm->session);
	vm->session = NULL;
	ret = vm_install(vm, why, sizeof(why));
	if (ret)
		err("%s: the VM runs on without a Caretaker", why);
	return ret;
}

/**
 * handover_finish() - tell live update that everything is retrieved; install a new Caretaker
 * @vm: resumed VM
 *
 * Return: 0 or a negative errno; the VM runs in any case.
 */
int handover_finish(struct vm *vm)
{
	int ret, nice = getpriority(PRIO_PROCESS, 0);

	/* The guest has just begun to run again, maybe on this CPU: what is left can wait. */
	setpriority(PRIO_PROCESS, 0, nice + FINISH_NICER);
	ret = finish(vm);
	setpriority(PRIO_PROCESS, 0, nice);
	return ret;
}

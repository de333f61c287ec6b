// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Handover in the next kernel: retrieve, restore, adopt, finish.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "cvmm.h"
#include "state.h"

#define FINISH_NICER	15
#define ADOPT_LOOK_NS	1000000
#define ADOPT_REST_NS	20000000
#define ADOPT_LOOKS	50	/* until a thread is called back again */

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

/* What is left to do once all vCPUs are adopted, before user space serves the first exit of one. */
static void adopt_complete(struct vm *vm)
{
	char why[512];

	vm->stamps.adopted = rdtsc();
	vm->past.kexecs++;
	clock_look(vm);
	serial_irq_refresh(&vm->serial);
	if (replay_all(vm, why, sizeof(why)))
		err("%s", why);
	vm->stamps.replayed = rdtsc();
	vm->caretaker = false;	/* ended by the adoption */
	vm->may_carry = true;
	vm->adopt_done = true;
}

static void adopt_complete_once(struct vm *vm)
{
	pthread_mutex_lock(&vm->adopt_lock);
	if (!vm->adopt_done)
		adopt_complete(vm);
	pthread_mutex_unlock(&vm->adopt_lock);
}

/* Most of what is left by the gap, while the guest still runs in the Caretaker. */
static void adopt_prepare(struct vm *vm)
{
	char why[512];

	if (replay_absorbed(vm, why, sizeof(why)))
		err("%s", why);
	vm->beat_adopt = __atomic_load_n(&vm_mailbox(vm)->loops, __ATOMIC_ACQUIRE);
	clock_settle(vm);
}

/**
 * handover_adopt() - be ready to take a vCPU out of the Caretaker
 * @v: vCPU of a VM after handover_resume()
 *
 * Called by each vCPU's thread. Its first KVM_RUN waits until all threads have come so far; then
 * the kernel adopts all vCPUs together and each goes on in the guest, without a way through user
 * space: what that has to do can wait, the guest should not. Without a Caretaker there is nothing
 * to adopt.
 */
void handover_adopt(struct vcpu *v)
{
	struct vm *vm = v->vm;

	if (!vm->resumed || !(vm->state->flags & CVMM_STATE_CARETAKER))
		return;
	__atomic_store_n(&v->adopting, true, __ATOMIC_RELEASE);
	if (!v->id)
		adopt_prepare(vm);
}

/* By its thread, or by the main thread, whichever looks first */
static void adopt_seen(struct vcpu *v)
{
	uint64_t not_yet = 0;

	__atomic_compare_exchange_n(&v->adopted, &not_yet, rdtsc(), false, __ATOMIC_RELAXED,
				    __ATOMIC_RELAXED);
}

/**
 * handover_came() - a vCPU that was to be adopted is back from KVM_RUN
 * @v: vCPU after handover_adopt()
 *
 * Called by the vCPU's thread before it looks at the exit: the guest's next byte has to come after
 * those that were absorbed.
 */
void handover_came(struct vcpu *v)
{
	uint64_t offset;

	if (!is_adopted(v))
		return;
	adopt_seen(v);
	adopt_complete_once(v->vm);
	vcpu_tsc_offset(v, KVM_GET_DEVICE_ATTR, &offset);
	__atomic_store_n(&v->adopting, false, __ATOMIC_RELEASE);
}

/**
 * handover_adopt_fail() - the thread of a vCPU ends
 * @v: vCPU after handover_adopt()
 *
 * When it was not adopted the others' threads must not wait for it.
 */
void handover_adopt_fail(struct vcpu *v)
{
	struct vm *vm = v->vm;
	unsigned int i;

	if (!__atomic_load_n(&v->adopting, __ATOMIC_ACQUIRE))
		return;
	__atomic_store_n(&vm->adopt_failed, true, __ATOMIC_RELEASE);
	for (i = 0; i < vm->nr_vcpus; i++) {
		if (vm->vcpu[i].started && i != v->id)
			thread_call_back(&vm->vcpu[i]);
	}
}

static bool adopt_waits(struct vcpu *v)
{
	return __atomic_load_n(&v->adopting, __ATOMIC_ACQUIRE) && v->ended == VCPU_ALIVE &&
	       !__atomic_load_n(&v->vm->adopt_failed, __ATOMIC_ACQUIRE);
}

/**
 * handover_adopt_wait() - wait until all vCPUs are adopted, and complete that
 * @vm: VM whose vCPUs' threads run
 *
 * Not by a condition that the threads signal: they go from the Caretaker to the guest directly.
 */
void handover_adopt_wait(struct vm *vm)
{
	const struct timespec pause = { .tv_nsec = ADOPT_LOOK_NS };
	const struct timespec rest = { .tv_nsec = ADOPT_REST_NS };
	unsigned int i, looks;

	for (i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = &vm->vcpu[i];

		while (adopt_waits(v) && !is_adopted(v))
			nanosleep(&pause, NULL);
		if (adopt_waits(v))
			adopt_seen(v);
	}
	/* Nothing of the rest is urgent, and the guest's first moments in KVM are. */
	nanosleep(&rest, NULL);
	for (i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = &vm->vcpu[i];

		if (!adopt_waits(v))
			continue;
		adopt_complete_once(vm);
		/* It may stay in the guest: let it come back once. */
		for (looks = 0; adopt_waits(v); looks++) {
			if (!(looks % ADOPT_LOOKS))
				thread_call_back(v);
			nanosleep(&pause, NULL);
		}
	}
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

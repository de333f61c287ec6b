// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Handover: preserve and cancel in the old kernel, resume in the next one. With a Caretaker the
 * guest runs on in the gap; without one it is stopped for the whole time (the baseline).
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "cvmm.h"
#include "state.h"

#define VCPU_TRIES	50
#define STALL_TRIES	5
#define WATCH_MS	10ULL
#define SVM_EXIT_MSR	0x7c

static int fail(char *why, size_t size, int ret, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(why, size, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < size)
		snprintf(why + n, size - n, ": %s", caretaker_strerror(ret));
	return ret;
}

/* The vCPU may be in a state that lasts some instructions: try again. */
static int preserve_vcpu(struct vm *vm)
{
	const struct timespec pause = { .tv_nsec = 2 * 1000 * 1000 };
	int i, ret = -EAGAIN;

	for (i = 0; i < VCPU_TRIES && ret == -EAGAIN; i++) {
		if (i)
			nanosleep(&pause, NULL);
		ret = caretaker_session_preserve_fd(vm->session, vm->vcpu.fd, TOKEN_VCPU);
	}
	return ret;
}

static int preserve_memory(struct vm *vm, char *why, size_t size)
{
	int ret = caretaker_session_preserve_fd(vm->session, vm->ram_fd, TOKEN_RAM);

	if (ret)
		return fail(why, size, ret, "guest memory: preserve");
	ret = caretaker_session_preserve_fd(vm->session, vm->state_fd, TOKEN_STATE);
	if (ret)
		return fail(why, size, ret, "state file: preserve");
	vm->stamps.memory_done = rdtsc();
	return 0;
}

/* The guest keeps running: it moves from KVM into the Caretaker inside the second call. */
static int preserve_detach(struct vm *vm, char *why, size_t size)
{
	int ret = caretaker_session_preserve_fd(vm->session, vm->fd, TOKEN_VM);

	if (ret)
		return fail(why, size, ret, "VM: preserve");
	vm->stamps.vm_done = rdtsc();
	ret = preserve_vcpu(vm);
	if (ret)
		return fail(why, size, ret, "vCPU 0: preserve");
	vm->stamps.vcpu_done = rdtsc();
	return 0;
}

static int preserve_all(struct vm *vm, char *why, size_t size)
{
	int ret = preserve_memory(vm, why, size);

	if (ret)
		return ret;
	if (vm->caretaker) {
		ret = preserve_detach(vm, why, size);
	} else {
		vcpu_pause(&vm->vcpu);
		vm->stamps.stopped = rdtsc();
	}
	if (ret)
		return ret;
	ret = state_save(vm);
	if (ret)
		return fail(why, size, ret, "state: save");
	vm->stamps.saved = rdtsc();
	return 0;
}

/*
 * Did the handover hit the guest in the few instructions of its timer interrupt that need a
 * kernel (WRMSR to the LAPIC timer)? Then it would stand still for the whole gap.
 */
static bool stalled_at_once(struct vm *vm)
{
	const struct timespec pause = { .tv_nsec = 200 * 1000 };
	static struct kvm_caretaker_telemetry t;
	uint64_t end = rdtsc() + WATCH_MS * (uint64_t)ioctl(vm->vcpu.fd, KVM_GET_TSC_KHZ, 0);
	struct kvm_caretaker_info info = { 0 };

	while (rdtsc() < end) {
		if (caretaker_get_info(vm->vcpu.fd, &info))
			return false;
		if (info.state == KVM_CARETAKER_STALLED)
			break;
		nanosleep(&pause, NULL);
	}
	if (info.state != KVM_CARETAKER_STALLED)
		return false;
	if (caretaker_get_telemetry(vm->vcpu.fd, &t) || !t.nr_stalls)
		return false;
	return t.stalls[(t.nr_stalls - 1) % KVM_CARETAKER_NR_STALLS].reason == SVM_EXIT_MSR;
}

static int preserve_try(struct vm *vm, char *why, size_t size)
{
	int ret;

	ret = caretaker_session_create(vm->opt->session, &vm->session);
	if (ret)
		return fail(why, size, ret, "session %s: create", vm->opt->session);
	ret = preserve_all(vm, why, size);
	if (ret) {
		caretaker_session_close(vm->session);
		vm->session = NULL;
		vcpu_unpause(&vm->vcpu);
	}
	return ret;
}

/**
 * handover_preserve() - put the VM under a live update session
 * @vm: running VM
 * @why: buffer for the reason of a failure
 * @size: its size
 *
 * Return: 0: the session is held until kexec or cancel; or a negative errno: the VM runs as before.
 */
int handover_preserve(struct vm *vm, char *why, size_t size)
{
	int ret, i;

	if (vm->session) {
		snprintf(why, size, "the VM is already preserved: cancel first");
		return -EBUSY;
	}
	if (!vm->caretaker && !vm->may_stop) {
		snprintf(why, size, "no Caretaker is installed: \"update PAYLOAD HANDLERS\" first");
		return -ENOENT;
	}
	memset(&vm->stamps, 0, sizeof(vm->stamps));
	vm->stamps.preserve_start = rdtsc();
	for (i = 0; ; i++) {
		ret = preserve_try(vm, why, size);
		if (ret || !vm->caretaker || i == STALL_TRIES || !stalled_at_once(vm))
			return ret;
		note("vCPU 0: stalled right after the handover: taken back, once more");
		ret = handover_cancel(vm, why, size);
		if (ret)
			return ret;
	}
}

/**
 * handover_cancel() - undo handover_preserve() in the same kernel
 * @vm: preserved VM
 * @why: buffer for the reason of a failure
 * @size: its size
 *
 * Return: 0: the VM runs in KVM again; -ENOENT: it was not preserved.
 */
int handover_cancel(struct vm *vm, char *why, size_t size)
{
	if (!vm->session) {
		snprintf(why, size, "the VM is not preserved");
		return -ENOENT;
	}
	vm->stamps.cancel_start = rdtsc();
	/* Nothing new may reach the console before what was absorbed. */
	vcpu_pause(&vm->vcpu);
	caretaker_session_close(vm->session);
	vm->session = NULL;
	if (replay_absorbed(vm, why, size))
		note("%s", why);
	vcpu_unpause(&vm->vcpu);
	vm->stamps.cancelled = rdtsc();
	return 0;
}

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
	vm->caretaker = vm->state->flags & CVMM_STATE_CARETAKER;
	vm->may_stop = !vm->caretaker;
	return vm_ram_map(vm);
}

/* A VM and vCPU to fill: retrieved ones with a Caretaker, new ones without. */
static int retrieve_vm(struct vm *vm)
{
	int ret;

	ret = vm->caretaker ? retrieve(vm, TOKEN_VM, "VM", &vm->fd) : vm_create(vm);
	if (ret)
		return ret;
	vm->serial.vm_fd = vm->fd;
	ret = vm_setup(vm);
	if (ret)
		return ret;
	if (!vm->caretaker)
		return vcpu_create(vm);
	ret = retrieve(vm, TOKEN_VCPU, "vCPU", &vm->vcpu.fd);
	return ret ? ret : vcpu_setup(vm);
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
	while (range.size && ioctl(vm->vcpu.fd, KVM_PRE_FAULT_MEMORY, &range) < 0) {
		if (errno != EINTR && errno != EAGAIN)
			return;
	}
}

/**
 * handover_adopt() - take the vCPU out of the Caretaker
 * @vm: VM after handover_resume()
 *
 * Called by the vCPU's thread. The first KVM_RUN adopts and returns before it enters the guest.
 * Without a Caretaker there is nothing to adopt.
 *
 * Return: 0 or a negative errno; the reason is on stderr.
 */
int handover_adopt(struct vm *vm)
{
	char why[512];
	int ret;

	if (!vm->caretaker)
		return 0;
	/* Most of it while the guest still runs in the Caretaker, the rest after it stopped. */
	ret = replay_absorbed(vm, why, sizeof(why));
	if (ret)
		err("%s", why);
	vm->beat_adopt = __atomic_load_n(&vm_mailbox(vm)->loops, __ATOMIC_ACQUIRE);
	vm->vcpu.run->immediate_exit = 1;
	ret = ioctl(vm->vcpu.fd, KVM_RUN, 0);
	if (ret >= 0 || errno != EINTR) {
		err("vCPU 0: adopt: %s", ret < 0 ? caretaker_strerror(errno) : "it ran");
		return -EIO;
	}
	vm->vcpu.run->immediate_exit = 0;
	vm->stamps.adopted = rdtsc();
	ret = replay_absorbed(vm, why, sizeof(why));
	if (ret)
		err("%s", why);
	serial_irq_refresh(&vm->serial);
	vm->stamps.replayed = rdtsc();
	vm->caretaker = false;	/* ended by the adoption */
	return ret;
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
	ret = state_restore_vm(vm);
	if (!ret)
		ret = state_restore_vcpu(vm);
	if (ret)
		return ret;
	if (vm->caretaker)
		prefault(vm);
	else
		serial_irq_refresh(&vm->serial);
	vm->stamps.restored = rdtsc();
	return 0;
}

/**
 * handover_finish() - tell live update that everything is retrieved; install a new Caretaker
 * @vm: resumed VM
 *
 * Return: 0 or a negative errno; the VM runs in any case.
 */
int handover_finish(struct vm *vm)
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

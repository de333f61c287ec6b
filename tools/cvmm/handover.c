// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Handover in the old kernel: preserve and cancel. With a Caretaker the guest runs on in the gap;
 * without one it is stopped for the whole time (the baseline).
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
static int preserve_vcpu(struct vcpu *v, char *why, size_t size)
{
	const struct timespec pause = { .tv_nsec = 2 * 1000 * 1000 };
	int i, ret = -EAGAIN;

	for (i = 0; i < VCPU_TRIES && ret == -EAGAIN; i++) {
		if (i)
			nanosleep(&pause, NULL);
		ret = caretaker_session_preserve_fd(v->vm->session, v->fd, TOKEN_VCPU + v->id);
	}
	return ret ? fail(why, size, ret, "vCPU %u: preserve", v->id) : 0;
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

/*
 * The guest keeps running. The call for each vCPU but the last one only takes its pCPU out of the
 * host; the last one moves all of them from KVM into the Caretaker together.
 */
static int preserve_detach(struct vm *vm, char *why, size_t size)
{
	unsigned int i;
	int ret = caretaker_session_preserve_fd(vm->session, vm->fd, TOKEN_VM);

	if (ret)
		return fail(why, size, ret, "VM: preserve");
	vm->stamps.vm_done = rdtsc();
	for (i = 0; i < vm->nr_vcpus; i++) {
		if (i + 1 == vm->nr_vcpus)
			vm->stamps.prepared = rdtsc();
		ret = preserve_vcpu(&vm->vcpu[i], why, size);
		if (ret)
			return ret;
	}
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
		threads_pause(vm);
		vm->stamps.stopped = rdtsc();
	}
	if (ret)
		return ret;
	serial_gap_begin(&vm->serial);
	ret = state_save(vm);
	if (ret)
		return fail(why, size, ret, "state: save");
	vm->stamps.saved = rdtsc();
	return 0;
}

static bool stalled_on_msr(struct vcpu *v)
{
	static struct kvm_caretaker_telemetry t;
	struct kvm_caretaker_info info = { 0 };

	if (caretaker_get_info(v->fd, &info) || info.state != KVM_CARETAKER_STALLED)
		return false;
	if (caretaker_get_telemetry(v->fd, &t) || !t.nr_stalls)
		return false;
	return t.stalls[(t.nr_stalls - 1) % KVM_CARETAKER_NR_STALLS].reason == SVM_EXIT_MSR;
}

/*
 * Did the handover hit the guest in the few instructions of its timer interrupt that need a
 * kernel (WRMSR to the LAPIC timer)? Then it would stand still for the whole gap.
 */
static bool stalled_at_once(struct vm *vm)
{
	const struct timespec pause = { .tv_nsec = 200 * 1000 };
	uint64_t end = rdtsc() + WATCH_MS * (uint64_t)vm->vcpu[0].tsc_khz;
	unsigned int i;

	while (rdtsc() < end) {
		for (i = 0; i < vm->nr_vcpus; i++) {
			if (stalled_on_msr(&vm->vcpu[i]))
				return true;
		}
		nanosleep(&pause, NULL);
	}
	return false;
}

/* Nothing new may reach the console before what was absorbed. */
static void taken_back(struct vm *vm)
{
	char why[512];

	threads_pause(vm);
	caretaker_session_close(vm->session);
	vm->session = NULL;
	if (replay_all(vm, why, sizeof(why)))
		note("%s", why);
	serial_gap_end(&vm->serial, NULL);
	threads_unpause(vm);
}

/**
 * handover_detach() - one try to put the VM under a live update session
 * @vm: running VM
 * @why: buffer for the reason of a failure
 * @size: its size
 *
 * Return: 0 or a negative errno: the VM runs as before.
 */
int handover_detach(struct vm *vm, char *why, size_t size)
{
	int ret;

	ret = caretaker_session_create(vm->opt->session, &vm->session);
	if (ret)
		return fail(why, size, ret, "session %s: create", vm->opt->session);
	ret = preserve_all(vm, why, size);
	if (ret)
		taken_back(vm);
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
		ret = handover_detach(vm, why, size);
		if (ret || !vm->caretaker || i == STALL_TRIES || !stalled_at_once(vm))
			return ret;
		note("VM: a vCPU stalled right after the handover: taken back, once more");
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
	taken_back(vm);
	vm->past.cancels++;
	vm->stamps.cancelled = rdtsc();
	return 0;
}

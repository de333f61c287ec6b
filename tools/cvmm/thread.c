// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The threads that run the vCPUs, one each.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "cvmm.h"

#define KICK_SIGNAL	SIGUSR1
#define JOIN_AGAIN_NS	50000000

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
		if (vcpu_exit(v))
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

/* Another vCPU could not be adopted: this one would wait for it for ever. */
static bool adopt_is_over(struct vcpu *v)
{
	if (!v->adopting || !__atomic_load_n(&v->vm->adopt_failed, __ATOMIC_ACQUIRE))
		return false;
	v->ended = VCPU_ENDED_ERROR;
	return true;
}

/* One KVM_RUN. Returns true when the vCPU ends. */
static bool run_once(struct vcpu *v)
{
	int e;

	if (adopt_is_over(v))
		return true;
	e = ioctl(v->fd, KVM_RUN, 0) < 0 ? errno : 0;
	if (v->adopting && (!e || e == EINTR || e == EAGAIN))
		handover_came(v);
	switch (e) {
	case 0:
		return vcpu_exit(v);
	case EINTR:
	case EAGAIN:
		return adopt_is_over(v);
	case EBUSY:
		detached_wait(v);
		return false;
	}
	err("vCPU %u: %s: %s", v->id, v->adopting ? "adopt" : "KVM_RUN", caretaker_strerror(e));
	v->ended = VCPU_ENDED_ERROR;
	return true;
}

/* Wakes nobody: a guest that is to be adopted waits for the last of these threads. */
static void ready_set(struct vcpu *v)
{
	__atomic_store_n(&v->ready, true, __ATOMIC_RELEASE);
}

/* The first thread that ends says why the guest ended. */
static void end_set(struct vcpu *v)
{
	enum vcpu_end alive = VCPU_ALIVE;
	uint64_t one = 1;

	pthread_mutex_lock(&v->lock);
	if (v->ended == VCPU_ALIVE)
		v->ended = VCPU_ENDED_QUIT;
	v->paused = true;
	pthread_cond_broadcast(&v->cond);
	pthread_mutex_unlock(&v->lock);
	__atomic_compare_exchange_n(&v->vm->ended, &alive, v->ended, false, __ATOMIC_ACQ_REL,
				    __ATOMIC_ACQUIRE);
	if (write(v->vm->end_fd, &one, sizeof(one)) != sizeof(one))
		err("vCPU %u: end cannot be signalled: %s", v->id, strerror(errno));
}

/* Keeps a thread on one host CPU when the user asked for it. */
static void thread_pin(struct vcpu *v)
{
	const struct cpu_list *l = &v->vm->opt->host_cpu;
	unsigned int cpu;
	cpu_set_t set;

	if (!l->nr)
		return;
	cpu = l->cpu[v->id % l->nr];
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		note("vCPU %u: host CPU %u: %s: not pinned", v->id, cpu, strerror(errno));
}

static void *thread_main(void *arg)
{
	struct vcpu *v = arg;

	thread_pin(v);
	handover_adopt(v);
	ready_set(v);
	while (v->ended == VCPU_ALIVE && may_run(v)) {
		if (run_once(v))
			break;
	}
	handover_adopt_fail(v);
	end_set(v);
	return NULL;
}

static void kick_handler(int sig)
{
	(void)sig;
}

static int thread_start(struct vcpu *v)
{
	sigset_t set, old;
	int ret;

	sigfillset(&set);
	sigdelset(&set, KICK_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &set, &old);
	ret = pthread_create(&v->thread, NULL, thread_main, v);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret) {
		err("vCPU %u: thread: %s", v->id, strerror(ret));
		return -ret;
	}
	v->started = true;
	return 0;
}

static void ready_wait(struct vcpu *v)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

	while (!__atomic_load_n(&v->ready, __ATOMIC_ACQUIRE))
		nanosleep(&pause, NULL);
}

/**
 * threads_start() - start the vCPUs' threads; vCPUs from an earlier kernel are adopted by them
 * @vm: VM whose vCPUs are ready to run
 *
 * Return: 0 when all threads run or have ended, or a negative errno; call threads_stop() anyway.
 */
int threads_start(struct vm *vm)
{
	struct sigaction sa = { .sa_handler = kick_handler };
	unsigned int i;
	int ret;

	sigaction(KICK_SIGNAL, &sa, NULL);
	for (i = 0; i < vm->nr_vcpus; i++) {
		ret = thread_start(&vm->vcpu[i]);
		if (ret)
			return ret;
	}
	for (i = 0; i < vm->nr_vcpus; i++)
		ready_wait(&vm->vcpu[i]);
	return 0;
}

/**
 * thread_call_back() - let a vCPU's thread come back from KVM_RUN once
 * @v: vCPU with a thread
 */
void thread_call_back(struct vcpu *v)
{
	pthread_mutex_lock(&v->lock);
	v->run->immediate_exit = 1;
	pthread_mutex_unlock(&v->lock);
	pthread_kill(v->thread, KICK_SIGNAL);
}

/* Makes the thread leave KVM_RUN. */
static void thread_tell(struct vcpu *v, enum vcpu_want want)
{
	pthread_mutex_lock(&v->lock);
	v->want = want;
	v->run->immediate_exit = 1;
	pthread_cond_broadcast(&v->cond);
	pthread_mutex_unlock(&v->lock);
	pthread_kill(v->thread, KICK_SIGNAL);
}

/**
 * threads_pause() - stop all vCPUs between two instructions
 * @vm: VM with threads; returns when all are out of KVM_RUN
 */
void threads_pause(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		thread_tell(&vm->vcpu[i], VCPU_PAUSE);
	for (i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = &vm->vcpu[i];

		pthread_mutex_lock(&v->lock);
		while (!v->paused)
			pthread_cond_wait(&v->cond, &v->lock);
		pthread_mutex_unlock(&v->lock);
	}
}

/**
 * threads_unpause() - let all vCPUs run, after a pause or after a cancelled handover
 * @vm: VM with threads
 */
void threads_unpause(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = &vm->vcpu[i];

		pthread_mutex_lock(&v->lock);
		v->want = VCPU_RUN;
		v->paused = false;
		pthread_cond_broadcast(&v->cond);
		pthread_mutex_unlock(&v->lock);
	}
}

/* A signal that comes right before KVM_RUN is lost where the kernel waits for other vCPUs. */
static void thread_join(struct vcpu *v)
{
	struct timespec until;

	do {
		pthread_kill(v->thread, KICK_SIGNAL);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += JOIN_AGAIN_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
	} while (pthread_timedjoin_np(v->thread, NULL, &until) == ETIMEDOUT);
	v->started = false;
}

/**
 * threads_stop() - end the vCPUs' threads and wait for them
 * @vm: VM
 */
void threads_stop(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		if (vm->vcpu[i].started)
			thread_tell(&vm->vcpu[i], VCPU_QUIT);
	}
	for (i = 0; i < vm->nr_vcpus; i++) {
		if (vm->vcpu[i].started)
			thread_join(&vm->vcpu[i]);
	}
}

// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * libcaretaker: rehearsal of a gap in the running kernel. The VM is detached; when a vCPU blocks
 * on an exit the VM is attached for a moment, so that KVM takes the guest past it, and detached
 * again, until it was detached long enough.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "caretaker.h"

#define POLL_NS		1000000
#define DETACH_TRIES	50
#define EXIT_IOIO	0x7b
#define EXIT_NPF	0x400
/* Of EXITINFO1 of an IOIO exit: port and direction; the rest depends on the instruction */
#define IOIO_KIND	0xffff0001ULL

/* Telemetry of one vCPU, and its stalls before the round */
struct watch {
	struct kvm_caretaker_telemetry t;
	uint64_t nr_stalls;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void sleep_ns(uint64_t ns)
{
	const struct timespec t = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	nanosleep(&t, NULL);
}

/* Two exits are of one kind when an operator would do the same about them. */
static int same_kind(const struct caretaker_blocked *a, const struct kvm_caretaker_stall *s)
{
	if (a->reason != s->reason || a->rip != s->rip)
		return 0;
	if (s->reason == EXIT_IOIO)
		return (a->info1 & IOIO_KIND) == (s->info1 & IOIO_KIND);
	return s->reason != EXIT_NPF || a->info2 >> 12 == s->info2 >> 12;
}

static void blocked_add(struct caretaker_rehearsal *r, uint32_t vcpu,
			const struct kvm_caretaker_stall *s)
{
	struct caretaker_blocked *b;
	uint32_t i;

	r->nr_exits++;
	for (i = 0; i < r->nr_blocked; i++) {
		if (same_kind(&r->blocked[i], s)) {
			r->blocked[i].count++;
			return;
		}
	}
	if (r->nr_blocked == CARETAKER_MAX_BLOCKED) {
		r->nr_dropped++;
		return;
	}
	b = &r->blocked[r->nr_blocked++];
	*b = (struct caretaker_blocked){
		.vcpu = vcpu,
		.count = 1,
		.reason = s->reason,
		.info1 = s->info1,
		.info2 = s->info2,
		.rip = s->rip,
	};
}

/* Reads the telemetry of all vCPUs; with @add what is new goes to the result. */
static int watch_read(struct caretaker_rehearsal *r, struct watch *w, int add)
{
	unsigned int v;
	uint64_t i;
	int ret;

	for (v = 0; v < r->nr_vcpus; v++) {
		struct kvm_caretaker_telemetry *t = &w[v].t;

		ret = caretaker_get_telemetry(r->vcpu_fds[v], t);
		if (ret)
			return ret;
		i = w[v].nr_stalls;
		if (t->nr_stalls > i + KVM_CARETAKER_NR_STALLS)
			i = t->nr_stalls - KVM_CARETAKER_NR_STALLS;
		for (; add && i < t->nr_stalls; i++)
			blocked_add(r, v, &t->stalls[i % KVM_CARETAKER_NR_STALLS]);
		w[v].nr_stalls = t->nr_stalls;
	}
	return 0;
}

/* Do all vCPUs run? 1: yes, 0: one is blocked, negative errno: one is lost. */
static int all_run(const struct caretaker_rehearsal *r)
{
	struct kvm_caretaker_info info;
	unsigned int v;
	int ret, run = 1;

	for (v = 0; v < r->nr_vcpus; v++) {
		ret = caretaker_get_info(r->vcpu_fds[v], &info);
		if (ret)
			return ret;
		if (info.state == KVM_CARETAKER_FAULTED)
			return -EIO;
		if (info.state == KVM_CARETAKER_STALLED)
			run = 0;
	}
	return run;
}

static int told_to_stop(const struct caretaker_rehearsal *r)
{
	return r->stop && r->stop(r->arg);
}

/* Watches until the time is reached or a vCPU is blocked. */
static int round_watch(struct caretaker_rehearsal *r)
{
	uint64_t start = now_ns(), before = r->detached_ns;
	int ret;

	for (;;) {
		ret = all_run(r);
		if (ret <= 0)
			return ret;
		r->detached_ns = before + now_ns() - start;
		if (r->detached_ns >= r->want_ns || told_to_stop(r))
			return 0;
		sleep_ns(POLL_NS);
	}
}

static int detach(struct caretaker_rehearsal *r)
{
	int i, ret = -EAGAIN;

	for (i = 0; i < DETACH_TRIES && ret == -EAGAIN; i++) {
		if (i)
			sleep_ns(r->attached_ns + POLL_NS);
		ret = r->detach(r->arg);
	}
	return ret;
}

static int round_make(struct caretaker_rehearsal *r, struct watch *w)
{
	int ret, back;

	ret = watch_read(r, w, 0);
	if (!ret)
		ret = detach(r);
	if (ret)
		return ret;
	r->rounds++;
	ret = round_watch(r);
	back = r->attach(r->arg);
	if (!ret)
		ret = back;
	return ret ? ret : watch_read(r, w, 1);
}

static int is_over(const struct caretaker_rehearsal *r)
{
	return r->detached_ns >= r->want_ns || (r->max_rounds && r->rounds >= r->max_rounds) ||
	       told_to_stop(r);
}

/**
 * caretaker_rehearse() - run a VM detached in this kernel and find out what would block in a gap
 * @r: what to do; the fields marked "out" are written
 *
 * Every vCPU needs a Caretaker. The VM is attached again when the call returns. Sleeps, for at
 * least @r->want_ns; each round costs some 100 ms more, in which a pCPU leaves and comes back.
 *
 * Return: 0 when it came to its end: see caretaker_rehearsal_passed(); or a negative errno: that
 * of @r->detach or @r->attach, -ENOENT without a Caretaker, -EIO when a vCPU was lost.
 */
int caretaker_rehearse(struct caretaker_rehearsal *r)
{
	struct watch *w;
	int ret = 0;

	if (!r || r->size < sizeof(*r) || !r->nr_vcpus || !r->vcpu_fds || !r->detach || !r->attach)
		return -EINVAL;
	r->rounds = 0;
	r->detached_ns = 0;
	r->nr_exits = 0;
	r->nr_blocked = 0;
	r->nr_dropped = 0;
	w = calloc(r->nr_vcpus, sizeof(*w));
	if (!w)
		return -ENOMEM;
	while (!ret && !is_over(r)) {
		if (r->rounds)
			sleep_ns(r->attached_ns);
		ret = round_make(r, w);
	}
	free(w);
	return ret;
}

/**
 * caretaker_rehearsal_passed() - may the update be made
 * @r: after caretaker_rehearse() returned 0
 *
 * Return: 1 when the whole time was reached and no exit blocked, else 0.
 */
int caretaker_rehearsal_passed(const struct caretaker_rehearsal *r)
{
	return r->detached_ns >= r->want_ns && !r->nr_exits;
}

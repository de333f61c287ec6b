// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * "rehearse SECONDS": the guest runs detached in this kernel; what would block in a gap is listed.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/reason.h"
#include "../lib/rehearsal.h"
#include "cvmm.h"

#define ATTACHED_NS	(20 * 1000 * 1000)
#define ROUNDS		50

struct rehearsal {
	struct caretaker_rehearsal r;
	struct ctele_set before;
	struct ctele_set after;
	struct vm *vm;
	int fds[MAX_VCPUS];
	char *why;
	size_t size;
};

static int detach(void *arg)
{
	struct rehearsal *h = arg;

	return handover_detach(h->vm, h->why, h->size);
}

static int attach(void *arg)
{
	struct rehearsal *h = arg;

	return handover_cancel(h->vm, h->why, h->size);
}

/* The guest has ended, or cvmm is to end. */
static int stop(void *arg)
{
	struct vm *vm = ((struct rehearsal *)arg)->vm;
	struct pollfd p[2] = {
		{ .fd = vm->end_fd, .events = POLLIN },
		{ .fd = vm->signal_fd, .events = POLLIN },
	};

	return poll(p, 2, 0) > 0;
}

static void text_write(const struct caretaker_rehearsal *r, FILE *f)
{
	char name[REASON_NAME_MAX], detail[REASON_DETAIL_MAX];
	uint32_t i;

	fprintf(f, "detached %.3f of %.3f s in %" PRIu64 " rounds\n", r->detached_ns / 1e9,
		r->want_ns / 1e9, r->rounds);
	fprintf(f, "exits that would block in a gap: %" PRIu64 " of %u kinds\n", r->nr_exits,
		r->nr_blocked);
	for (i = 0; i < r->nr_blocked; i++) {
		const struct caretaker_blocked *b = &r->blocked[i];

		fprintf(f, "  %6" PRIu64 "  vCPU %u  %-14s rip 0x%016" PRIx64 "  %s\n", b->count,
			b->vcpu, reason_name(b->reason, name), b->rip,
			reason_detail(b->reason, b->info1, b->info2, detail));
	}
	if (r->nr_dropped)
		fprintf(f, "  %6u  more\n", r->nr_dropped);
	fprintf(f, "verdict: %s\n", caretaker_rehearsal_passed(r) ? "pass" :
		r->nr_exits ? "blocks" : "too short");
}

static void json_write(const struct caretaker_rehearsal *r, FILE *f)
{
	char name[REASON_NAME_MAX], detail[REASON_DETAIL_MAX];
	uint32_t i;

	fprintf(f, "{\"schema\": 1, \"passed\": %s, ",
		caretaker_rehearsal_passed(r) ? "true" : "false");
	fprintf(f, "\"want_ns\": %" PRIu64 ", \"detached_ns\": %" PRIu64 ", ", r->want_ns,
		r->detached_ns);
	fprintf(f, "\"rounds\": %" PRIu64 ",\n \"blocked_exits\": %" PRIu64 ", ", r->rounds,
		r->nr_exits);
	fprintf(f, "\"dropped\": %u, \"blocked\": [", r->nr_dropped);
	for (i = 0; i < r->nr_blocked; i++) {
		const struct caretaker_blocked *b = &r->blocked[i];

		fprintf(f, "%s\n  {\"vcpu\": %u, \"count\": %" PRIu64 ", ", i ? "," : "", b->vcpu,
			b->count);
		fprintf(f, "\"code\": %" PRIu64 ", \"reason\": \"%s\", \"detail\": \"%s\", ",
			b->reason, reason_name(b->reason, name),
			reason_detail(b->reason, b->info1, b->info2, detail));
		fprintf(f, "\"info1\": %" PRIu64 ", \"info2\": %" PRIu64 ", ", b->info1, b->info2);
		fprintf(f, "\"rip\": %" PRIu64 "}", b->rip);
	}
	fprintf(f, "]}\n");
}

/* All vCPUs as they are now. Return: false when one cannot be read: then nothing is kept. */
static bool look_take(struct vm *vm, struct ctele_set *set)
{
	struct ctele_vcpu v;
	unsigned int i;

	ctele_set_here(set);
	for (i = 0; i < vm->nr_vcpus; i++) {
		memset(&v, 0, sizeof(v));
		v.pid = getpid();
		v.fd = vm->fd;
		v.dir_vcpu = vm->vcpu[i].id;
		v.pcpu = -1;
		v.apic_id = -1;
		v.when_ns = ctele_clock();
		strcpy(v.state, "attached");
		if (caretaker_get_telemetry(vm->vcpu[i].fd, &v.tele) || !ctele_vcpu_add(set, &v))
			return false;
	}
	return true;
}

static void rehearsal_keep(struct rehearsal *h)
{
	const struct ctele_rehearsal what = {
		.want_ns = h->r.want_ns, .detached_ns = h->r.detached_ns, .rounds = h->r.rounds,
		.blocked = h->r.nr_exits, .passed = caretaker_rehearsal_passed(&h->r),
		.vm_id = h->before.nr ? h->before.vcpus[0]->tele.vm_id : 0,
	};

	tool_name = "cvmm";
	if (h->before.nr == h->vm->nr_vcpus && look_take(h->vm, &h->after))
		rehearsal_save(REHEARSAL_DIR, &h->before, &h->after, &what);
	else
		err("the telemetry cannot be read: the rehearsal is not kept for ctop");
}

static int rehearse_check(struct vm *vm, double seconds, char *why, size_t size)
{
	if (!(seconds > 0) || seconds > REHEARSE_MAX_SECONDS) {
		snprintf(why, size, "rehearse: give more than 0 and at most %d seconds",
			 REHEARSE_MAX_SECONDS);
		return -EINVAL;
	}
	if (vm->session) {
		snprintf(why, size, "rehearse: the VM is preserved: cancel first");
		return -EBUSY;
	}
	if (!vm->caretaker) {
		snprintf(why, size, "rehearse: no Caretaker is installed: \"update PAYLOAD HANDLERS\" first");
		return -ENOENT;
	}
	return 0;
}

/**
 * rehearse() - run the guest detached for a while, list what blocked
 * @vm: VM with a Caretaker, not preserved
 * @seconds: detached time to reach
 * @json: the result is to be JSON
 * @f: where it goes: "ok" or "blocked" on the first line, then the result
 * @why: buffer for the reason of a failure
 * @size: its size
 *
 * Return: 0, or a negative errno when it could not be carried to its end; then nothing was written.
 */
int rehearse(struct vm *vm, double seconds, bool json, FILE *f, char *why, size_t size)
{
	struct rehearsal *h;
	unsigned int i;
	int ret = rehearse_check(vm, seconds, why, size);

	if (ret)
		return ret;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->vm = vm;
	h->why = why;
	h->size = size;
	for (i = 0; i < vm->nr_vcpus; i++)
		h->fds[i] = vm->vcpu[i].fd;
	h->r = (struct caretaker_rehearsal){
		.size = sizeof(h->r),
		.nr_vcpus = vm->nr_vcpus,
		.vcpu_fds = h->fds,
		.detach = detach,
		.attach = attach,
		.stop = stop,
		.arg = h,
		.want_ns = seconds * 1e9,
		.attached_ns = ATTACHED_NS,
		.max_rounds = ROUNDS,
	};
	look_take(vm, &h->before);
	ret = caretaker_rehearse(&h->r);
	if (!ret) {
		rehearsal_keep(h);
		fprintf(f, "%s\n", caretaker_rehearsal_passed(&h->r) ? "ok" : "blocked");
		(json ? json_write : text_write)(&h->r, f);
	} else if (!why[0]) {
		snprintf(why, size, "rehearse: %s", caretaker_strerror(ret));
	}
	ctele_free(&h->before);
	ctele_free(&h->after);
	free(h);
	return ret;
}

// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * A rehearsal counts what blocks, and passes only when nothing did for the whole time. The kernel
 * is a script: what each vCPU does in each round.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <caretaker.h>

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))
#define MS		1000000ULL
#define WANT_NS		(5 * MS)
#define MAX_ROUNDS	4

/* What blocks in a round: reason 0 is nothing */
struct event {
	uint32_t vcpu;
	uint64_t reason, info1, info2, rip;
};

struct scene {
	const char *name;
	struct event event[MAX_ROUNDS];	/* one per round */
	int detach_fails;		/* errno of the first call of detach */
	bool lost;			/* a vCPU is FAULTED in the first round */
	bool stop;			/* told to stop at once */
	int ret;
	bool passed;
	uint64_t exits, kinds, rounds;
};

static const struct scene scenes[] = {
	{ .name = "nothing_blocks_passes", .passed = true, .rounds = 1 },
	{ .name = "one_exit_blocks_fails", .event = { { 1, 0x7b, 0x3f80000, 0, 0x1000 } },
	  .exits = 1, .kinds = 1, .rounds = 2 },
	{ .name = "same_exit_twice_is_one_kind",
	  .event = { { 0, 0x7b, 0x3f80010, 1, 0x1000 }, { 1, 0x7b, 0x3f80020, 2, 0x1000 } },
	  .exits = 2, .kinds = 1, .rounds = 3 },
	{ .name = "other_port_other_page_other_rip_are_other_kinds",
	  .event = { { 0, 0x7b, 0x3f80000, 0, 0x1000 }, { 0, 0x7b, 0x3f90000, 0, 0x1000 },
		     { 0, 0x400, 4, 0xfee00000, 0x2000 } },
	  .exits = 3, .kinds = 3, .rounds = 4 },
	{ .name = "same_page_is_one_kind",
	  .event = { { 0, 0x400, 4, 0xfee00010, 0x2000 }, { 1, 0x400, 4, 0xfee00020, 0x2000 } },
	  .exits = 2, .kinds = 1, .rounds = 3 },
	{ .name = "rounds_have_a_limit",
	  .event = { { 0, 0x78, 0, 0, 1 }, { 0, 0x78, 0, 0, 1 }, { 0, 0x78, 0, 0, 1 },
		     { 0, 0x78, 0, 0, 1 } },
	  .exits = 4, .kinds = 1, .rounds = 4 },
	{ .name = "passing_refusal_is_tried_again", .detach_fails = EAGAIN, .passed = true,
	  .rounds = 1 },
	{ .name = "lasting_refusal_ends_it", .detach_fails = EOPNOTSUPP, .ret = -EOPNOTSUPP },
	{ .name = "lost_vcpu_ends_it", .lost = true, .ret = -EIO, .rounds = 1 },
	{ .name = "stopped_early_does_not_pass", .stop = true },
};

static const struct scene *scene;
static bool detached, refused;
static unsigned int nr_detach, nr_attach;
static struct kvm_caretaker_telemetry telemetry[2];

static const struct event *now_blocked(unsigned int vcpu)
{
	const struct event *e = &scene->event[nr_detach - 1];

	return detached && nr_detach <= MAX_ROUNDS && e->reason && e->vcpu == vcpu ? e : NULL;
}

static void info_read(unsigned int vcpu, struct kvm_caretaker_info *info)
{
	memset(info, 0, sizeof(*info));
	info->state = KVM_CARETAKER_RUNNING;
	if (scene->lost && vcpu == 1)
		info->state = KVM_CARETAKER_FAULTED;
	else if (now_blocked(vcpu))
		info->state = KVM_CARETAKER_STALLED;
}

/* In place of the C library's: descriptors 100 and 101 are vCPUs. */
int ioctl(int fd, unsigned long req, ...)
{
	struct kvm_caretaker_get *get;
	va_list ap;

	va_start(ap, req);
	get = va_arg(ap, void *);
	va_end(ap);
	if (fd < 100 || fd > 101 || req != KVM_GET_CARETAKER) {
		errno = ENOTTY;
		return -1;
	}
	if (get->what == KVM_CARETAKER_GET_INFO)
		info_read(fd - 100, (void *)(uintptr_t)get->buf);
	else
		memcpy((void *)(uintptr_t)get->buf, &telemetry[fd - 100], sizeof(telemetry[0]));
	return 0;
}

static int detach(void *arg)
{
	const struct event *e;

	if (scene->detach_fails && !refused) {
		refused = true;
		return -scene->detach_fails;
	}
	detached = true;
	nr_detach++;
	e = &scene->event[nr_detach - 1];
	if (nr_detach <= MAX_ROUNDS && e->reason) {
		struct kvm_caretaker_telemetry *t = &telemetry[e->vcpu];

		t->stalls[t->nr_stalls++ % KVM_CARETAKER_NR_STALLS] = (struct kvm_caretaker_stall){
			.reason = e->reason, .info1 = e->info1, .info2 = e->info2, .rip = e->rip,
		};
	}
	return 0;
}

static int attach(void *arg)
{
	detached = false;
	nr_attach++;
	return 0;
}

static int stop(void *arg)
{
	return scene->stop;
}

static bool scene_play(const struct scene *s)
{
	static const int fds[] = { 100, 101 };
	struct caretaker_rehearsal r = {
		.size = sizeof(r), .nr_vcpus = 2, .vcpu_fds = fds, .detach = detach,
		.attach = attach, .stop = stop, .want_ns = WANT_NS, .max_rounds = MAX_ROUNDS,
	};
	int ret;

	scene = s;
	detached = false;
	refused = false;
	nr_detach = 0;
	nr_attach = 0;
	/* What blocked in an earlier gap does not count */
	memset(telemetry, 0, sizeof(telemetry));
	telemetry[0].nr_stalls = 70;
	ret = caretaker_rehearse(&r);
	printf("# ret %d exits %lu kinds %u rounds %lu\n", ret, r.nr_exits, r.nr_blocked, r.rounds);
	return ret == s->ret && r.nr_exits == s->exits && r.nr_blocked == s->kinds &&
	       r.rounds == s->rounds && nr_attach == nr_detach && !detached &&
	       (ret || caretaker_rehearsal_passed(&r) == s->passed);
}

int main(void)
{
	unsigned int i;
	int bad = 0;

	printf("KTAP version 1\n1..%zu\n", NELEM(scenes));
	for (i = 0; i < NELEM(scenes); i++) {
		bool ok = scene_play(&scenes[i]);

		printf("%sok %u %s\n", ok ? "" : "not ", i + 1, scenes[i].name);
		bad |= !ok;
	}
	return bad;
}

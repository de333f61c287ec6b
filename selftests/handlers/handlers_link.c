// SPDX-License-Identifier: GPL-2.0
/*
 * A link moves from one handler set to another, and with it the vCPUs that came by it: all of them,
 * or none when one refuses. Beside it a guest whose vCPUs interrupt each other all the time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ktap.h"
#include "object.h"
#include "smp_test.h"

#define VCPUS		2
#define LOOK_EVERY	50
/* More than the template may cost, less than the uart */
#define BUDGET_BETWEEN	90

static struct smp_guest guest;
static int luo = -1;
static unsigned int nr_moves;
static struct handlers template, uart, hypercall;

static enum ktap_result loaded(struct handlers *h, const char *name)
{
	CHECK(!handlers_open(h, corpus_find(name)), "no object %s", name);
	CHECK(!handlers_load(h), "%s: not loaded: %.900s", name, h->log);
	return KTAP_PASS;
}

static int install(unsigned int vcpu, struct handlers *h, uint32_t budget)
{
	struct kvm_caretaker_set a;

	caretaker_args(&a);
	a.flags = KVM_CARETAKER_HANDLERS_ONLY;
	a.handlers_fd = h ? bpf_map__fd(h->map) : -1;
	a.budget = budget;
	return caretaker_ioctl_set(&guest.vcpu[vcpu], &a);
}

static int move(struct handlers *to)
{
	klog_mark();
	return bpf_link__update_map(template.link, to->map);
}

static uint32_t generation(unsigned int vcpu)
{
	struct kvm_caretaker_info info;

	return caretaker_info(&guest.vcpu[vcpu], &info) ? 0 : info.generation;
}

/* Whether the vCPUs have these sets */
static bool have(const char *first, const char *second)
{
	const char *names[VCPUS] = { first, second };
	struct kvm_caretaker_info info;
	unsigned int i;

	for (i = 0; i < VCPUS; i++) {
		if (caretaker_info(&guest.vcpu[i], &info))
			return false;
		if (strcmp(info.handlers_name, names[i])) {
			ktap_diag("vCPU %u has %.16s, not %s", i, info.handlers_name, names[i]);
			return false;
		}
	}
	return true;
}

static bool has_either(unsigned int vcpu, const char *a, const char *b)
{
	struct kvm_caretaker_info info;

	if (caretaker_info(&guest.vcpu[vcpu], &info))
		return false;
	if (!strcmp(info.handlers_name, a) || !strcmp(info.handlers_name, b))
		return true;
	ktap_diag("vCPU %u has %.16s", vcpu, info.handlers_name);
	return false;
}

static enum ktap_result guest_ready(void)
{
	luo = luo_open();
	CHECK(luo >= 0, "no Live Update");
	if (loaded(&template, "handlers/template") != KTAP_PASS ||
	    loaded(&uart, "handlers/uart") != KTAP_PASS ||
	    loaded(&hypercall, "handlers/hypercall") != KTAP_PASS)
		return KTAP_FAIL;
	CHECK(!handlers_attach(&template) && !handlers_attach(&hypercall), "no links");
	return smp_begin(&guest, VCPUS, SMP_TIMER_PERIODIC);
}

static enum ktap_result all_move(void)
{
	uint32_t before;

	CHECK(!move(&template), "a link that no vCPU came by is not moved");
	CHECK(!install(0, &template, 0) && !install(1, &template, 0), "%s", caretaker_log);
	before = generation(1);
	CHECK(!move(&uart), "not moved: %s", klog_since());
	CHECK(have("uart", "uart"), "not both have the new set");
	CHECK(generation(1) == before + 1, "it does not count");
	CHECK(install(0, &template, 0) == -EINVAL, "the old set still has a link");
	CHECK(!move(&template) && have("template", "template"), "no way back");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run");
	return KTAP_PASS;
}

static enum ktap_result others_stay(void)
{
	CHECK(!install(1, &hypercall, 0), "%s", caretaker_log);
	CHECK(!move(&uart) && have("uart", "hypercall"), "one of another link changed");
	CHECK(!install(0, NULL, 0), "%s", caretaker_log);
	CHECK(!move(&template) && have("", "hypercall"), "one without handlers has some");
	CHECK(!install(0, &template, 0) && !install(1, &template, 0), "%s", caretaker_log);
	return KTAP_PASS;
}

/* The budget is that of each vCPU's installation. */
static enum ktap_result none_moves(void)
{
	uint32_t before = generation(0);
	const char *said;
	int err;

	CHECK(!install(1, &template, BUDGET_BETWEEN), "%s", caretaker_log);
	err = move(&uart);
	said = klog_since();
	CHECK(err == -E2BIG, "over the budget of one: %s", strerror(-err));
	CHECK(strstr(said, "the link is not moved, VM ") && strstr(said, " vCPU 1: ") &&
	      strstr(said, "[COST]"), "said: %s", said);
	CHECK(have("template", "template") && generation(0) == before, "one has moved");
	CHECK(!install(0, &template, 0), "the link has moved: %s", caretaker_log);
	CHECK(!install(1, &template, 0), "%s", caretaker_log);
	CHECK(!move(&uart) && !move(&template), "not moved: %s", klog_since());
	return KTAP_PASS;
}

static enum ktap_result detached_stays(void)
{
	int session = luo_session_create(luo, "link"), err;

	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!smp_preserve(&guest, session), "not preserved");
	err = move(&uart);
	CHECK(err == -EBUSY, "while detached: %s", strerror(-err));
	CHECK(strstr(klog_since(), "detached: cancel or adopt it first"), "said: %s", klog_since());
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run detached");
	close(session);
	CHECK(smp_in_state(&guest, KVM_CARETAKER_ATTACHED, 5000), "not back in KVM");
	CHECK(smp_pcpus_online(&guest, SMP_ONLINE_MS), "a pCPU does not return");
	CHECK(have("template", "template"), "changed while detached");
	CHECK(!move(&uart) && have("uart", "uart") && !move(&template), "not moved after it");
	return KTAP_PASS;
}

static enum ktap_result unprivileged(void)
{
	int err, free;

	CHECK(!cap_sys_admin(false), "the capability could not be dropped");
	err = move(&uart);
	free = bpf_link__update_map(hypercall.link, hypercall.map);
	CHECK(!cap_sys_admin(true), "the capability could not be taken back");
	CHECK(err == -EPERM, "got %s", strerror(-err));
	CHECK(strstr(klog_since(), "needs CAP_SYS_ADMIN"), "said: %s", klog_since());
	CHECK(have("template", "template"), "changed all the same");
	CHECK(!free, "a link that no vCPU came by: %s", strerror(-free));
	return KTAP_PASS;
}

static volatile bool race_over;
static unsigned long race_installed;

/* Refused is only what no link names at the moment. */
static void *race_thread(void *arg)
{
	struct handlers *h[] = { &template, NULL, &uart };
	unsigned int n;
	int err;

	for (n = 0; !race_over; n++) {
		err = install(n % VCPUS, h[n % 3], 0);
		if (err && (err != -EINVAL || !strstr(caretaker_log, "create its link first")))
			return strdup(caretaker_log);
		race_installed += !err;
	}
	return arg;
}

/* Looks at the set in use all the time, and at its state. */
static void *reader_thread(void *arg)
{
	static char state[16384];
	struct kvm_caretaker_get g = {
		.size = sizeof(g), .what = KVM_CARETAKER_GET_STATE, .buf = (unsigned long)state,
	};
	struct kvm_caretaker_info info;
	unsigned int n;

	for (n = 0; !race_over; n++) {
		g.len = sizeof(state);
		if (caretaker_info(&guest.vcpu[n % VCPUS], &info) ||
		    ioctl(guest.vcpu[n % VCPUS].vcpu_fd, KVM_GET_CARETAKER, &g))
			return strdup(strerror(errno));
	}
	return arg;
}

static enum ktap_result moves(void)
{
	unsigned int n;
	int err;

	for (n = 0; n < nr_moves; n++) {
		err = move(n & 1 ? &template : &uart);
		CHECK(!err, "move %u: %s: %s", n, strerror(-err), klog_since());
		if (n % LOOK_EVERY == LOOK_EVERY - 1)
			CHECK(smp_alive(&guest, SMP_ALIVE_MS), "after move %u", n);
	}
	return KTAP_PASS;
}

static enum ktap_result race(void)
{
	enum ktap_result res;
	pthread_t thread, reader;
	void *said, *read;
	int err;

	CHECK(!pthread_create(&thread, NULL, race_thread, NULL) &&
	      !pthread_create(&reader, NULL, reader_thread, NULL), "no threads");
	res = moves();
	err = move(&hypercall);
	race_over = true;
	pthread_join(thread, &said);
	pthread_join(reader, &read);
	ktap_diag("%u moves, %lu installations beside them", nr_moves, race_installed);
	CHECK(!said, "the ioctl: %s", (char *)said);
	CHECK(!read, "reading: %s", (char *)read);
	CHECK(res == KTAP_PASS && race_installed, "the ioctl had no turn");
	/* Whoever was given the old set while the link moved: none has it behind the link's back */
	CHECK(!err, "not moved at last: %s", strerror(-err));
	CHECK(has_either(0, "hypercall", "") && has_either(1, "hypercall", ""), "an old set");
	CHECK(!move(&uart) && !install(0, &uart, 0) && !install(1, &uart, 0), "not usable");
	CHECK(have("uart", "uart"), "not what was installed");
	return KTAP_PASS;
}

static enum ktap_result many_moves(void)
{
	enum ktap_result res = moves();

	CHECK(res == KTAP_PASS && !move(&uart) && have("uart", "uart"), "not moved at last");
	return KTAP_PASS;
}

static enum ktap_result nothing_lost(void)
{
	return smp_end(&guest);
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "vCPUs interrupt each other, with Caretakers", guest_ready, true },
		{ "all vCPUs that came by a link move with it", all_move },
		{ "vCPUs with another set, or none, keep what they have", others_stay },
		{ "when one vCPU refuses none moves, nor does the link", none_moves },
		{ "a detached VM refuses, and moves after the cancel", detached_stays },
		{ "without CAP_SYS_ADMIN no vCPU is changed", unprivileged },
		{ "a link moves many times", many_moves },
		{ "a link moves while the ioctl installs", race },
		{ "no interrupt was lost, all registers are intact", nothing_lost },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	nr_moves = cmdline_number("ct_updates", 200);
	return ktap_run(cases, ARRAY_SIZE(cases), 300 + nr_moves);
}

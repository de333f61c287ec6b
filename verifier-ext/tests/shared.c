// SPDX-License-Identifier: GPL-2.0
/* vCPUs that share a set share its state: what they do at the same time is all counted. */
#include <pthread.h>
#include <unistd.h>

#include "cpuidmask.h"
#include "doorbell.h"
#include "hypercall.h"
#include "msr.h"
#include "ports.h"
#include "shipped.h"

#define THREADS	2
#define RUN_US	100000

#define RAX	KVM_CARETAKER_RAX
#define RCX	KVM_CARETAKER_RCX

static void hypercall_hints(void *state)
{
	struct caretaker_hypercall_state *s = state;

	s->size = sizeof(*s);
	s->done = CARETAKER_HYPERCALL_HINTS;
}

static void ports_61(void *state)
{
	struct caretaker_ports_state *s = state;

	s->flags = CARETAKER_PORT61_VALID;
}

static void doorbell_one(void *state)
{
	struct caretaker_doorbell_state *s = state;

	s->bell[3] = (struct caretaker_doorbell){
		.flags = CARETAKER_DOORBELL_USED, .port = 0xc010, .len = 2,
	};
}

static void cpuidmask_one(void *state)
{
	struct caretaker_cpuidmask_state *s = state;

	s->leaf[2].flags = CARETAKER_CPUIDMASK_USED;
	s->leaf[2].function = 1;
}

static void msr_one(void *state)
{
	struct caretaker_msr_state *s = state;

	s->rule[1].first = 0x100;
	s->rule[1].last = 0x1ff;
	s->rule[1].read = CARETAKER_MSR_ALLOW;
	s->rule[1].write = CARETAKER_MSR_ALLOW;
}

/* An exit that each vCPU has over and over, and where the set counts it, in 8 bytes */
static const struct shared_case {
	const char *set, *class, *what;
	void (*prepare)(void *state);
	u64 info1, rax, rcx;
	size_t at;
} cases[] = {
	{ "template", "hypercall", "hypercalls", NULL, .at = 8 },
	{ "template", "hypercall", "hypercalls in the gap", NULL, .at = 16 },
	{ "ports", "io", "delays", NULL, .info1 = OUT(0x80, 1),
	  .at = offsetof(struct caretaker_ports_state, delays) },
	{ "ports", "io", "reads of 0x61", ports_61, .info1 = IN(0x61, 1),
	  .at = offsetof(struct caretaker_ports_state, reads61) },
	{ "ports", "io", "writes of 0x61", ports_61, .info1 = OUT(0x61, 1),
	  .at = offsetof(struct caretaker_ports_state, writes61) },
	{ "doorbell", "io", "rings", doorbell_one, .info1 = OUT(0xc010, 2),
	  .at = offsetof(struct caretaker_doorbell_state, bell[3].rung) },
	{ "hypercall", "hypercall", "hints", hypercall_hints, .rax = 11,
	  .at = offsetof(struct caretaker_hypercall_state, answered[11]) },
	{ "hypercall", "hypercall", "hypercalls that block", hypercall_hints, .rax = 63,
	  .at = offsetof(struct caretaker_hypercall_state, blocked) },
	{ "cpuidmask", "cpuid", "answers", cpuidmask_one, .rax = 1,
	  .at = offsetof(struct caretaker_cpuidmask_state, leaf[2].answered) },
	{ "msr", "rdmsr", "reads by a rule", msr_one, .rcx = 0x123,
	  .at = offsetof(struct caretaker_msr_state, rule[1].reads) },
	{ "msr", "wrmsr", "writes by a rule", msr_one, .rcx = 0x123,
	  .at = offsetof(struct caretaker_msr_state, rule[1].writes) },
	{ "msr", "wrmsr", "accesses without a rule", msr_one, .rcx = 0x323,
	  .at = offsetof(struct caretaker_msr_state, others) },
};

/* One vCPU and what it did. */
struct vcpu {
	const struct shared_case *c;
	pthread_t thread;
	u64 calls;
};

static pthread_barrier_t start;
static volatile bool stop;

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	struct kvm_caretaker_exit e = { .size = sizeof(e), .flags = GAP, .info1 = v->c->info1 };

	pthread_barrier_wait(&start);
	/* A call at least: on a busy machine the time may be over before a thread has run. */
	for (; !stop || !v->calls; v->calls++) {
		e.gpr[RAX] = v->c->rax;
		e.gpr[RCX] = v->c->rcx;
		shipped_call(v->c->class, &e);
	}
	return NULL;
}

/* How many exits there were; 0 without threads. */
static u64 vcpus_run(const struct shared_case *c)
{
	struct vcpu vcpu[THREADS] = { 0 };
	u64 calls = 0;
	u32 i;

	stop = false;
	pthread_barrier_init(&start, NULL, THREADS);
	for (i = 0; i < THREADS; i++) {
		vcpu[i].c = c;
		if (pthread_create(&vcpu[i].thread, NULL, vcpu_thread, &vcpu[i]))
			return 0;
	}
	usleep(RUN_US);
	stop = true;
	for (i = 0; i < THREADS; i++) {
		pthread_join(vcpu[i].thread, NULL);
		calls += vcpu[i].calls;
	}
	pthread_barrier_destroy(&start);
	return calls;
}

static void test_one(const struct shared_case *c, int nr, char **paths)
{
	u8 *state = shipped_load(c->set, c->at + sizeof(u64), nr, paths);
	struct kvm_caretaker_exit e = { .flags = GAP, .info1 = c->info1 };
	u64 calls, n = 0;

	if (!state)
		return;
	if (c->prepare)
		c->prepare(state);
	e.gpr[RAX] = c->rax;
	e.gpr[RCX] = c->rcx;
	shipped_exit(c->class, &e);
	calls = vcpus_run(c);
	memcpy(&n, state + c->at, sizeof(n));
	if (n != 1 + calls)
		test_note("%llu of %llu", (unsigned long long)n, (unsigned long long)calls + 1);
	test_result(calls && n == 1 + calls, "%s: two vCPUs at once, no lost %s", c->set, c->what);
	shipped_unload();
}

void test_shared(int nr, char **paths)
{
	u32 i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_one(&cases[i], nr, paths);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions executed by compiled handlers, held against the kernel's own JIT: the same program
 * on the same input, both codes single-stepped. The shipped handlers at their work, and bodies of
 * one kind of code each (accept/bodies.bpf.c). Both are made from what the kernel's verifier left,
 * must do the same, and ours may execute at most 1.3 times as many.
 *
 * usage: handlers_jit [-b]	-b: lines for the benchmark instead of KTAP
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../bpf-handlers/cpuid.h"
#include "../../bpf-handlers/cpuidmask.h"
#include "../../bpf-handlers/doorbell.h"
#include "../../bpf-handlers/hypercall.h"
#include "../../bpf-handlers/msr.h"
#include "../../bpf-handlers/pmtimer.h"
#include "../../bpf-handlers/ports.h"
#include "../../bpf-handlers/uart.h"
#include "../../bpf-handlers/watchdog.h"
#include "bodies.h"
#include "jit_code.h"
#include "ktap.h"

#include <linux/kvm_caretaker_bpf.h>

#define RATIO_PERCENT	130
#define GAP		KVM_CARETAKER_EXIT_DETACHED
#define OUT(port, size)	((__u64)(port) << 16 | (size) << 4)
#define IN(port, size)	(OUT(port, size) | KVM_CARETAKER_IO_IN)
#define RAX		KVM_CARETAKER_RAX

/* ---- what handlers find in their memory: set up by the VMM, or by exits before ---- */

static void uart_input(void *state, void *scratch)
{
	struct caretaker_uart_state *s = state;

	s->rx_head = 3;
}

static void uart_registers(void *state, void *scratch)
{
	struct caretaker_uart_state *s = state;

	s->flags = CARETAKER_UART_REGS;
}

/* The last bell is the one that rings. */
static void doorbells(void *state, void *scratch)
{
	struct caretaker_doorbell_state *s = state;
	int i;

	for (i = 0; i < CARETAKER_DOORBELLS; i++)
		s->bell[i] = (struct caretaker_doorbell){
			.flags = CARETAKER_DOORBELL_USED | CARETAKER_DOORBELL_MATCH,
			.port = 0xc010, .len = 2, .value = i,
		};
}

static void cpuid_masks(void *state, void *scratch)
{
	struct caretaker_cpuidmask_state *s = state;
	int i;

	for (i = 0; i < CARETAKER_CPUIDMASK_LEAVES; i++)
		s->leaf[i] = (struct caretaker_cpuidmask_leaf){
			.flags = CARETAKER_CPUIDMASK_USED, .function = i,
			.value = { 1, 2, 3, 4 }, .mask = { ~0U, 0, 3, 4 },
		};
}

static void msr_rules(void *state, void *scratch)
{
	struct caretaker_msr_state *s = state;
	int i;

	for (i = 0; i < CARETAKER_MSR_RULES; i++)
		s->rule[i] = (struct caretaker_msr_rule){
			.first = 0x100 * i, .last = 0x100 * i + 0xff, .read = CARETAKER_MSR_DENY,
			.write = CARETAKER_MSR_DENY, .value = 0x1122334455667788,
		};
}

static void hypercall_hints(void *state, void *scratch)
{
	struct caretaker_hypercall_state *s = state;

	s->size = sizeof(*s);
	s->done = CARETAKER_HYPERCALL_HINTS;
	s->unknown = 1ULL << 9;
}

static void cpuid_leaf(void *state, void *scratch)
{
	struct caretaker_cpuid_state *s = state;

	*s = (struct caretaker_cpuid_state){ .size = sizeof(*s), .leaf = 1, .eax = 5 };
}

/* It does not tick, so that both see the same time. */
static void pmtimer_still(void *config)
{
	struct caretaker_pmtimer_config *c = config;

	c->ratio = 1;
	c->base_count = 0x123456789;
}

static void watchdog_limit(void *config)
{
	((struct caretaker_watchdog_config *)config)->limit = 10;
}

static void watchdog_late(void *state, void *scratch)
{
	__u64 *last = (__u64 *)((char *)scratch + KVM_CARETAKER_SCRATCH_SIZE);

	last[0] = 1000;
	last[1] = 500;
}

static void elapsed_before(void *state, void *scratch)
{
	((__u64 *)scratch)[0] = 1000;
	((__u64 *)scratch)[1] = 500;
	((__u64 *)scratch)[2] = 0x7b;
}

static void body_tables(void *state, void *scratch)
{
	struct bodies_state *s = state;
	int i;

	for (i = 0; i < BODIES_ITEMS; i++) {
		s->item[i] = 0x9e3779b97f4a7c15ULL * (i + 1);
		s->port[i] = 0x100 + i;
	}
}

/**
 * struct jit_case - a call of a handler
 * @set: object; shipped ones are handlers/NAME
 * @class: member of the set
 * @what: what the call does
 * @prepare: fills .bss and scratch memory of the set before it; NULL: as loaded
 * @info1: of the exit
 * @rax: registers of the exit
 * @rcx: the same
 * @configure: sets constants (.rodata) before the set is loaded; NULL: as built
 */
static const struct jit_case {
	const char *set;
	const char *class;
	const char *what;
	void (*prepare)(void *state, void *scratch);
	__u64 info1;
	__u64 rax;
	__u64 rcx;
	void (*configure)(void *config);
} cases[] = {
	{ "handlers/uart", "io", "transmit", NULL, OUT(0x3f8, 1), 'x', 0 },
	{ "handlers/uart", "io", "receive", uart_input, IN(0x3f8, 1), 0, 0 },
	{ "handlers/uart", "io", "status", NULL, IN(0x3fd, 1), 0, 0 },
	{ "handlers/uart", "io", "register", uart_registers, OUT(0x3fc, 1), 11, 0 },
	{ "handlers/ports", "io", "delay", NULL, OUT(0x80, 1), 0, 0 },
	{ "handlers/doorbell", "io", "last-bell", doorbells, OUT(0xc010, 2), 15, 0 },
	{ "handlers/hypercall", "hypercall", "hint", hypercall_hints, 0, 11, 0 },
	{ "handlers/cpuidmask", "cpuid", "last-leaf", cpuid_masks, 0, 7, 0 },
	{ "handlers/msr", "rdmsr", "last-rule", msr_rules, 0, 0, 0x7ff },
	{ "handlers/msr", "wrmsr", "last-rule", msr_rules, 0, 5, 0x7ff },
	{ "handlers/pmtimer", "io", "read", NULL, IN(0x608, 4), 0, 0, pmtimer_still },
	{ "handlers/latency", "io", "counted", elapsed_before, OUT(0x80, 1), 0, 0 },
	{ "handlers/watchdog", "io", "late", watchdog_late, OUT(0x80, 1), 0, 0, watchdog_limit },
	{ "handlers/recorder", "io", "recorded", NULL, OUT(0x80, 1), 0, 0 },
	{ "handlers/pc", "io", "transmit", NULL, OUT(0x3f8, 1), 'x', 0 },
	{ "handlers/pc", "io", "nobody's", NULL, OUT(0x1f0, 2), 0, 0 },
	{ "handlers/cpuid", "cpuid", "leaf", cpuid_leaf, 0, 1, 0 },
	{ "handlers/template", "hypercall", "counted", NULL, 0, 0, 0 },
	{ "accept/bodies", "hlt", "loop", body_tables, 0, 0, 0 },
	{ "accept/bodies", "cpuid", "sum", body_tables, 0, 0, 0 },
	{ "accept/bodies", "pause", "search", body_tables, OUT(0x13f, 1), 0, 0 },
	{ "accept/bodies", "rdmsr", "table", body_tables, 0, 0, 0x12345 },
	{ "accept/bodies", "wrmsr", "arithmetic", NULL, 0, 0x123456789abcdef, 0 },
	{ "accept/bodies", "other", "shifts", NULL, 0, 0x123456789abcdef, 13 },
	{ "accept/bodies", "io", "branches", NULL, OUT(0x3f9, 1), 0x41, 0 },
	{ "accept/bodies", "hypercall", "calls", NULL, 0, 0x123456789abcdef, 0 },
};

struct left {
	struct code_run run;
	struct kvm_caretaker_exit exit;
	unsigned char *memory;
	size_t size;
};

static struct code_set set;
static struct left ours, kernel;
static char why[256];

#define wrong(...)	(snprintf(why, sizeof(why), __VA_ARGS__), -1)

static size_t memory_size(void)
{
	return (size_t)(set.scratch - set.memory) + CTV_SCRATCH_BYTES;
}

static void case_begin(const struct jit_case *c, struct left *l)
{
	size_t size;

	code_set_reset(&set);
	if (c->prepare)
		c->prepare(code_set_section(&set, ".bss", &size), set.scratch);
	if (c->configure)
		c->configure(code_set_section(&set, ".rodata", &size));
	l->exit = (struct kvm_caretaker_exit){
		.size = sizeof(l->exit), .flags = GAP, .info1 = c->info1, .rip = 0x1000,
		.reason = 0x7b, .tsc = 5000, .guest_tsc = 900,
	};
	l->exit.gpr[RAX] = c->rax;
	l->exit.gpr[KVM_CARETAKER_RCX] = c->rcx;
	l->exit.gpr[KVM_CARETAKER_RBX] = 0x1234;
	l->exit.gpr[KVM_CARETAKER_RDX] = 0x5678;
}

static void case_end(struct left *l)
{
	memcpy(l->memory, set.memory, memory_size());
}

/* Both from the same start: the exit context is at the same address, too. */
static int case_runs(const struct jit_case *c, const struct code_kernel *k, int n)
{
	static struct kvm_caretaker_exit exit;
	int err;

	case_begin(c, &kernel);
	exit = kernel.exit;
	err = code_run_kernel(&set, k, &exit, &kernel.run);
	kernel.exit = exit;
	case_end(&kernel);
	if (err)
		return wrong("the kernel's code did not end");
	case_begin(c, &ours);
	exit = ours.exit;
	err = code_run_ours(&set, n, &exit, &ours.run);
	ours.exit = exit;
	case_end(&ours);
	return err ? wrong("the Caretaker's code did not end") : 0;
}

static int case_compare(int n)
{
	const struct ctv_prog *p = &set.o.progs[n];

	if ((int)kernel.run.result != (int)ours.run.result)
		return wrong("result %lld in the kernel's code, %lld in ours",
			     (long long)kernel.run.result, (long long)ours.run.result);
	if (memcmp(&kernel.exit, &ours.exit, sizeof(ours.exit)))
		return wrong("the exit context differs");
	if (memcmp(kernel.memory, ours.memory, memory_size()))
		return wrong("global variables or scratch memory differ");
	if (ours.run.insns > p->cost)
		return wrong("%lu instructions, verified as %u at most", ours.run.insns, p->cost);
	return 0;
}

/* 0: both counts are there, and the code did the same. */
static int case_run(const struct jit_case *c)
{
	struct code_kernel k = {};
	int n, err = code_set_open(&set, corpus_find(c->set), c->configure);

	if (err)
		return wrong("%s: %d: %.160s", c->set, err, set.problem);
	n = code_set_find(&set, c->class);
	if (n < 0)
		return wrong("%s has no handler %s", c->set, c->class);
	if (code_kernel_get(&set, n, &k))
		return wrong("%.160s", set.problem);
	ours.memory = calloc(1, memory_size());
	kernel.memory = calloc(1, memory_size());
	err = case_runs(c, &k, n);
	if (!err)
		err = case_compare(n);
	free(ours.memory);
	free(kernel.memory);
	code_kernel_put(&k);
	return err;
}

static enum ktap_result case_result(const struct jit_case *c, int err)
{
	if (err) {
		ktap_diag("%s", why);
		return KTAP_FAIL;
	}
	ktap_diag("kernel %lu, ours %lu instructions: %lu %%; %lu calls of functions and returns outside",
		  kernel.run.insns, ours.run.insns, ours.run.insns * 100 / kernel.run.insns,
		  kernel.run.out);
	return ours.run.insns * 100 <= kernel.run.insns * RATIO_PERCENT ? KTAP_PASS : KTAP_FAIL;
}

int main(int argc, char **argv)
{
	bool bench = argc > 1 && !strcmp(argv[1], "-b");
	int bad = 0, err;
	size_t i;

	if (!bench)
		ktap_plan(ARRAY_SIZE(cases));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct jit_case *c = &cases[i];

		err = case_run(c);
		bad += !!err;
		if (!bench)
			ktap_result(case_result(c, err),
				    "compiled code of %s %s (%s) against the kernel's", c->set,
				    c->class, c->what);
		else if (err)
			printf("bench-error %s %s %s: %s\n", c->set, c->class, c->what, why);
		else
			printf("bench-jit %s %s %s %lu %lu\n", c->set, c->class, c->what,
			       kernel.run.insns, ours.run.insns);
		code_set_close(&set);
	}
	if (!bench)
		return ktap_finish();
	printf("bench-jit-end %d\n", bad);
	return !!bad;
}

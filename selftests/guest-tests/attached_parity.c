// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest sees is the same with no Caretaker, with one on the host's page tables and with
 * one on isolated tables; and the telemetry counts exactly the exits that the guest caused.
 */
#include <stdlib.h>
#include <string.h>

#include "caretaker_test.h"
#include "guest_script.h"
#include "ktap.h"

/* SVM exit codes are their own reason index (APM volume 2, appendix C) */
#define REASON_INTR	0x60
#define REASON_CPUID	0x72
#define REASON_HLT	0x78
#define REASON_IOIO	0x7b
#define REASON_MSR	0x7c
#define REASON_VMMCALL	0x81

#define NR_IO		8
#define NR_HLT		5
#define NR_VMMCALL	3

static struct script_line script[SCRIPT_MAX];
static unsigned int nr_lines, nr_cpuid, nr_rdmsr;

struct run {
	struct script_line line[SCRIPT_MAX];
	uint64_t irqs;
	uint64_t kvm_exits;
	struct kvm_caretaker_telemetry before, after;
};

static struct run plain, shared, isolated;

static void add(uint32_t op, uint32_t a, uint32_t b)
{
	script[nr_lines++] = (struct script_line){ .op = op, .a = a, .b = b };
}

static void add_cpuid(uint32_t fn, uint32_t index)
{
	add(SCRIPT_CPUID, fn, index);
	nr_cpuid++;
}

/* Every leaf of the table, then inputs that are not in it */
static void add_leaves(const struct kvm_cpuid2 *table)
{
	static const uint32_t unlisted[][2] = {
		{ 0x7, 0x7 }, { 0x7, 0xffffffff }, { 0xb, 5 }, { 0xd, 63 }, { 0x1e, 0 },
		{ 0x1fff, 0 }, { 0x40000002, 0 }, { 0x4fffffff, 0 }, { 0x7fffffff, 0 },
		{ 0x80000009, 1 }, { 0x8fffffff, 0 }, { 0xc0000000, 0 }, { 0xffffffff, 0 },
		{ 0x1, 0xdead }, { 0x80000008, 0xbeef },
	};
	unsigned int i;

	for (i = 0; i < table->nent; i++)
		add_cpuid(table->entries[i].function, table->entries[i].index);
	for (i = 0; i < ARRAY_SIZE(unlisted); i++)
		add_cpuid(unlisted[i][0], unlisted[i][1]);
}

static void add_msrs(void)
{
	static const uint32_t msrs[] = {
		0x1b /* APIC_BASE */, 0x277 /* PAT */, 0xc0000080 /* EFER */, 0x802, 0x803,
		0x80f, 0x8b /* microcode */, 0xfe /* MTRRcap */, 0x2ff /* MTRR default */,
		0x179 /* MCG_CAP */, 0x12345678, 0xc0011020, 0xc0010015 /* HWCR */,
		0xc0010114 /* VM_CR */, 0xc0010117 /* VM_HSAVE_PA */,
	};
	unsigned int i, round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < ARRAY_SIZE(msrs); i++) {
			add(SCRIPT_RDMSR, msrs[i], 0);
			nr_rdmsr++;
		}
	}
}

static void script_build(const struct kvm_cpuid2 *table)
{
	unsigned int i;

	nr_lines = 0;
	nr_cpuid = 0;
	nr_rdmsr = 0;
	add_leaves(table);
	add_msrs();
	add(SCRIPT_PAUSE, 1000, 0);
	for (i = 0; i < NR_IO; i++)
		add(i % 2 ? SCRIPT_OUT : SCRIPT_IN, i % 2 ? 0x80 : GUEST_PORT_UNSERVED, i);
	for (i = 0; i < NR_HLT; i++)
		add(SCRIPT_HLT, 0, 0);
	for (i = 0; i < NR_VMMCALL; i++)
		add(SCRIPT_VMMCALL, 0x7fffffff, 0);
}

/* The script twice: a first round to warm up, and one that is measured */
static enum ktap_result run_script(struct kvm_guest *g, struct run *r, bool caretaker)
{
	int64_t exits;

	CHECK(!script_run(g, script, nr_lines), "the script did not end");
	if (caretaker)
		CHECK(!caretaker_telemetry(g, &r->before), "no telemetry");
	exits = guest_stat(g, "exits");
	CHECK(exits >= 0, "no statistic of exits: %ld", exits);
	script_area(g)->irqs = 0;
	CHECK(!script_run(g, script, nr_lines), "the script did not end");
	r->kvm_exits = guest_stat(g, "exits") - exits;
	if (caretaker)
		CHECK(!caretaker_telemetry(g, &r->after), "no telemetry");
	r->irqs = script_area(g)->irqs;
	memcpy(r->line, script_area(g)->line, nr_lines * sizeof(r->line[0]));
	return KTAP_PASS;
}

static enum ktap_result run_guest(struct run *r, bool caretaker, uint32_t flags)
{
	enum ktap_result res;
	struct kvm_guest g;

	CHECK(!guest_create(&g, &guest_script), "no guest");
	script_build(g.cpuid);
	if (caretaker)
		CHECK(!caretaker_install(&g, flags), "no Caretaker");
	res = run_script(&g, r, caretaker);
	guest_destroy(&g);
	return res;
}

static enum ktap_result lines_equal(const struct run *a, const struct run *b)
{
	unsigned int i;

	CHECK(a->irqs == b->irqs && a->irqs == NR_HLT, "interrupts: %lu and %lu", a->irqs, b->irqs);
	for (i = 0; i < nr_lines; i++) {
		const struct script_line *x = &a->line[i], *y = &b->line[i];

		CHECK(!memcmp(x, y, sizeof(*x)),
		      "line %u, op %u %#x %#x: #GP %u: %#x %#x %#x %#x; #GP %u: %#x %#x %#x %#x",
		      i, x->op, x->a, x->b, x->fault, x->out[0], x->out[1], x->out[2], x->out[3],
		      y->fault, y->out[0], y->out[1], y->out[2], y->out[3]);
	}
	return KTAP_PASS;
}

static uint64_t grown(const struct run *r, unsigned int reason)
{
	return telemetry_sum(&r->after, reason) - telemetry_sum(&r->before, reason);
}

static uint64_t grown_by(const struct run *r, unsigned int reason, unsigned int server)
{
	return kvm_caretaker_exits(&r->after, reason, server) -
	       kvm_caretaker_exits(&r->before, reason, server);
}

static enum ktap_result counts_exact(const struct run *r)
{
	/* Per HLT one WRMSR to send the interrupt and one for its EOI; the end is one OUT */
	const struct {
		const char *name;
		unsigned int reason;
		uint64_t want;
	} c[] = {
		{ "CPUID", REASON_CPUID, nr_cpuid },
		{ "MSR", REASON_MSR, nr_rdmsr + 2 * NR_HLT },
		{ "IOIO", REASON_IOIO, NR_IO + 1 },
		{ "VMMCALL", REASON_VMMCALL, NR_VMMCALL },
	};
	uint64_t to_kvm = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(c); i++)
		CHECK(grown(r, c[i].reason) == c[i].want, "%s: %lu exits counted, %lu made",
		      c[i].name, grown(r, c[i].reason), c[i].want);
	/* HLT with an interrupt pending exits or takes the interrupt first */
	CHECK(grown(r, REASON_HLT) <= NR_HLT, "HLT: %lu exits, at most %u made",
	      grown(r, REASON_HLT), NR_HLT);
	for (i = 0; i < KVM_CARETAKER_NR_REASONS; i++)
		to_kvm += grown_by(r, i, KVM_CARETAKER_KVM);
	CHECK(to_kvm == r->kvm_exits, "%lu exits forwarded, KVM saw %lu", to_kvm, r->kvm_exits);
	return KTAP_PASS;
}

static enum ktap_result listed_cpuid_native(const struct run *r)
{
	uint64_t native = grown_by(r, REASON_CPUID, KVM_CARETAKER_NATIVE);
	/* Not those of the host's interrupts: how many come is a matter of time */
	uint64_t seen = r->kvm_exits - grown_by(r, REASON_INTR, KVM_CARETAKER_KVM);

	ktap_diag("CPUID: %lu of %u native; MSR: %lu of %u native; KVM saw %lu exits", native,
		  nr_cpuid, grown_by(r, REASON_MSR, KVM_CARETAKER_NATIVE),
		  nr_rdmsr + 2 * NR_HLT, r->kvm_exits);
	CHECK(native >= nr_cpuid / 2, "most CPUID exits went to KVM");
	CHECK(seen < plain.kvm_exits, "KVM saw %lu exits, %lu without a Caretaker", seen,
	      plain.kvm_exits);
	return KTAP_PASS;
}

static enum ktap_result without(void)
{
	return run_guest(&plain, false, 0);
}

static enum ktap_result on_host_tables(void)
{
	enum ktap_result res = run_guest(&shared, true, 0);

	return res == KTAP_PASS ? lines_equal(&plain, &shared) : res;
}

static enum ktap_result on_isolated_tables(void)
{
	enum ktap_result res = run_guest(&isolated, true, KVM_CARETAKER_ISOLATE);

	return res == KTAP_PASS ? lines_equal(&plain, &isolated) : res;
}

static enum ktap_result counts_shared(void)
{
	return counts_exact(&shared);
}

static enum ktap_result counts_isolated(void)
{
	return counts_exact(&isolated);
}

static enum ktap_result native_shared(void)
{
	return listed_cpuid_native(&shared);
}

static enum ktap_result native_isolated(void)
{
	return listed_cpuid_native(&isolated);
}

/* A guest that is told another CPUID must see that one, not the host's. */
static enum ktap_result own_cpuid_table(void)
{
	static const struct script_line lines[] = {
		{ .op = SCRIPT_CPUID, .a = 0x40000000 },
		{ .op = SCRIPT_CPUID, .a = 0x80000002 },
	};
	struct kvm_guest g;
	unsigned int i;

	CHECK(!guest_create(&g, &guest_script), "no guest");
	for (i = 0; i < g.cpuid->nent; i++)
		if (g.cpuid->entries[i].function == 0x80000002)
			g.cpuid->entries[i].eax = 0x43415245;
	CHECK(!guest_set_cpuid2(&g), "KVM_SET_CPUID2 was refused");
	CHECK(!caretaker_install(&g, 0), "no Caretaker");
	CHECK(!script_run(&g, lines, ARRAY_SIZE(lines)), "the script did not end");
	CHECK(script_area(&g)->line[1].out[0] == 0x43415245, "the guest saw %#x",
	      script_area(&g)->line[1].out[0]);
	guest_destroy(&g);
	return KTAP_PASS;
}

/* KVM_SET_CPUID2 after the install has to reach the payload's table, too. */
static enum ktap_result cpuid_changed_later(void)
{
	static const struct script_line lines[] = { { .op = SCRIPT_CPUID, .a = 0x80000002 } };
	struct kvm_guest g;
	unsigned int i;

	CHECK(!guest_create(&g, &guest_script), "no guest");
	CHECK(!caretaker_install(&g, 0), "no Caretaker");
	for (i = 0; i < g.cpuid->nent; i++)
		if (g.cpuid->entries[i].function == 0x80000002)
			g.cpuid->entries[i].eax = 0x43415245;
	if (guest_set_cpuid2(&g)) {
		ktap_diag("refused after the install, which is fine");
	} else {
		CHECK(!script_run(&g, lines, ARRAY_SIZE(lines)), "the script did not end");
		CHECK(script_area(&g)->line[0].out[0] == 0x43415245, "the guest saw %#x",
		      script_area(&g)->line[0].out[0]);
	}
	guest_destroy(&g);
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "the guest runs without a Caretaker", without },
		{ "the guest sees the same on the host's page tables", on_host_tables },
		{ "the guest sees the same on isolated page tables", on_isolated_tables },
		{ "telemetry counts exactly, host's page tables", counts_shared },
		{ "telemetry counts exactly, isolated page tables", counts_isolated },
		{ "CPUID is served natively, host's page tables", native_shared },
		{ "CPUID is served natively, isolated page tables", native_isolated },
		{ "CPUID comes from the guest's table", own_cpuid_table },
		{ "CPUID that changes after the install is seen", cpuid_changed_later },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 60);
}

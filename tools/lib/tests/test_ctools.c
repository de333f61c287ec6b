// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Unit tests of what the tools have in common; built with the address and UB sanitizers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctele.h"
#include "output.h"
#include "pcpu.h"
#include "reason.h"

#define CHECK(cond)							\
	do {								\
		if (!(cond)) {						\
			printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #cond);	\
			return false;					\
		}							\
	} while (0)

static uint64_t random_state = 88172645463325252ULL;

/* The same numbers in every run */
static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void random_fill(void *buf, size_t len)
{
	unsigned char *p = buf;

	while (len--)
		*p++ = random_next();
}

static bool reason_index_is_reversible(void)
{
	unsigned int i;

	for (i = 0; i < KVM_CARETAKER_NR_REASONS; i++)
		CHECK(reason_index(reason_code(i)) == i);
	CHECK(reason_index(0x72) == 0x72);
	CHECK(reason_index(0x400) == KVM_CARETAKER_REASON_NPF);
	CHECK(reason_index(0x41e) == 0xfe);
	CHECK(reason_index(0x41f) == KVM_CARETAKER_REASON_OTHER);
	CHECK(reason_index(0xe0) == KVM_CARETAKER_REASON_OTHER);
	CHECK(reason_index(~0ULL) == KVM_CARETAKER_REASON_OTHER);
	return true;
}

static bool reason_names_are_right(void)
{
	char buf[REASON_NAME_MAX];

	CHECK(!strcmp(reason_name(0x72, buf), "CPUID"));
	CHECK(!strcmp(reason_name(0x7b, buf), "IOIO"));
	CHECK(!strcmp(reason_name(0x14, buf), "WRITE_CR4"));
	CHECK(!strcmp(reason_name(0x27, buf), "READ_DR7"));
	CHECK(!strcmp(reason_name(0x94, buf), "CR4_WRITE_TRAP"));
	CHECK(!strcmp(reason_name(0x4e, buf), "EXCP_PF"));
	CHECK(!strcmp(reason_name(0x400, buf), "NPF"));
	CHECK(!strcmp(reason_name(~0ULL, buf), "INVALID"));
	CHECK(!strcmp(reason_name(0xdf, buf), "UNKNOWN(0xdf)"));
	CHECK(!strcmp(reason_name(0xfffffffffffffffdULL, buf), "UNKNOWN(0xfffffffffffffffd)"));
	CHECK(!strcmp(reason_name_index(0xff, buf), "OTHER"));
	CHECK(!strcmp(reason_name_index(0xfe, buf), "UNKNOWN(0x41e)"));
	return true;
}

static bool reason_names_differ(void)
{
	char a[REASON_NAME_MAX], b[REASON_NAME_MAX];
	unsigned int i, j;

	for (i = 0; i < KVM_CARETAKER_NR_REASONS; i++)
		for (j = 0; j < i; j++)
			CHECK(strcmp(reason_name_index(i, a), reason_name_index(j, b)));
	return true;
}

static bool reason_lists_are_parsed(void)
{
	reason_set set;

	CHECK(reason_set_parse("cpuid,0x7b,1024,OTHER", set));
	CHECK(set[0x72] && set[0x7b] && set[0xe0] && set[0xff] && !set[0x7c]);
	CHECK(!reason_set_parse("cpuid,nonsense", set));
	CHECK(!reason_set_parse("", set));
	CHECK(!reason_set_parse(",,", set));
	CHECK(!reason_set_parse("0x7b7b7b7b7b7b7b7b7b7b7b", set));
	CHECK(!reason_set_parse("12x", set));
	return true;
}

static bool reason_details_are_decoded(void)
{
	char buf[REASON_DETAIL_MAX];
	unsigned int i;

	CHECK(!strcmp(reason_detail(0x7b, 0x3f80010, 0, buf), "out port 0x3f8, 1 byte"));
	CHECK(!strcmp(reason_detail(0x7b, 0xcf80041, 0, buf), "in port 0xcf8, 4 bytes"));
	CHECK(!strcmp(reason_detail(0x7c, 1, 0, buf), "wrmsr"));
	CHECK(!strcmp(reason_detail(0x400, 6, 0xfee00000, buf),
		      "write gpa 0xfee00000, error 0x6"));
	CHECK(!*reason_detail(0x72, ~0ULL, ~0ULL, buf));
	for (i = 0; i < 1000; i++)
		reason_detail(i & 1 ? 0x7b : 0x400, random_next(), random_next(), buf);
	return true;
}

static bool times_are_converted(void)
{
	char buf[FMT_MAX];

	CHECK(tsc_to_ns(2500000, 2500000) == 1000000);
	CHECK(tsc_to_ns(1, 1) == 1000000);
	CHECK(tsc_to_ns(5, 0) == NS_NONE);
	CHECK(tsc_to_ns(UINT64_MAX, 1) == NS_NONE);
	CHECK(tsc_to_ns(UINT64_MAX, 4000000) == 4611686018427387903ULL);
	CHECK(tsc_span(7, 3, 1000000) == NS_NONE);
	CHECK(tsc_span(0, 3, 1000000) == NS_NONE);
	CHECK(tsc_span(3, 7, 1000000) == 4);
	CHECK(!strcmp(fmt_ns(NS_NONE, buf), "-"));
	CHECK(!strcmp(fmt_ns(999, buf), "999 ns"));
	CHECK(!strcmp(fmt_ns(1500000, buf), "1.50 ms"));
	CHECK(!strcmp(fmt_ns(5750000000ULL, buf), "5.750 s"));
	CHECK(!strcmp(fmt_offset(1000000001, buf), "1.000000001"));
	fmt_ns(NS_NONE - 1, buf);
	fmt_offset(NS_NONE - 1, buf);
	return true;
}

static void tele_init(struct kvm_caretaker_telemetry *t)
{
	memset(t, 0, sizeof(*t));
	t->size = sizeof(*t);
	t->abi = KVM_CARETAKER_TELEMETRY_ABI;
	t->tsc_khz = 1000000;
}

static bool blob_of_any_length_is_judged(void)
{
	struct kvm_caretaker_telemetry t;
	const size_t lens[] = { 0, 1, 4, 7, 8, 9, 4096, sizeof(t) - 1, sizeof(t) };
	void *copy;
	size_t i;

	tele_init(&t);
	/* Exact allocations: the sanitizer sees a read past the end */
	for (i = 0; i < TOOL_NELEM(lens); i++) {
		copy = malloc(lens[i] ? lens[i] : 1);
		memcpy(copy, &t, lens[i]);
		CHECK((ctele_blob_check(copy, lens[i], "blob") == TOOL_OK) ==
		      (lens[i] == sizeof(t)));
		free(copy);
	}
	return true;
}

static bool blob_heads_are_judged(void)
{
	struct kvm_caretaker_telemetry t;

	tele_init(&t);
	t.size += 4096;
	CHECK(ctele_blob_check(&t, sizeof(t), "longer struct") == TOOL_OK);
	t.size = sizeof(t) - 1;
	CHECK(ctele_blob_check(&t, sizeof(t), "short size") == TOOL_FAILED);
	t.size = sizeof(t);
	t.abi = 2;
	CHECK(ctele_blob_check(&t, sizeof(t), "next ABI") == TOOL_NODATA);
	t.abi = 0;
	CHECK(ctele_blob_check(&t, sizeof(t), "no ABI") == TOOL_FAILED);
	t.abi = 0xdeadbeef;
	CHECK(ctele_blob_check(&t, sizeof(t), "noise") == TOOL_FAILED);
	memset(&t, 0, sizeof(t));
	CHECK(ctele_blob_check(&t, sizeof(t), "zeros") == TOOL_FAILED);
	return true;
}

static bool gap_stamps_of_former_handovers_are_left_out(void)
{
	struct kvm_caretaker_telemetry t;
	struct ctele_gap g;

	tele_init(&t);
	CHECK(!ctele_gap(&t, &g));
	t.tsc_stop = 100;
	t.tsc_run = 110;
	t.tsc_kick = 50;
	t.tsc_park = 60;
	t.tsc_adopt = 70;
	CHECK(ctele_gap(&t, &g));
	CHECK(g.start == 100 && g.stop == 100 && !g.kick && !g.park && !g.adopt);
	t.tsc_kick = 200;
	t.tsc_park = 210;
	t.tsc_adopt = 220;
	t.tsc_stop = 300;
	CHECK(ctele_gap(&t, &g));
	CHECK(g.start == 110 && !g.stop && g.kick == 200 && g.park == 210 && g.adopt == 220);
	return true;
}

static bool stall_ring_says_what_it_lost(void)
{
	struct kvm_caretaker_telemetry t;

	tele_init(&t);
	CHECK(ctele_stalls_lost(&t) == 0 && ctele_stall_first(&t) == 0);
	t.nr_stalls = KVM_CARETAKER_NR_STALLS;
	CHECK(ctele_stalls_lost(&t) == 0);
	t.nr_stalls += 3;
	CHECK(ctele_stalls_lost(&t) == 3 && ctele_stall_first(&t) == 3);
	CHECK(ctele_stall(&t, 3) == &t.stalls[3]);
	CHECK(ctele_stall(&t, KVM_CARETAKER_NR_STALLS + 2) == &t.stalls[2]);
	return true;
}

static bool noise_is_survived(void)
{
	struct kvm_caretaker_telemetry t;
	struct ctele_vcpu v;
	struct ctele_gap g;
	char text[512];
	unsigned int i;
	uint64_t n;

	for (i = 0; i < 2000; i++) {
		random_fill(&t, sizeof(t));
		if (i < 3)
			ctele_blob_check(&t, sizeof(t), "noise");
		ctele_gap(&t, &g);
		for (n = ctele_stall_first(&t); n != t.nr_stalls; n++)
			ctele_stall_sane(ctele_stall(&t, n));
		random_fill(text, sizeof(text));
		text[sizeof(text) - 1] = '\0';
		memset(&v, 0, sizeof(v));
		ctele_text_parse(&v, text);
	}
	return true;
}

static bool debugfs_text_is_parsed(void)
{
	char text[] = "state: detached, stalled\nvm_id: 12\napic_id: 7\nhandlers: uart\n"
		      "nonsense\n:  x\nexits attached:\n";
	char long_text[] = "state: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\napic_id: -4\n"
			   "pcpu: 99999999999999999999\n"
			   "handlers: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n";
	struct ctele_vcpu v = { .pcpu = -1 };

	ctele_text_parse(&v, text);
	CHECK(!strcmp(v.state, "stalled") && v.apic_id == 7 && !strcmp(v.handlers, "uart"));
	CHECK(v.pcpu == -1);
	ctele_text_parse(&v, long_text);
	CHECK(strlen(v.state) == sizeof(v.state) - 1 && v.apic_id == -1 && v.pcpu == -1);
	CHECK(strlen(v.handlers) == sizeof(v.handlers) - 1);
	return true;
}

static bool pcpus_are_found(void)
{
	struct pcpu_map map;
	size_t i, known = 0;

	pcpu_load(&map);
	for (i = 0; i < map.nr; i++)
		if (map.apic_ids[i] >= 0 && pcpu_find(&map, map.apic_ids[i]) == (int)i)
			known++;
	printf("# /proc/cpuinfo names %zu CPUs with APIC ids\n", known);
	CHECK(pcpu_find(&map, -1) == -1);
	CHECK(pcpu_find(&map, 1L << 40) == -1);
	pcpu_free(&map);
	CHECK(pcpu_find(&map, 0) == -1);
	return true;
}

static const struct {
	const char *name;
	bool (*run)(void);
} cases[] = {
#define CASE(f) { #f, f }
	CASE(reason_index_is_reversible),
	CASE(reason_names_are_right),
	CASE(reason_names_differ),
	CASE(reason_lists_are_parsed),
	CASE(reason_details_are_decoded),
	CASE(times_are_converted),
	CASE(blob_of_any_length_is_judged),
	CASE(blob_heads_are_judged),
	CASE(gap_stamps_of_former_handovers_are_left_out),
	CASE(stall_ring_says_what_it_lost),
	CASE(noise_is_survived),
	CASE(debugfs_text_is_parsed),
	CASE(pcpus_are_found),
};

int main(void)
{
	size_t i, failed = 0;
	bool ok;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* The messages of refusals are expected: make them diagnostics */
	tool_name = "# message";
	printf("KTAP version 1\n1..%zu\n", TOOL_NELEM(cases));
	for (i = 0; i < TOOL_NELEM(cases); i++) {
		ok = cases[i].run();
		failed += !ok;
		printf("%sok %zu %s\n", ok ? "" : "not ", i + 1, cases[i].name);
	}
	return failed != 0;
}

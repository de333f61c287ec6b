// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Unit tests of what the tools have in common; built with the address and UB sanitizers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctele.h"
#include "hist.h"
#include "boot.h"
#include "iter.h"
#include "output.h"
#include "pcpu.h"
#include "reason.h"
#include "record.h"
#include "times.h"
#include "unit.h"

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
	t.abi = 3;
	CHECK(ctele_blob_check(&t, sizeof(t), "next ABI") == TOOL_NODATA);
	t.abi = 1;
	t.size = sizeof(struct ctele_tele1);
	CHECK(ctele_blob_check(&t, sizeof(struct ctele_tele1), "old ABI") == TOOL_OK);
	CHECK(ctele_blob_check(&t, sizeof(struct ctele_tele1) - 1, "cut") == TOOL_FAILED);
	t.abi = 2;
	CHECK(ctele_blob_check(&t, sizeof(t), "old size, new ABI") == TOOL_FAILED);
	t.size = sizeof(t);
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
	struct times all = { .count = 0 };
	struct ledger l = { .vcpus = 0 };
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
		t.abi = 1 + i % 2;
		for (n = 0; n <= CTELE_ROW_SHARED; n++)
			times_add(&all, &t, NULL, n, n % 4, i % 3);
		times_percentile_ns(&all, 99);
		times_mean_ns(&all);
		ctele_damage(&t);
		for (n = ctele_stall_first(&t); n != t.nr_stalls; n++)
			ctele_stall_sane(ctele_stall(&t, n));
		random_fill(text, sizeof(text));
		text[sizeof(text) - 1] = '\0';
		memset(&v, 0, sizeof(v));
		ctele_text_parse(&v, text);
		v.tele = t;
		ledger_add(&l, &v, NULL);
		ledger_residual_text(&l, text, sizeof(text));
		ledger_residual_ns(&l);
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

#define DIGEST	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* With one digit less, one more, or another character it is none. */
static bool digest_is_taken_whole_or_not_at_all(void)
{
	static const char *const bad[] = {
		"digest: " DIGEST "0", "digest: ", "digest: 0", "digest: g" DIGEST,
		"digest:" DIGEST, "digest: 0011223344556677 899aabbccddeeff00112233445566778899aabbccddeefff",
	};
	char text[160], buf[CTELE_DIGEST_TEXT];
	struct ctele_vcpu v = { .pcpu = -1 }, other;
	size_t i;

	for (i = 0; i < TOOL_NELEM(bad); i++) {
		snprintf(text, sizeof(text), "handlers: uart\n%s\npcpu: -1\n", bad[i]);
		ctele_text_parse(&v, text);
		CHECK(!ctele_digest(&v, 2 * CTELE_DIGEST_BYTES, buf) && v.pcpu == -1);
	}
	other = v;
	CHECK(ctele_same_handlers(&v, &other));
	snprintf(text, sizeof(text), "handlers: %s\ndigest: %s\npcpu: 12\n", "", DIGEST);
	ctele_text_parse(&v, text);
	CHECK(ctele_digest(&v, 2 * CTELE_DIGEST_BYTES, buf) && !strcmp(buf, DIGEST));
	CHECK(ctele_digest(&v, CTELE_DIGEST_SHORT, buf) && !strcmp(buf, "001122334455"));
	CHECK(!v.handlers[0] && v.pcpu == 12 && !ctele_same_handlers(&v, &other));
	strcpy(other.handlers, v.handlers);
	CHECK(!ctele_same_handlers(&v, &other));
	return true;
}

/* 2.5 GHz; the TSC was 10^12 when the clock of the log started. */
static bool phases_of_a_boot_are_found_in_the_log(void)
{
	const struct boot_scale scale = {
		.zero = -400000000000ULL, .mult = 429496730, .shift = 30,
	};
	static const char *const lines[] = {
		"", ";", "6", "6,1;x", "x,1,0,-;Linux version 1",
		"6,1,99999999999999999999999,-;Run /init as init process",
		"5,0,0,-;Linux version 7.3.4-ct-b (x)", "6,1,5,-;Linux version of another",
		"6,9,150000,-;smp: Bringing up secondary CPUs ...",
		"6,9,200000,c;smp: Brought up 1 node, 2 CPUs",
		"6,9,200000,-;Run-time checks", "6,10,1000000,-;Run /init as init process",
		" SUBSYSTEM=x", "6,11,2000000,-;Run /sbin/init as init process",
	};
	struct boot boot = { { 0 } };
	size_t i;

	for (i = 0; i < TOOL_NELEM(lines); i++)
		boot_line(&boot, &scale, lines[i]);
	/* 32 bits of factor: to some thousand cycles */
	CHECK((boot.tsc[BOOT_CLOCK] + 5000) / 10000 == 100000000);
	CHECK((boot.tsc[BOOT_CPUS] - boot.tsc[BOOT_CLOCK] + 5) / 10 == 50000000);
	CHECK((boot.tsc[BOOT_INIT] - boot.tsc[BOOT_CLOCK] + 5) / 10 == 250000000);
	CHECK(!boot_tsc(&(struct boot_scale){ 0, 0, 10 }, 5));
	CHECK(!boot_tsc(&(struct boot_scale){ 0, 1, 33 }, 5));
	CHECK(!boot_tsc(&(struct boot_scale){ 1, 1, 32 }, 0));
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

static bool histograms_count(void)
{
	struct hist h = { .nr = 0 };
	char label[2 * FMT_MAX];
	unsigned int first, last, i;

	CHECK(!hist_range(&h, &first, &last) && hist_mean(&h) == NS_NONE);
	CHECK(hist_percentile(&h, 99) == NS_NONE);
	for (i = 0; i < 99; i++)
		hist_add(&h, 1000);
	hist_add(&h, 5000000);
	CHECK(h.nr == 100 && h.max == 5000000 && h.slots[9] == 99 && h.slots[22] == 1);
	CHECK(hist_range(&h, &first, &last) && first == 9 && last == 22);
	CHECK(hist_mean(&h) == 50990);
	CHECK(hist_percentile(&h, 50) == 1023 && hist_percentile(&h, 99) == 1023);
	CHECK(hist_percentile(&h, 100) == 5000000);
	hist_label(9, label);
	CHECK(!strcmp(label, "512 ns - 1.02 us"));
	hist_add(&h, 0);
	hist_add(&h, UINT64_MAX);
	hist_add(&h, UINT64_MAX);
	CHECK(h.slots[0] == 1 && h.slots[63] == 2 && h.sum == UINT64_MAX);
	hist_label(63, label);
	return true;
}

static bool words_are_packed_and_unpacked(void)
{
	uint64_t in[100], out[100];
	unsigned char buf[100 * 12], *exact;
	size_t round, i, len;

	for (round = 0; round < 2000; round++) {
		for (i = 0; i < 100; i++)
			in[i] = random_next() % 4 > round % 5 ? random_next() : 0;
		len = record_pack(in, 100, buf);
		exact = malloc(len ? len : 1);
		memcpy(exact, buf, len);
		CHECK(record_unpack(exact, len, out, 100) && !memcmp(in, out, sizeof(in)));
		/* Any cut is either between two runs or noticed */
		for (i = 0; i < len; i++)
			record_unpack(exact, i, out, 100);
		free(exact);
	}
	CHECK(!record_unpack((unsigned char *)"\0\0\0\0", 4, out, 100));
	CHECK(!record_unpack((unsigned char *)"\0\0\1\0", 4, out, 100));
	CHECK(record_unpack((unsigned char *)"\xff\xff\1\0abcdefgh", 12, out, 100));
	return true;
}

static bool crc_is_that_of_ieee(void)
{
	CHECK(record_crc(0, "123456789", 9) == 0xcbf43926);
	CHECK(record_crc(record_crc(0, "1234", 4), "56789", 5) == 0xcbf43926);
	return true;
}

static bool set_synthetic(struct ctele_set *set, struct ctele_reader *r,
			  const struct ctele_source *src)
{
	return ctele_open(r, src) == TOOL_OK && ctele_load(r, set) == TOOL_OK;
}

static bool synthetic_looks_are_the_same_each_time(void)
{
	struct ctele_source src = { .debugfs = "", .synthetic = 500, .pid = -1, .vcpu = -1 };
	struct ctele_set a, b, c;
	struct ctele_reader r, q;
	size_t i;

	CHECK(set_synthetic(&a, &r, &src) && set_synthetic(&b, &q, &src));
	CHECK(a.nr == 500 && a.vms == 63 && b.nr == 500);
	for (i = 0; i < a.nr; i++)
		CHECK(!memcmp(a.vcpus[i], b.vcpus[i], sizeof(*a.vcpus[i])));
	CHECK(ctele_load(&r, &c) == TOOL_OK);
	CHECK(ctele_exits(&c.vcpus[0]->tele, 0x72, 0, false) ==
	      2 * ctele_exits(&a.vcpus[0]->tele, 0x72, 0, false));
	CHECK(c.realtime_ns - a.realtime_ns == 1000000000);
	ctele_free(&a);
	ctele_free(&b);
	ctele_free(&c);
	ctele_close(&r);
	ctele_close(&q);
	return true;
}

/* A recording of two looks in memory. Return: its bytes */
static size_t recording_make(unsigned char **data, const struct ctele_source *src)
{
	struct record_writer w;
	struct ctele_reader r;
	struct ctele_set set;
	size_t len = 0;
	FILE *f = open_memstream((char **)data, &len);
	unsigned int i;

	ctele_open(&r, src);
	for (i = 0; i < 2; i++) {
		ctele_load(&r, &set);
		if (!i)
			record_write_head(&w, f, &set);
		record_write_look(&w, &set);
		ctele_free(&set);
	}
	record_write_end(&w);
	ctele_close(&r);
	fclose(f);
	return len;
}

/* *looks: complete ones. Return: how it ended */
static enum record_got recording_read(const void *data, size_t len, unsigned int *looks)
{
	struct ctele_source all = { .pid = -1, .vcpu = -1 };
	struct record_reader r;
	enum record_got got;
	struct ctele_set set;
	FILE *f = fmemopen((void *)data, len, "r");

	*looks = 0;
	if (record_read_head(&r, f, "recording") != TOOL_OK) {
		fclose(f);
		return RECORD_GOT_DAMAGE;
	}
	do {
		memset(&set, 0, sizeof(set));
		got = record_read_look(&r, &all, &set);
		*looks += got == RECORD_GOT_LOOK;
		ctele_free(&set);
	} while (got == RECORD_GOT_LOOK);
	record_read_done(&r);
	fclose(f);
	return got;
}

static bool recording_that_is_cut_anywhere_is_readable(void)
{
	struct ctele_source src = { .debugfs = "", .synthetic = 3, .pid = -1, .vcpu = -1 };
	unsigned int looks, most = 0;
	unsigned char *data;
	size_t len, i;

	len = recording_make(&data, &src);
	CHECK(recording_read(data, len, &looks) == RECORD_GOT_END && looks == 2);
	for (i = sizeof(struct record_head); i < len; i++) {
		CHECK(recording_read(data, i, &looks) == RECORD_GOT_CUT);
		CHECK(looks >= most);
		most = looks;
	}
	CHECK(most == 2);
	free(data);
	return true;
}

static bool recording_with_any_bit_wrong_is_noticed(void)
{
	struct ctele_source src = { .debugfs = "", .synthetic = 2, .pid = -1, .vcpu = -1 };
	unsigned char *data;
	unsigned int looks;
	size_t len, i;

	len = recording_make(&data, &src);
	for (i = sizeof(struct record_head); i < len; i++) {
		data[i] ^= 1U << i % 8;
		CHECK(recording_read(data, len, &looks) != RECORD_GOT_END);
		data[i] ^= 1U << i % 8;
	}
	CHECK(recording_read(data, len, &looks) == RECORD_GOT_END);
	free(data);
	return true;
}

static size_t iter_put(unsigned char *buf, unsigned int vcpu, uint64_t vm_id, unsigned int bytes)
{
	struct iter_row row = { .magic = ITER_MAGIC, .bytes = bytes, .state = 4, .pcpu = ~0U,
				.apic_id = 7, .vcpu = vcpu, .vm_id = vm_id };
	struct kvm_caretaker_telemetry t;

	tele_init(&t);
	t.vcpu = vcpu;
	t.vm_id = vm_id;
	memcpy(buf, &row, sizeof(row));
	memcpy(buf + sizeof(row), &t, bytes < sizeof(t) ? bytes : sizeof(t));
	return sizeof(row) + bytes;
}

/* What a row says of the handlers, and what is taken of it */
static bool iter_handlers(unsigned int has, unsigned int known, const char *name, bool digest)
{
	struct ctele_source all = { .debugfs = "", .pid = -1, .vcpu = -1 };
	const size_t tele = sizeof(struct kvm_caretaker_telemetry);
	unsigned char *buf = malloc(sizeof(struct iter_row) + tele);
	struct iter_row *row = (void *)buf;
	struct ctele_set set = { .nr = 0 };
	char text[CTELE_DIGEST_TEXT];
	size_t len = iter_put(buf, 3, 0xab, tele), used;
	bool right;

	row->has_handlers = has;
	row->known = known;
	/* No zero at the end: whatever a kernel gives is read no further. */
	memset(row->name, 'n', sizeof(row->name));
	memset(row->digest, 0xa5, sizeof(row->digest));
	right = iter_rows_take(&set, &all, buf, len, &used) == TOOL_OK && set.nr == 1 &&
		!strcmp(set.vcpus[0]->handlers, name) &&
		digest == !!ctele_digest(set.vcpus[0], CTELE_DIGEST_SHORT, text) &&
		(!digest || !strcmp(text, "a5a5a5a5a5a5"));
	ctele_free(&set);
	free(buf);
	return right;
}

static bool handlers_of_the_iterator_are_what_the_kernel_knows(void)
{
	const unsigned int both = ITER_KNOWS_NAME | ITER_KNOWS_DIGEST;

	CHECK(iter_handlers(1, both, "nnnnnnnnnnnnnnnn", true));
	CHECK(iter_handlers(1, ITER_KNOWS_NAME, "nnnnnnnnnnnnnnnn", false));
	CHECK(iter_handlers(1, ITER_KNOWS_DIGEST, "", true));
	CHECK(iter_handlers(1, 0, "", false));
	CHECK(iter_handlers(0, both, "none", false) && iter_handlers(0, 0, "none", false));
	return true;
}

static bool rows_of_the_iterator_are_taken(void)
{
	struct ctele_source all = { .debugfs = "", .pid = -1, .vcpu = -1 };
	const size_t whole = sizeof(struct iter_row) + sizeof(struct kvm_caretaker_telemetry);
	unsigned char *buf = malloc(4 * whole), *exact;
	struct ctele_set set = { .nr = 0 };
	size_t len, used, i;

	len = iter_put(buf, 3, 0xab, sizeof(struct kvm_caretaker_telemetry));
	len += iter_put(buf + len, 4, 0xab, 0);
	len += iter_put(buf + len, 5, 0xab, 100);
	/* Any cut, and a read past it would be seen: rows are taken whole. */
	for (i = 0; i <= len; i += 37) {
		exact = malloc(i ? i : 1);
		memcpy(exact, buf, i);
		CHECK(iter_rows_take(&set, &all, exact, i, &used) == TOOL_OK && used <= i);
		CHECK(set.nr == (i >= whole) && (used == 0) == (i < whole));
		ctele_free(&set);
		free(exact);
	}
	CHECK(iter_rows_take(&set, &all, buf, len, &used) == TOOL_OK && used == len);
	CHECK(set.nr == 1 && set.unreadable == 1 && set.status == TOOL_FAILED);
	CHECK(set.vcpus[0]->pid == -1 && set.vcpus[0]->dir_vcpu == 3 && set.vcpus[0]->pcpu == -1);
	CHECK(set.vcpus[0]->apic_id == 7 && !strcmp(set.vcpus[0]->state, "stalled"));
	CHECK(set.vcpus[0]->tele.vm_id == 0xab && set.vcpus[0]->when_ns);
	ctele_free(&set);
	buf[0] ^= 1;
	CHECK(iter_rows_take(&set, &all, buf, len, &used) == TOOL_FAILED);
	buf[0] ^= 1;
	((struct iter_row *)buf)->bytes = ITER_TELE_MAX + 1;
	CHECK(iter_rows_take(&set, &all, buf, len, &used) == TOOL_FAILED);
	ctele_free(&set);
	free(buf);
	return true;
}

static bool messages_are_held(void)
{
	tool_err_hold(true);
	tool_err("first %d", 1);
	tool_err("second %d", 2);
	tool_err_hold(false);
	CHECK(!strcmp(tool_err_held(), "second 2"));
	tool_err_forget();
	CHECK(!tool_err_held()[0]);
	return true;
}

static const struct unit_case cases[] = {
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
	CASE(digest_is_taken_whole_or_not_at_all),
	CASE(phases_of_a_boot_are_found_in_the_log),
	CASE(pcpus_are_found),
	CASE(histograms_count),
	CASE(words_are_packed_and_unpacked),
	CASE(crc_is_that_of_ieee),
	CASE(synthetic_looks_are_the_same_each_time),
	CASE(recording_that_is_cut_anywhere_is_readable),
	CASE(recording_with_any_bit_wrong_is_noticed),
	CASE(handlers_of_the_iterator_are_what_the_kernel_knows),
	CASE(rows_of_the_iterator_are_taken),
	CASE(messages_are_held),
};

int main(void)
{
	return unit_run(cases, TOOL_NELEM(cases));
}

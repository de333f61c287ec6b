// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's reader of event rings, on rings that are as the payload leaves them and on rings
 * that are not: those end the reading, with a reason, and nothing but the ring is touched.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ktap.h"
#include "ring.h"

#define NR	KVM_CARETAKER_RING_NR_SUBBUFS
#define KHZ	2000000

static struct kvm_caretaker_ring ring;
static struct caretaker_ring_reader reader;

/* A small writer: only what the form asks for. */
static uint32_t *data_end(void)
{
	struct kvm_caretaker_ring_subbuf *s = &ring.subbuf[(ring.begun - 1) % NR];

	return (uint32_t *)(s->data + s->commit);
}

static void put_word(uint32_t word)
{
	*data_end() = word;
	ring.subbuf[(ring.begun - 1) % NR].commit += 4;
}

static void begin(uint64_t tsc)
{
	struct kvm_caretaker_ring_slot *slot = &ring.slot[ring.begun % NR];
	struct kvm_caretaker_ring_subbuf *s = &ring.subbuf[ring.begun % NR];

	s->time_stamp = tsc;
	s->commit = 0;
	slot->first = ring.events;
	slot->seq = ring.begun++;
}

/* A record of two words, @delta after the one before; its number is in it. */
static void put(uint32_t delta)
{
	put_word(delta << 5 | 2);
	put_word(1);
	put_word(ring.events++);
}

/* A full sub-buffer: 84 records of 12 bytes. */
static void fill(unsigned int subbufs)
{
	unsigned int i, j;

	for (i = 0; i < subbufs; i++) {
		begin(ring.begun * 1000);
		for (j = 0; j < 84; j++)
			put(j ? 1 : 0);
	}
}

static void ring_reset(void)
{
	memset(&ring, 0, sizeof(ring));
	ring.size = sizeof(ring);
	ring.abi = KVM_CARETAKER_RING_ABI;
	ring.subbuf_size = KVM_CARETAKER_RING_SUBBUF;
	ring.nr_subbufs = NR;
	ring.tsc_khz = KHZ;
}

/* Reads all there is: how many; the first one's number. */
static unsigned int drain(uint32_t *first, bool *good)
{
	uint32_t number, expected = 0;
	unsigned int n = 0;
	const void *rec;

	*good = true;
	while ((rec = caretaker_ring_peek(&reader)) && n < 100000) {
		memcpy(&number, (const char *)rec + 4, sizeof(number));
		if (!n)
			*first = expected = number;
		*good &= number == expected++ && reader.len == 8;
		caretaker_ring_consume(&reader);
		n++;
	}
	return n;
}

static enum ktap_result empty(void)
{
	uint32_t first;
	bool good;

	ring_reset();
	caretaker_ring_open(&reader, &ring);
	CHECK(!drain(&first, &good) && !reader.broken, "not empty");
	return KTAP_PASS;
}

static enum ktap_result as_written(void)
{
	uint32_t first;
	unsigned int n;
	bool good;

	ring_reset();
	caretaker_ring_open(&reader, &ring);
	fill(3);
	n = drain(&first, &good);
	CHECK(n == 252 && good && !first, "%u records from %u on", n, first);
	CHECK(reader.tsc == 2083 && !reader.lost, "TSC %lu, %lu lost", reader.tsc, reader.lost);
	begin(5000);
	put(0);
	put(7);
	CHECK(drain(&first, &good) == 2 && first == 252, "from %u on", first);
	put(8);
	CHECK(drain(&first, &good) == 1 && first == 254 && reader.tsc == 5015, "TSC %lu",
	      reader.tsc);
	CHECK(ring.read == 255, "%llu read", ring.read);
	return KTAP_PASS;
}

static enum ktap_result time_extended(void)
{
	ring_reset();
	caretaker_ring_open(&reader, &ring);
	begin(1000);
	put(0);
	put_word(5 << 5 | 30);
	put_word(3);
	put(2);
	CHECK(caretaker_ring_peek(&reader), "no record");
	caretaker_ring_consume(&reader);
	CHECK(caretaker_ring_peek(&reader), "no second record");
	CHECK(reader.tsc == 1000 + 5 + (3UL << 27) + 2, "TSC %lu", reader.tsc);
	return KTAP_PASS;
}

/* What was overwritten is counted, exactly, by a reader that comes back as by one that is new. */
static enum ktap_result overrun(void)
{
	uint32_t first;
	unsigned int n;
	bool good;

	ring_reset();
	caretaker_ring_open(&reader, &ring);
	fill(2);
	CHECK(drain(&first, &good) == 168, "not all");
	fill(50);
	CHECK(caretaker_ring_overrun(&reader) == (50 - NR) * 84, "%lu overrun",
	      caretaker_ring_overrun(&reader));
	n = drain(&first, &good);
	CHECK(n == NR * 84 && good && first == (52 - NR) * 84, "%u records from %u on", n,
	      first);
	CHECK(reader.lost == (50 - NR) * 84 && ring.lost == (50 - NR) * 84, "%lu lost",
	      reader.lost);
	fill(20);
	caretaker_ring_open(&reader, &ring);
	n = drain(&first, &good);
	CHECK(n == NR * 84 && good && reader.lost == (70 - 2 * NR) * 84, "%u records, %lu lost", n,
	      reader.lost);
	return KTAP_PASS;
}

/* The next kernel shows what is there, also what the old one read, and counts what was lost. */
static enum ktap_result next_kernel(void)
{
	uint32_t first;
	unsigned int n;
	bool good;

	ring_reset();
	caretaker_ring_open(&reader, &ring);
	fill(1);
	drain(&first, &good);
	fill(1);
	caretaker_ring_open(&reader, &ring);
	n = drain(&first, &good);
	CHECK(n == 168 && good && !reader.lost, "%u records, %lu lost", n, reader.lost);
	fill(NR + 3);
	caretaker_ring_open(&reader, &ring);
	n = drain(&first, &good);
	CHECK(n == NR * 84 && reader.lost == 3 * 84, "%u records, %lu lost", n, reader.lost);
	return KTAP_PASS;
}

/* A sub-buffer that is being begun is left out. */
static enum ktap_result being_begun(void)
{
	uint32_t first;
	unsigned int n;
	bool good;

	ring_reset();
	fill(NR + 1);
	ring.slot[1].seq = ~0ULL;
	caretaker_ring_open(&reader, &ring);
	n = drain(&first, &good);
	CHECK(n == (NR - 1) * 84 && good && !reader.broken, "%u records", n);
	return KTAP_PASS;
}

/**
 * struct bad - a ring that no payload leaves
 * @name:	what is wrong with it
 * @why:	part of the reason that the reader gives; NULL: it reads on
 * @at:		where in the ring
 * @len:	bytes there
 * @value:	what is there
 */
struct bad {
	const char *name;
	const char *why;
	size_t at;
	unsigned int len;
	uint64_t value;
};

#define AT(field)	offsetof(struct kvm_caretaker_ring, field), \
			sizeof(((struct kvm_caretaker_ring *)0)->field)
#define WORD(s, off)	offsetof(struct kvm_caretaker_ring, subbuf[s].data[off]), 4

static const struct bad bad[] = {
	{ "another ABI", "version", AT(abi), 2 },
	{ "no ABI", "version", AT(abi), 0 },
	{ "another size", "version", AT(size), 0 },
	{ "a larger sub-buffer", "version", AT(subbuf_size), 4096 },
	{ "more sub-buffers", "version", AT(nr_subbufs), 16 },
	{ "no TSC frequency", "frequency", AT(tsc_khz), 0 },
	{ "more read than written", "counts", AT(read), 1000000 },
	{ "far too many written", "counts", AT(events), ~0ULL },
	{ "far too many sub-buffers", "counts", AT(begun), ~0ULL },
	{ "sub-buffers that never were", NULL, AT(begun), 1ULL << 40 },
	{ "another sub-buffer in a slot", NULL, AT(slot[1].seq), 77 },
	{ "a first record that never was", "never written", AT(slot[0].first), 1ULL << 50 },
	{ "a first record before the last one", "overlap", AT(slot[1].first), 3 },
	{ "more in use than there is", "more in use", AT(subbuf[0].commit), 1009 },
	{ "much more in use", "more in use", AT(subbuf[0].commit), 1ULL << 63 },
	{ "more in use by 2^32", "more in use", AT(subbuf[0].commit), (1ULL << 32) + 12 },
	{ "in use an odd number", "more in use", AT(subbuf[0].commit), 13 },
	{ "a record of type 29", "type", WORD(0, 0), 29 },
	{ "a record of type 31", "type", WORD(0, 12), 31 },
	{ "a record of no length", "length", WORD(0, 0), 0 },
	{ "a long record past the end", "length", WORD(0, 996), 0 },
	{ "a short record past the end", "length", WORD(0, 996), 3 },
	{ "a record of one word", "length", WORD(0, 0), 1 },
	{ "a record larger than any", "length", WORD(0, 0), 28 },
	{ "a time cut off", "cut off", WORD(0, 1004), 30 },
	{ "a second header in a record", "length", WORD(0, 1004), 2 },
};

/* Each in a ring of two sub-buffers, with a record of two headers at the end of the first. */
static enum ktap_result malformed(void)
{
	unsigned int i, n;
	uint32_t first;
	bool good;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ring_reset();
		fill(1);
		/* The last record becomes two times and a header: the case says which. */
		if (strstr(bad[i].name, "cut off") || strstr(bad[i].name, "second header")) {
			memset(ring.subbuf[0].data + 996, 0, 12);
			ring.subbuf[0].data[996] = 30;
		}
		fill(1);
		memcpy((char *)&ring + bad[i].at, &bad[i].value, bad[i].len);
		caretaker_ring_open(&reader, &ring);
		n = drain(&first, &good);
		CHECK(n <= 2 * 84, "%s: %u records", bad[i].name, n);
		CHECK(!bad[i].why == !reader.broken, "%s: %s", bad[i].name,
		      reader.broken ?: "read as if it was good");
		CHECK(!bad[i].why || strstr(reader.broken, bad[i].why), "%s: %s", bad[i].name,
		      reader.broken);
		CHECK(!caretaker_ring_peek(&reader), "%s: one more record", bad[i].name);
	}
	return KTAP_PASS;
}

/* Random damage: the reader comes to an end, and AddressSanitizer has no complaint. */
static enum ktap_result damaged(void)
{
	unsigned int i, j, at, broken = 0;
	uint32_t first;
	bool good;

	srand(1);
	for (i = 0; i < 50000; i++) {
		ring_reset();
		ring.read = rand() % 3 ? 0 : rand();
		fill(rand() % (NR + 5));
		for (j = rand() % 8; j; j--) {
			at = rand() % 2 ? sizeof(ring) : offsetof(struct kvm_caretaker_ring, pad);
			at = rand() % at;
			((uint8_t *)&ring)[at] = rand();
		}
		caretaker_ring_open(&reader, &ring);
		CHECK(drain(&first, &good) <= NR * 84, "more than the ring holds");
		caretaker_ring_overrun(&reader);
		broken += !!reader.broken;
	}
	ktap_diag("%u of %u rings were refused", broken, i);
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "a ring without records is empty", empty },
		{ "records are read as they were written", as_written },
		{ "times are extended", time_extended },
		{ "overwritten records are counted", overrun },
		{ "the next kernel reads what is left", next_kernel },
		{ "a sub-buffer that is being begun is left out", being_begun },
		{ "malformed rings are refused or read past", malformed },
		{ "damaged rings do no harm", damaged },
	};

	return ktap_run(cases, ARRAY_SIZE(cases), 60);
}

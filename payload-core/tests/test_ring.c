// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the payload core: the event ring, read back by a reader that knows only the form
 * of a page of Linux's trace ring buffer.
 */
#include <pthread.h>
#include <stdlib.h>

#include "harness.h"
#include "../ring.h"

#define NR	KVM_CARETAKER_RING_NR_SUBBUFS
#define ID	0x77
#define WIDE	992	/* the largest record */
#define FAR	(1ULL << 27)

/* What the tests write: an id that no event has, and a number that counts up. */
struct counted {
	u16 id, pad;
	u32 number;
	u8 more[WIDE - 8];
};

/* One record as the reader found it. */
struct found {
	u64 tsc;
	u32 len;
	const u8 *data;
};

static bool put(u32 number, u32 len)
{
	struct counted c;

	c = (struct counted){ .id = ID, .number = number };
	memset(c.more, number, sizeof(c.more));
	return payload_ring_write(&c, len);
}

static u32 word(const u8 *at)
{
	return at[0] | at[1] << 8 | at[2] << 16 | (u32)at[3] << 24;
}

/*
 * The next record of @page behind @off, which moves; false at the end. Type in the low 5 bits of
 * the header, time since the record before in the upper 27.
 */
static bool page_next(const struct kvm_caretaker_ring_subbuf *page, u32 *off, struct found *f)
{
	u32 head, type;

	for (;;) {
		if (*off >= page->commit)
			return false;
		head = word(page->data + *off);
		type = head & 31;
		f->tsc += head >> 5;
		*off += 4;
		if (type != 30)
			break;
		f->tsc += (u64)word(page->data + *off) << 27;
		*off += 4;
	}
	EXPECT(type <= 28);
	f->len = type ? type * 4 : word(page->data + *off) - 4;
	*off += type ? 0 : 4;
	f->data = page->data + *off;
	*off += f->len;
	EXPECT(*off <= page->commit && page->commit <= sizeof(page->data));
	return true;
}

static u32 number_of(const struct found *f)
{
	return word(f->data + 4);
}

/* All that the ring holds, oldest first: as many as that, each number one more than the last. */
static u32 ring_count(u64 *first_tsc)
{
	u64 seq = h.ring.begun > NR ? h.ring.begun - NR : 0, last = 0;
	u32 count = 0, expected = 0;

	for (; seq < h.ring.begun; seq++) {
		const struct kvm_caretaker_ring_subbuf *page = &h.ring.subbuf[seq % NR];
		struct found f = { .tsc = page->time_stamp };
		u32 off = 0;

		EXPECT_EQ(h.ring.slot[seq % NR].seq, seq);
		while (page_next(page, &off, &f)) {
			if (!count)
				expected = h.ring.slot[seq % NR].first;
			EXPECT_EQ(number_of(&f), expected++);
			EXPECT(f.tsc >= last);
			if (!count && first_tsc)
				*first_tsc = f.tsc;
			last = f.tsc;
			count++;
		}
	}
	EXPECT_EQ(h.ring.events, expected);
	EXPECT(!count || last == h.tsc);
	return count;
}

static void test_in_order(void)
{
	u64 first;
	u32 i;

	EXPECT_EQ(ring_count(NULL), 0);
	for (i = 0; i < 40; i++)
		EXPECT(put(i, 28));
	EXPECT_EQ(ring_count(&first), 40);
	EXPECT_EQ(first, 10);
	EXPECT_EQ(h.ring.begun, 2);
	EXPECT_EQ(h.ring.stamp, h.tsc);
}

/* 28 bytes take 32 in the ring: 31 records of 1008 bytes. */
static void test_wrap(void)
{
	u32 i;

	for (i = 0; i < 100 * 31 + 1; i++)
		EXPECT(put(i, 28));
	EXPECT_EQ(h.ring.begun, 101);
	EXPECT_EQ(ring_count(NULL), (NR - 1) * 31 + 1);
	EXPECT_EQ(h.ring.events, 100 * 31 + 1);
}

/* Any mix of lengths, and of times near the limit of 27 bits. */
static void test_lengths_and_times(void)
{
	u32 i, len, all = 0;

	for (i = 0; i < 20000; i++) {
		len = 8 + rand() % 8 * (rand() % 4 ? 4 : 120);
		h.tsc += rand() % 3 ? (u64)rand() % 100 : FAR - 20 + rand() % 16;
		EXPECT(put(i, len));
		all = ring_count(NULL);
		if (failures)
			break;
	}
	EXPECT(all > NR - 1);
}

static const struct kvm_caretaker_ring_subbuf *newest(void)
{
	return &h.ring.subbuf[(h.ring.begun - 1) % NR];
}

/* Below 2^27 cycles no extension, from there on one; what does not fit in that begins a page. */
static void test_time_extend(void)
{
	static const struct { u64 step; u32 bytes; } steps[] = {
		{ 10, 12 }, { FAR - 1, 12 }, { FAR, 20 }, { 5 * FAR + 3, 20 },
		{ (1ULL << 59) - 1, 20 }, { 1, 12 },
	};
	u64 commit;
	u32 i;

	put(0, 8);
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		commit = newest()->commit;
		h.tsc += steps[i].step - 10;
		EXPECT(put(i + 1, 8));
		EXPECT_EQ(newest()->commit - commit, steps[i].bytes);
	}
	EXPECT_EQ(h.ring.begun, 1);
	h.tsc += (1ULL << 59) - 10;
	EXPECT(put(i + 1, 8));
	EXPECT_EQ(h.ring.begun, 2);
	EXPECT_EQ(ring_count(NULL), i + 2);
}

/* The TSC of the CPU that an attached vCPU came to can be behind: time stands, then goes on. */
static void test_time_back(void)
{
	put(0, 8);
	h.tsc = 1000000;
	put(1, 8);
	h.tsc = 500000;
	put(2, 8);
	EXPECT_EQ(h.ring.stamp, 1000010);
	h.tsc = 2000000;
	put(3, 8);
	EXPECT_EQ(ring_count(NULL), 4);
}

/* Up to 112 bytes the length is in the header, above it takes a word. */
static void test_sizes(void)
{
	static const struct { u32 len, bytes; } sizes[] = {
		{ 8, 12 }, { 9, 16 }, { 112, 116 }, { 113, 124 }, { 116, 124 }, { WIDE, 1000 },
	};
	u32 i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		harness_reset();
		EXPECT(put(0, sizes[i].len));
		EXPECT_EQ(newest()->commit, sizes[i].bytes);
		EXPECT_EQ(ring_count(NULL), 1);
	}
	EXPECT(!put(1, WIDE + 1));
	EXPECT(!put(1, 0xffffffff));
	EXPECT_EQ(h.ring.events, 1);
}

/* The largest record into whatever place is left: never past the end of a page. */
static void test_largest_everywhere(void)
{
	u32 fill, i, number = 0;

	for (fill = 0; fill < 120; fill++) {
		for (i = 0; i < fill; i++)
			EXPECT(put(number++, 8));
		h.tsc += fill % 2 ? 0 : FAR;
		EXPECT(put(number++, WIDE));
		EXPECT(ring_count(NULL));
	}
}

static u32 nested;

static void write_nested(void)
{
	h.on_tsc = NULL;
	EXPECT(!put(99, 8));
	nested++;
}

/* An NMI that comes while a record is being written: its own is dropped and counted. */
static void test_nested(void)
{
	nested = 0;
	put(0, 8);
	h.on_tsc = write_nested;
	put(1, 8);
	EXPECT_EQ(nested, 1);
	EXPECT_EQ(h.ring.dropped, 1);
	put(2, 8);
	EXPECT_EQ(ring_count(NULL), 3);
}

static void test_no_ring(void)
{
	ccb.ring = 0;
	EXPECT(!put(0, 8));
	EXPECT_EQ(h.ring.events, 0);
}

static void test_emit(void)
{
	u8 bytes[KVM_CARETAKER_EVENT_BYTES + 1];
	struct kvm_caretaker_event_bytes *e = (void *)(h.ring.subbuf[0].data + 4);
	u32 i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = i + 1;
	ccb.exit.reason = 0x7b;
	EXPECT(!payload_ring_emit(KVM_CARETAKER_EVENT_HANDLER, bytes, 5));
	ccb.events = KVM_CARETAKER_EVENTS_ALL;
	EXPECT(!payload_ring_emit(KVM_CARETAKER_NR_EVENTS, bytes, 5));
	EXPECT(!payload_ring_emit(0, bytes, 5));
	EXPECT(!payload_ring_emit(0xffff, bytes, 5));
	EXPECT(!payload_ring_emit(KVM_CARETAKER_EVENT_HANDLER, bytes, sizeof(bytes)));
	EXPECT_EQ(h.ring.events, 0);
	EXPECT(payload_ring_emit(KVM_CARETAKER_EVENT_HANDLER, bytes, 5));
	EXPECT_EQ(e->id, KVM_CARETAKER_EVENT_HANDLER);
	EXPECT_EQ(e->len, 5);
	EXPECT_EQ(e->reason, 0x7b);
	EXPECT(!memcmp(e->data, bytes, 5) && !e->data[5] && !e->data[6] && !e->data[7]);
	EXPECT_EQ(h.ring.subbuf[0].commit, 4 + 16);
	EXPECT(payload_ring_emit(KVM_CARETAKER_EVENT_HANDLER, bytes, sizeof(bytes) - 1));
	EXPECT(payload_ring_emit(KVM_CARETAKER_EVENT_HANDLER, NULL, 0));
	EXPECT_EQ(h.ring.events, 3);
}

/* Copies the record number @number of a ring that has not begun a second sub-buffer. */
static void record(u32 number, void *to, u32 len)
{
	struct found f = { 0 };
	u32 off = 0, i;

	memset(to, 0, len);
	for (i = 0; i <= number; i++) {
		EXPECT(page_next(&h.ring.subbuf[0], &off, &f));
		if (failures)
			return;
	}
	EXPECT_EQ(f.len, len);
	memcpy(to, f.data, len < f.len ? len : f.len);
}

static void expect_exit(u32 number, u32 reason, u32 server, u32 detached, u64 rip)
{
	struct kvm_caretaker_event_exit e;

	record(number, &e, sizeof(e));
	EXPECT_EQ(e.id, KVM_CARETAKER_EVENT_EXIT);
	EXPECT_EQ(e.reason, reason);
	EXPECT_EQ(e.server, server);
	EXPECT_EQ(e.detached, detached);
	EXPECT_EQ(e.rip, rip);
	EXPECT_EQ(e.info1, h.vmcb.info1);
	EXPECT(e.cycles);
}

static void expect_at(u32 number, u32 id, u32 arg, u32 what, u64 value, u64 rip)
{
	struct kvm_caretaker_event_at e;

	record(number, &e, sizeof(e));
	EXPECT_EQ(e.id, id);
	EXPECT_EQ(e.arg, arg);
	EXPECT_EQ(e.what, what);
	EXPECT_EQ(e.value, value);
	EXPECT_EQ(e.rip, rip);
}

static u32 handler_says(u64 *cell)
{
	(void)cell;
	return KVM_CARETAKER_HANDLED;
}

static void exits_of_all_servers(void)
{
	h.vmcb.info1 = 0;
	exit_attached(VMEXIT_CPUID);
	exit_attached(VMEXIT_PAUSE);
	exit_attached(VMEXIT_HLT);
	handler_set(KVM_CARETAKER_CLASS_PAUSE, handler_says);
	exit_attached(VMEXIT_PAUSE);
	exit_attached(VMEXIT_INTR);
}

static void test_attached_exits(void)
{
	u64 rip = h.vmcb.rip;

	cpuid_add(0xaa, 0, 0, 1);
	h.vmcb.rax = 0xaa;
	ccb.events = 1 << KVM_CARETAKER_EVENT_EXIT;
	exits_of_all_servers();
	EXPECT_EQ(h.ring.events, 5);
	expect_exit(0, VMEXIT_CPUID, KVM_CARETAKER_NATIVE, 0, rip);
	expect_exit(1, VMEXIT_PAUSE, KVM_CARETAKER_NATIVE, 0, rip + 2);
	expect_exit(2, VMEXIT_HLT, KVM_CARETAKER_KVM, 0, rip + 4);
	expect_exit(3, VMEXIT_PAUSE, KVM_CARETAKER_HANDLER, 0, rip + 4);
	expect_exit(4, VMEXIT_INTR, KVM_CARETAKER_KVM, 0, rip + 6);
}

/* HLT halts until an interrupt comes, the last exit blocks. */
static void test_detached_exits(void)
{
	u64 rip = h.vmcb.rip;

	ccb.exit.flags = KVM_CARETAKER_EXIT_DETACHED;
	ccb.events = 1 << KVM_CARETAKER_EVENT_EXIT | 1 << KVM_CARETAKER_EVENT_STALL |
		     1 << KVM_CARETAKER_EVENT_RESUME;
	h.vmcb.info1 = 0;
	exit_detached(VMEXIT_CPUID);
	exit_detached(VMEXIT_INTR);
	handler_set(KVM_CARETAKER_CLASS_PAUSE, handler_says);
	exit_detached(VMEXIT_PAUSE);
	payload_unhalt();
	exit_detached(VMEXIT_HLT);
	h.vmcb.info1 = 0x11;
	h.vmcb.info2 = rip + 100;
	exit_detached(VMEXIT_IOIO);
	EXPECT_EQ(h.ring.events, 7);
	expect_exit(4, VMEXIT_IOIO, KVM_CARETAKER_BLOCKED, 1, rip + 5);
	expect_at(5, KVM_CARETAKER_EVENT_STALL, 0, VMEXIT_IOIO, 0x11, rip + 5);
	expect_at(6, KVM_CARETAKER_EVENT_RESUME, 0, VMEXIT_IOIO,
		  h.telemetry.stalls[0].tsc_end - h.telemetry.stalls[0].tsc_start, rip + 5);
	h.vmcb.info1 = 0;
	expect_exit(0, VMEXIT_CPUID, KVM_CARETAKER_NATIVE, 1, rip);
	expect_exit(1, VMEXIT_INTR, KVM_CARETAKER_NATIVE, 1, rip + 2);
	expect_exit(2, VMEXIT_PAUSE, KVM_CARETAKER_HANDLER, 1, rip + 2);
	expect_exit(3, VMEXIT_HLT, KVM_CARETAKER_NATIVE, 1, rip + 4);
}

/* A stray NMI, a self-IPI, and its injection. */
static void test_interrupts(void)
{
	ccb.exit.flags = KVM_CARETAKER_EXIT_DETACHED;
	ccb.events = 1 << KVM_CARETAKER_EVENT_INJECT | 1 << KVM_CARETAKER_EVENT_IPI |
		     1 << KVM_CARETAKER_EVENT_STRAY;
	peers_set(2, 0);
	ccb.state = KVM_CARETAKER_ATTACHED;
	payload_apic_event(PAYLOAD_VECTOR_NMI);
	EXPECT_EQ(h.ring.events, 0);
	ccb.state = KVM_CARETAKER_RUNNING;
	payload_apic_event(0x55);
	h.vmcb.rflags |= RFLAGS_IF;
	h.vmcb.int_state = 0;
	payload_inject_look();
	wrmsr(0x830, 0x80041);
	EXPECT_EQ(h.ring.events, 3);
	expect_at(0, KVM_CARETAKER_EVENT_STRAY, 0, 0x55, 0, 0);
	expect_at(1, KVM_CARETAKER_EVENT_IPI, 1, 0x41, 2, h.vmcb.rip - 2);
	expect_at(2, KVM_CARETAKER_EVENT_INJECT, 0, VMCB_EVENT_VALID | 0x41, 0, h.vmcb.rip);
}

/* Any event but the one that would come: not a byte of the ring changes. */
static void test_switched_off(void)
{
	static const struct kvm_caretaker_ring untouched;

	ccb.events = KVM_CARETAKER_EVENTS_ALL & ~(1 << KVM_CARETAKER_EVENT_EXIT);
	exits_of_all_servers();
	EXPECT(!memcmp(&h.ring, &untouched, sizeof(untouched)));
	ccb.events = 1 << KVM_CARETAKER_EVENT_EXIT;
	exits_of_all_servers();
	EXPECT_EQ(h.ring.events, 5);
}

#define RACE_RECORDS	200000

static void *race_write(void *unused)
{
	u32 i;

	(void)unused;
	for (i = 0; i < RACE_RECORDS; i++)
		put(i, 8 + i % 5 * 28);
	return NULL;
}

/* As a kernel reads: the number before and after the copy. Returns false for a void copy. */
static bool race_copy(u64 seq, struct kvm_caretaker_ring_subbuf *page, u64 *first)
{
	const struct kvm_caretaker_ring_slot *slot = &h.ring.slot[seq % NR];

	if (load_acquire(&slot->seq) != seq)
		return false;
	*first = slot->first;
	page->commit = load_acquire(&h.ring.subbuf[seq % NR].commit);
	page->time_stamp = h.ring.subbuf[seq % NR].time_stamp;
	memcpy(page->data, h.ring.subbuf[seq % NR].data, sizeof(page->data));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&slot->seq, __ATOMIC_RELAXED) == seq;
}

/* Every copy that the numbers say is good holds records in order, from the first one on. */
static void race_check(const struct kvm_caretaker_ring_subbuf *page, u64 first)
{
	struct found f = { .tsc = page->time_stamp };
	u32 off = 0;

	while (page_next(page, &off, &f) && !failures) {
		EXPECT_EQ(word(f.data) & 0xffff, ID);
		EXPECT_EQ(number_of(&f), first);
		EXPECT_EQ(f.len, 8 + first % 5 * 28);
		first++;
	}
}

static void test_race(void)
{
	static struct kvm_caretaker_ring_subbuf page;
	u32 good = 0, bad = 0, i;
	pthread_t writer;
	u64 first, begun;

	EXPECT(!pthread_create(&writer, NULL, race_write, NULL));
	while (load_acquire(&h.ring.events) < RACE_RECORDS && !failures) {
		begun = load_acquire(&h.ring.begun);
		for (i = 1; i <= NR && i <= begun; i++) {
			if (race_copy(begun - i, &page, &first)) {
				race_check(&page, first);
				good++;
			} else {
				bad++;
			}
		}
	}
	pthread_join(writer, NULL);
	printf("# %u copies good, %u void\n", good, bad);
	EXPECT(good);
}

const struct test tests_ring[] = {
	{ "records are read back in order with their times", test_in_order },
	{ "a full ring gives up its oldest sub-buffer, and the numbers tell which", test_wrap },
	{ "any mix of lengths and times is read back", test_lengths_and_times },
	{ "times are extended from 2^27 cycles on", test_time_extend },
	{ "time does not go back", test_time_back },
	{ "records from the smallest to the largest", test_sizes },
	{ "the largest record fits wherever it comes", test_largest_everywhere },
	{ "a record that interrupts another one is dropped and counted", test_nested },
	{ "without a ring nothing is written", test_no_ring },
	{ "bytes of a handler: switched off, too many, some", test_emit },
	{ "attached exits: reason, place, server", test_attached_exits },
	{ "exits in the gap, and the stall of one that blocks", test_detached_exits },
	{ "stray events, IPIs and injections", test_interrupts },
	{ "events that are switched off leave the ring alone", test_switched_off },
	{ "a reader beside the writer gets whole sub-buffers or knows better", test_race },
	{ NULL, NULL },
};

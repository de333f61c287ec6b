// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: reader of a vCPU's event ring.
 *
 * A sub-buffer is copied and parsed from the copy. The writer never waits, so the copy counts only
 * if the number of the sub-buffer was the same before and after. What is not as the writer leaves
 * it ends the reading of this ring, for good.
 */
#ifdef __KERNEL__
#include <asm/barrier.h>
#include <linux/string.h>
#else
#include <string.h>
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), v, __ATOMIC_RELAXED)
#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
#endif
#include "ring.h"

#define NR		KVM_CARETAKER_RING_NR_SUBBUFS
#define CAPACITY	KVM_CARETAKER_RING_CAPACITY
#define TYPE_MASK	((1U << KVM_CARETAKER_RING_TYPE_BITS) - 1)

/* The writer would need millennia. */
#define COUNT_MAX	(1ULL << 62)

/**
 * caretaker_ring_check - whether a ring is of the form that this kernel reads
 * @ring:	the ring, as another kernel left it
 * @why:	what is wrong with it
 */
bool caretaker_ring_check(const struct kvm_caretaker_ring *ring, const char **why)
{
	*why = "another version or size";
	if (ring->abi != KVM_CARETAKER_RING_ABI || ring->size != sizeof(*ring) ||
	    ring->subbuf_size != KVM_CARETAKER_RING_SUBBUF || ring->nr_subbufs != NR)
		return false;
	*why = "no TSC frequency";
	if (!ring->tsc_khz)
		return false;
	*why = "its counts cannot be";
	return READ_ONCE(ring->events) < COUNT_MAX && READ_ONCE(ring->begun) < COUNT_MAX &&
	       ring->read <= READ_ONCE(ring->events);
}

static u64 ring_oldest(u64 begun)
{
	return begun > NR ? begun - NR : 0;
}

/**
 * caretaker_ring_open - begin to read a ring, at the oldest record that it holds
 * @r:		the reader
 * @ring:	the ring
 *
 * Records that an earlier kernel has read are read once more if they are still there.
 */
void caretaker_ring_open(struct caretaker_ring_reader *r, struct kvm_caretaker_ring *ring)
{
	memset(r, 0, sizeof(*r));
	r->ring = ring;
	if (!caretaker_ring_check(ring, &r->broken))
		return;
	r->broken = NULL;
	r->seq = ring_oldest(READ_ONCE(ring->begun));
	r->next = ring->read;
	r->lost = ring->lost;
}

static bool ring_break(struct caretaker_ring_reader *r, const char *why)
{
	r->broken = why;
	r->len = 0;
	return false;
}

/* Whether sub-buffer @r->seq was there, whole, all the time; @first: number of its first record. */
static bool ring_copy(struct caretaker_ring_reader *r, u64 *first)
{
	const struct kvm_caretaker_ring_slot *slot = &r->ring->slot[r->seq % NR];
	const struct kvm_caretaker_ring_subbuf *from = &r->ring->subbuf[r->seq % NR];

	/* Pairs with the release by which the payload begins a sub-buffer. */
	if (smp_load_acquire(&slot->seq) != r->seq)
		return false;
	*first = READ_ONCE(slot->first);
	/* Pairs with the release by which it ends a record: they are read after the length. */
	r->copy.commit = smp_load_acquire(&from->commit);
	r->copy.time_stamp = from->time_stamp;
	memcpy(r->copy.data, from->data, CAPACITY);
	/* The copy is done before the number is read again. */
	smp_rmb();
	return READ_ONCE(slot->seq) == r->seq;
}

static void ring_goto(struct caretaker_ring_reader *r, u64 seq)
{
	r->seq = seq;
	r->used = 0;
	r->copied = false;
}

/* The first look into a sub-buffer: what lies between here and there is lost. */
static bool ring_arrive(struct caretaker_ring_reader *r, u64 first)
{
	if (first > READ_ONCE(r->ring->events))
		return ring_break(r, "a sub-buffer begins with a record that was never written");
	if (first < r->next && r->synced)
		return ring_break(r, "the numbers of the sub-buffers overlap");
	if (first > r->next)
		r->lost += first - r->next;
	WRITE_ONCE(r->ring->lost, r->lost);
	r->next = first;
	r->synced = true;
	r->copied = true;
	r->tsc = r->copy.time_stamp;
	return true;
}

static u32 ring_word(const struct caretaker_ring_reader *r, u32 off)
{
	u32 word;

	memcpy(&word, r->copy.data + off, sizeof(word));
	return word;
}

/* Finds the data behind the header at @off; returns where they begin, or 0. */
static u32 ring_data(struct caretaker_ring_reader *r, u32 off, u32 type, u32 *len)
{
	u32 commit = r->copy.commit;

	off += 4;
	*len = type * 4;
	if (type == KVM_CARETAKER_RING_LONG) {
		if (off + 4 > commit)
			return 0;
		*len = ring_word(r, off) - 4;
		off += 4;
	}
	return *len <= commit - off && !(*len & 3) ? off : 0;
}

/* One header and what belongs to it. Returns false when that cannot be. */
static bool ring_step(struct caretaker_ring_reader *r)
{
	u32 head = ring_word(r, r->used), type = head & TYPE_MASK;
	u32 len, at, left = r->copy.commit - r->used;

	r->tsc += head >> KVM_CARETAKER_RING_TYPE_BITS;
	if (type == KVM_CARETAKER_RING_EXTEND) {
		if (left < 8)
			return ring_break(r, "a time is cut off");
		r->tsc += (u64)ring_word(r, r->used + 4) << KVM_CARETAKER_RING_TIME_BITS;
		r->used += 8;
		return true;
	}
	if (type > KVM_CARETAKER_RING_SHORT_MAX)
		return ring_break(r, "an unknown type of record");
	at = ring_data(r, r->used, type, &len);
	if (!at || len < CARETAKER_RECORD_MIN || len > CARETAKER_RECORD_MAX)
		return ring_break(r, "the length of a record cannot be");
	r->at = at;
	r->len = len;
	r->used = at + len;
	return true;
}

/* The next record of the copy; false at its end. */
static bool ring_parse(struct caretaker_ring_reader *r)
{
	if (r->copy.commit > CAPACITY || (r->copy.commit & 3))
		return ring_break(r, "more in use than there is");
	if (r->copy.commit < r->used)
		return ring_break(r, "a sub-buffer shrank");
	while (!r->len && r->used < r->copy.commit)
		if (!ring_step(r))
			return false;
	return r->len;
}

/* Brings the copy up to date. Returns false when there is nothing more to be parsed. */
static bool ring_fetch(struct caretaker_ring_reader *r)
{
	/* Before the copy: if a later sub-buffer had begun, this one is complete. */
	u64 begun = smp_load_acquire(&r->ring->begun);
	u64 first, oldest;

	if (begun >= COUNT_MAX || begun < r->seq)
		return ring_break(r, "its counts cannot be");
	if (begun == r->seq)
		return false;
	if (!ring_copy(r, &first)) {
		oldest = ring_oldest(begun);
		ring_goto(r, oldest > r->seq ? oldest : r->seq + 1);
		return true;
	}
	if (!r->copied && !ring_arrive(r, first))
		return false;
	if (r->copy.commit != r->used)
		return true;
	if (begun == r->seq + 1)
		return false;
	ring_goto(r, r->seq + 1);
	return true;
}

/**
 * caretaker_ring_peek - look at the next record
 * @r:		the reader; @r->tsc and @r->len are set
 *
 * Return: the record, CARETAKER_RECORD_MIN to CARETAKER_RECORD_MAX bytes, aligned to 4; NULL when
 * there is none now, or the ring is broken. Valid until caretaker_ring_consume().
 */
const void *caretaker_ring_peek(struct caretaker_ring_reader *r)
{
	unsigned int tries;

	/* A writer that is always ahead is met again at the next call. */
	for (tries = 0; !r->broken && tries < 2 * NR; tries++) {
		if (r->len || (r->copied && ring_parse(r)))
			return r->copy.data + r->at;
		if (r->broken || !ring_fetch(r))
			return NULL;
	}
	return NULL;
}

/**
 * caretaker_ring_consume - be done with the record that caretaker_ring_peek() found
 * @r:		the reader
 */
void caretaker_ring_consume(struct caretaker_ring_reader *r)
{
	r->len = 0;
	r->next++;
	WRITE_ONCE(r->ring->read, r->next);
}

/**
 * caretaker_ring_overrun - records that were overwritten before they were read
 * @r:		the reader
 *
 * Counts those that it has not come to yet, too.
 */
u64 caretaker_ring_overrun(const struct caretaker_ring_reader *r)
{
	u64 seq = ring_oldest(READ_ONCE(r->ring->begun));
	u64 first = READ_ONCE(r->ring->slot[seq % NR].first);

	if (r->broken || READ_ONCE(r->ring->slot[seq % NR].seq) != seq || first <= r->next)
		return r->lost;
	return r->lost + first - r->next;
}

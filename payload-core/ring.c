// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: the writer of the event ring.
 *
 * The form is that of uapi/linux/kvm_caretaker_ring.h. All that the writer has to remember is in
 * the ring itself, so that a new payload goes on where the old one was. Nothing waits: the oldest
 * sub-buffer gives way, and an event that comes by NMI while another one is being written is
 * dropped and counted.
 */
#include "ring.h"

#define TIME_MASK	((1U << KVM_CARETAKER_RING_TIME_BITS) - 1)
#define EXTEND_SIZE	8
#define SEQ_NONE	(~0ULL)

/* The longest time between two records of a sub-buffer. */
#define TIME_MAX	((1ULL << (KVM_CARETAKER_RING_TIME_BITS + 32)) - 1)

#define RECORD_MAX	(KVM_CARETAKER_RING_CAPACITY - EXTEND_SIZE)

#define CYCLES_MAX	0xffffffffU

/* Set while a record is being written. */
static bool ring_busy;

static struct kvm_caretaker_ring *payload_ring(void)
{
	return (struct kvm_caretaker_ring *)ccb.ring;
}

static void ring_barrier(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static struct kvm_caretaker_ring_subbuf *ring_current(struct kvm_caretaker_ring *ring)
{
	return &ring->subbuf[(ring->begun - 1) % KVM_CARETAKER_RING_NR_SUBBUFS];
}

/* A reader that copies the sub-buffer meanwhile finds another number than before in the end. */
static struct kvm_caretaker_ring_subbuf *ring_begin(struct kvm_caretaker_ring *ring, u64 tsc)
{
	u64 seq = ring->begun;
	u32 index = seq % KVM_CARETAKER_RING_NR_SUBBUFS;
	struct kvm_caretaker_ring_subbuf *subbuf = &ring->subbuf[index];

	__atomic_store_n(&ring->slot[index].seq, SEQ_NONE, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	ring->slot[index].first = ring->events;
	subbuf->time_stamp = tsc;
	subbuf->commit = 0;
	ring->stamp = tsc;
	store_release(&ring->slot[index].seq, seq);
	store_release(&ring->begun, seq + 1);
	return subbuf;
}

/* TSCs of two CPUs can differ while attached: time does not go back. */
static u64 ring_delta(const struct kvm_caretaker_ring *ring, u64 tsc)
{
	return tsc > ring->stamp ? tsc - ring->stamp : 0;
}

static u32 *put_header(u32 *at, u32 type, u32 delta)
{
	*at = delta << KVM_CARETAKER_RING_TYPE_BITS | type;
	return at + 1;
}

static u32 *put_time(u32 *at, u64 *delta)
{
	if (likely(*delta <= TIME_MASK))
		return at;
	at = put_header(at, KVM_CARETAKER_RING_EXTEND, *delta & TIME_MASK);
	*at = *delta >> KVM_CARETAKER_RING_TIME_BITS;
	*delta = 0;
	return at + 1;
}

static u32 *put_record(u32 *at, u32 delta, const u32 *record, u32 units)
{
	u32 i;

	if (units <= KVM_CARETAKER_RING_SHORT_MAX) {
		at = put_header(at, units, delta);
	} else {
		at = put_header(at, KVM_CARETAKER_RING_LONG, delta);
		*at++ = 4 + units * 4;
	}
	for (i = 0; i < units; i++)
		*at++ = record[i];
	return at;
}

static void ring_put(struct kvm_caretaker_ring *ring, const u32 *record, u32 units, u64 tsc)
{
	u32 need = EXTEND_SIZE + 8 + units * 4;
	struct kvm_caretaker_ring_subbuf *subbuf = ring_current(ring);
	u64 delta = ring_delta(ring, tsc);
	u32 *at;

	if (!ring->begun || subbuf->commit + need > KVM_CARETAKER_RING_CAPACITY ||
	    delta > TIME_MAX) {
		subbuf = ring_begin(ring, tsc);
		delta = 0;
	}
	ring->stamp += delta;
	at = put_time((u32 *)(subbuf->data + subbuf->commit), &delta);
	at = put_record(at, delta, record, units);
	store_release(&subbuf->commit, (u64)((u8 *)at - subbuf->data));
	store_release(&ring->events, ring->events + 1);
}

/* @tsc: 0 to have it taken. A record that interrupts another one is not written. */
static bool ring_write(const void *record, u32 len, u64 tsc)
{
	struct kvm_caretaker_ring *ring = payload_ring();

	if (!ring || len > RECORD_MAX - 8)
		return false;
	if (ring_busy) {
		ring->dropped++;
		return false;
	}
	ring_busy = true;
	ring_barrier();
	ring_put(ring, record, (len + 3) / 4, tsc ? tsc : payload_tsc());
	ring_barrier();
	ring_busy = false;
	return true;
}

/**
 * payload_ring_write() - write one record
 * @record:	a struct of uapi/linux/kvm_caretaker_ring.h, aligned to 4 bytes
 * @len:	its bytes, rounded up to the next multiple of 4
 *
 * Context: while the vCPU is in the payload: attached and detached writers are on different CPUs.
 * Return: false when it was not written, because the caller interrupted another write, there is no
 * ring, or it is too large.
 */
bool payload_ring_write(const void *record, u32 len)
{
	return ring_write(record, len, 0);
}

/**
 * payload_ring_emit() - write bytes that a handler wants to be seen
 * @id:		KVM_CARETAKER_EVENT_HANDLER
 * @data:	the bytes
 * @len:	how many, not more than KVM_CARETAKER_EVENT_BYTES
 *
 * Return: false when it was not written: the event is switched off, there are too many bytes, or
 * as for payload_ring_write().
 */
bool payload_ring_emit(u16 id, const void *data, u32 len)
{
	struct kvm_caretaker_event_bytes record = {
		.id = id,
		.len = len,
		.reason = ccb.exit.reason,
	};
	const u8 *from = data;
	u32 i;

	if (id >= KVM_CARETAKER_NR_EVENTS || !(ccb.events >> id & 1) || len > sizeof(record.data))
		return false;
	for (i = 0; i < len; i++)
		record.data[i] = from[i];
	return payload_ring_write(&record, sizeof(record) - sizeof(record.data) + len);
}

/**
 * payload_emit_requested() - write the event that a handler asked for, if it did
 */
void payload_emit_requested(void)
{
	struct kvm_caretaker_exit *exit = &ccb.exit;

	if (!(exit->requests & KVM_CARETAKER_REQUEST_EMIT))
		return;
	exit->requests &= ~KVM_CARETAKER_REQUEST_EMIT;
	payload_ring_emit(KVM_CARETAKER_EVENT_HANDLER, exit->emit, exit->emit_size);
}

/**
 * payload_ring_exit() - write the event of an exit
 * @vmcb:	VMCB in use, RIP still that of the exit
 * @server:	who served it
 *
 * Context: the last edge of the ledger was the #VMEXIT, or the end of a handler.
 */
void payload_ring_exit(const struct vmcb *vmcb, enum kvm_caretaker_server server)
{
	u64 now = payload_tsc(), cycles = now - payload_telemetry()->tsc_last;
	struct kvm_caretaker_event_exit record = {
		.id = KVM_CARETAKER_EVENT_EXIT,
		.server = server,
		.detached = ccb.exit.flags & KVM_CARETAKER_EXIT_DETACHED ? 1 : 0,
		.reason = vmcb->exit_code,
		.rip = vmcb->rip,
		.info1 = vmcb->info1,
		.cycles = cycles < CYCLES_MAX ? cycles : CYCLES_MAX,
	};

	ring_write(&record, sizeof(record), now);
}

/**
 * payload_ring_at() - write any other event
 * @id:		enum kvm_caretaker_event, switched on
 * @arg:	as in struct kvm_caretaker_event_at
 * @what:	likewise
 * @value:	likewise
 * @rip:	likewise
 */
void payload_ring_at(u32 id, u32 arg, u32 what, u64 value, u64 rip)
{
	struct kvm_caretaker_event_at record = { id, arg, what, value, rip };

	payload_ring_write(&record, sizeof(record));
}

/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * KVM Caretaker: event ring. One per vCPU, in memory that survives kexec; the payload of that vCPU
 * is its only writer, but for the fields that say "kernel". It never waits for a reader: when the
 * ring is full the oldest sub-buffer is overwritten.
 *
 * A sub-buffer has the form of a page of Linux's trace ring buffer: time stamp of the first record,
 * bytes in use, then records. A record is a header of 32 bits, 5 bits of type and 27 bits of time
 * since the record before it, and data in units of 4 bytes:
 *
 *	type 1 to 28	that many units of data follow
 *	type 0		one unit with 4 + the number of bytes of data, then the data
 *	type 30		no data: the time, plus that of the next 32 bits times 2^27
 *
 * Times are host TSC. The first record of a sub-buffer has time 0: that of the sub-buffer itself.
 * The data of a record is one of the structs below.
 */
#ifndef _UAPI_LINUX_KVM_CARETAKER_RING_H
#define _UAPI_LINUX_KVM_CARETAKER_RING_H

#include <linux/types.h>

#define KVM_CARETAKER_RING_ABI		1
#define KVM_CARETAKER_RING_BYTES	8192
#define KVM_CARETAKER_RING_SUBBUF	1024
#define KVM_CARETAKER_RING_NR_SUBBUFS	7	/* and as much space as one for the header */
#define KVM_CARETAKER_RING_CAPACITY	(KVM_CARETAKER_RING_SUBBUF - 16)

#define KVM_CARETAKER_RING_TIME_BITS	27
#define KVM_CARETAKER_RING_TYPE_BITS	5
#define KVM_CARETAKER_RING_LONG		0	/* type */
#define KVM_CARETAKER_RING_SHORT_MAX	28	/* type */
#define KVM_CARETAKER_RING_EXTEND	30	/* type */

/* Ids of events. Bit (1 << id) of ccb.events switches one on. */
enum kvm_caretaker_event {
	KVM_CARETAKER_EVENT_EXIT	= 1,	/* struct kvm_caretaker_event_exit */
	KVM_CARETAKER_EVENT_STALL	= 2,	/* struct kvm_caretaker_event_at */
	KVM_CARETAKER_EVENT_RESUME	= 3,	/* struct kvm_caretaker_event_at */
	KVM_CARETAKER_EVENT_RUN		= 4,	/* struct kvm_caretaker_event_at */
	KVM_CARETAKER_EVENT_PARK	= 5,	/* struct kvm_caretaker_event_at */
	KVM_CARETAKER_EVENT_INJECT	= 6,	/* struct kvm_caretaker_event_at */
	KVM_CARETAKER_EVENT_IPI		= 7,	/* struct kvm_caretaker_event_at */
	KVM_CARETAKER_EVENT_STRAY	= 8,	/* struct kvm_caretaker_event_at */
	KVM_CARETAKER_EVENT_FAULT	= 9,	/* struct kvm_caretaker_event_at */
	KVM_CARETAKER_EVENT_HANDLER	= 10,	/* struct kvm_caretaker_event_bytes */
	KVM_CARETAKER_NR_EVENTS		= 11,
};

#define KVM_CARETAKER_EVENTS_ALL	((1U << KVM_CARETAKER_NR_EVENTS) - 2)

/**
 * struct kvm_caretaker_event_exit - an exit was served or forwarded, or blocks (all written by the
 *	payload, when it is)
 * @id:		KVM_CARETAKER_EVENT_EXIT
 * @server:	enum kvm_caretaker_server
 * @detached:	1 while detached
 * @reason:	exit code, low half
 * @rip:	guest RIP of the exiting instruction
 * @info1:	SVM EXITINFO1
 * @cycles:	TSC cycles from the exit to this record, 0 when they were not taken
 */
struct kvm_caretaker_event_exit {
	__u16 id;
	__u8 server;
	__u8 detached;
	__u32 reason;
	__u64 rip;
	__u64 info1;
	__u32 cycles;
} __attribute__((packed));

/**
 * struct kvm_caretaker_event_at - any other event of the payload (all written by the payload, when
 *	it happens)
 * @id:		enum kvm_caretaker_event
 * @arg:	RUN and PARK: 1 when the guest is in HLT; IPI: 1 when the sender gets it, too
 * @what:	STALL and RESUME: exit code, low half; INJECT: EVENTINJ, low half; IPI: delivery
 *		mode and vector as in the ICR; STRAY: vector; FAULT: as telemetry.fault; else 0
 * @value:	STALL: EXITINFO1; RESUME: TSC cycles of the stall; RUN: TSC cycles since the vCPU
 *		left KVM; PARK: TSC cycles since the kernel asked; IPI: mailboxes of the others
 *		that get it, a bit each; FAULT: address; else 0
 * @rip:	STRAY: 0; FAULT: as telemetry.fault_rip; else of the guest
 */
struct kvm_caretaker_event_at {
	__u16 id;
	__u16 arg;
	__u32 what;
	__u64 value;
	__u64 rip;
};

#define KVM_CARETAKER_EVENT_BYTES	64

/**
 * struct kvm_caretaker_event_bytes - a handler emitted bytes (all written by the payload, when the
 *	handler has returned)
 * @id:		KVM_CARETAKER_EVENT_HANDLER
 * @len:	bytes in @data, not more than KVM_CARETAKER_EVENT_BYTES
 * @reason:	code of the exit that the handler was called for
 * @data:	the bytes; not more than @len rounded up to 4 are in the ring
 */
struct kvm_caretaker_event_bytes {
	__u16 id;
	__u16 len;
	__u32 reason;
	__u8 data[KVM_CARETAKER_EVENT_BYTES];
};

/**
 * struct kvm_caretaker_ring_slot - what a sub-buffer holds now
 * @seq:	payload, when it begins the sub-buffer: its number, counted from the first ever; ~0
 *		until that is done. A reader looks at it before and after copying: if it changed,
 *		the copy is void.
 * @first:	payload, when it begins the sub-buffer: number of its first record
 */
struct kvm_caretaker_ring_slot {
	__u64 seq;
	__u64 first;
};

/**
 * struct kvm_caretaker_ring_subbuf - a sub-buffer
 * @time_stamp:	payload, when it begins the sub-buffer: host TSC of the first record
 * @commit:	payload, after each record: bytes of @data in use, by a store with release
 * @data:	payload, before @commit: records
 */
struct kvm_caretaker_ring_subbuf {
	__u64 time_stamp;
	__u64 commit;
	__u8 data[KVM_CARETAKER_RING_CAPACITY];
};

/**
 * struct kvm_caretaker_ring - the ring of one vCPU
 * @size:	kernel, at install: KVM_CARETAKER_RING_BYTES
 * @abi:	kernel, at install: KVM_CARETAKER_RING_ABI
 * @subbuf_size: kernel, at install: KVM_CARETAKER_RING_SUBBUF
 * @nr_subbufs:	kernel, at install: KVM_CARETAKER_RING_NR_SUBBUFS
 * @vcpu:	kernel, at install: vCPU id
 * @tsc_khz:	kernel, at install: frequency of the time stamps in kHz
 * @vm_id:	kernel, at install: identity of the VM, survives kexec
 * @begun:	payload, when it begins one: sub-buffers begun so far; number n lives in slot n %
 *		@nr_subbufs
 * @events:	payload, after each record: records written so far
 * @stamp:	payload, after each record: its host TSC
 * @dropped:	payload, at the time: records not written, because an NMI came while another one was
 * @read:	kernel, when it has taken records: number of the next one that it wants
 * @lost:	kernel, when it finds out: records that were overwritten before it took them
 * @reserved:	zero
 * @slot:	see there: what the sub-buffers hold
 * @pad:	zero
 * @subbuf:	see there
 */
struct kvm_caretaker_ring {
	__u32 size;
	__u32 abi;
	__u32 subbuf_size;
	__u32 nr_subbufs;
	__u32 vcpu;
	__u32 tsc_khz;
	__u64 vm_id;
	__u64 begun;
	__u64 events;
	__u64 stamp;
	__u64 dropped;
	__u64 read;
	__u64 lost;
	__u64 reserved[6];
	struct kvm_caretaker_ring_slot slot[KVM_CARETAKER_RING_NR_SUBBUFS];
	__u64 pad[98];
	struct kvm_caretaker_ring_subbuf subbuf[KVM_CARETAKER_RING_NR_SUBBUFS];
};

#endif /* _UAPI_LINUX_KVM_CARETAKER_RING_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker: reader of a vCPU's event ring.
 *
 * The ring is written by a payload that may be running, and may come from another kernel: nothing
 * in it is trusted. The reader touches nothing but the ring, and builds in user space as well, for
 * tests and fuzzing.
 */
#ifndef __VIRT_KVM_CARETAKER_RING_H
#define __VIRT_KVM_CARETAKER_RING_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
#endif
#include <linux/kvm_caretaker_ring.h>

/* The smallest and the largest record that is passed on. */
#define CARETAKER_RECORD_MIN	8
#define CARETAKER_RECORD_MAX	sizeof(struct kvm_caretaker_event_bytes)

/**
 * struct caretaker_ring_reader - how far a ring was read
 * @ring:	the ring
 * @seq:	number of the sub-buffer that is being read
 * @next:	number of the next record
 * @lost:	records that were overwritten before they were read
 * @tsc:	of the next record if there is one, else of the last one
 * @used:	bytes of @copy that were parsed
 * @len:	bytes of the next record, 0 while none is known
 * @at:		where it is in @copy.data
 * @copied:	@copy holds what there was of sub-buffer @seq
 * @synced:	@next was compared with the ring
 * @broken:	why the ring is not read any more, NULL while it is
 * @copy:	the sub-buffer
 */
struct caretaker_ring_reader {
	struct kvm_caretaker_ring *ring;
	u64 seq;
	u64 next;
	u64 lost;
	u64 tsc;
	u32 used;
	u32 len;
	u32 at;
	bool copied;
	bool synced;
	const char *broken;
	struct kvm_caretaker_ring_subbuf copy;
};

bool caretaker_ring_check(const struct kvm_caretaker_ring *ring, const char **why);
void caretaker_ring_open(struct caretaker_ring_reader *r, struct kvm_caretaker_ring *ring);
const void *caretaker_ring_peek(struct caretaker_ring_reader *r);
void caretaker_ring_consume(struct caretaker_ring_reader *r);
u64 caretaker_ring_overrun(const struct caretaker_ring_reader *r);

#endif /* __VIRT_KVM_CARETAKER_RING_H */

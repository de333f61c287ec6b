/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker: records of the remote of tracefs.
 */
#ifndef _VIRT_KVM_CARETAKER_REMOTE_EVENTS_H
#define _VIRT_KVM_CARETAKER_REMOTE_EVENTS_H

#include <linux/types.h>

#include <uapi/linux/kvm_caretaker_ring.h>

struct caretaker_block;
struct remote_event;

/* Of the kernel's own making: records of a ring are missing here. */
#define CARETAKER_EVENT_LOST	KVM_CARETAKER_NR_EVENTS

/**
 * struct caretaker_record - a record of the remote
 * @id:		enum kvm_caretaker_event or CARETAKER_EVENT_LOST
 * @arg:	what the record of the ring has there
 * @what:	likewise
 * @vm:		identity of the VM
 * @vcpu:	vCPU id
 * @apic_id:	its pCPU
 * @exit:	EXIT: the rest
 * @at:		all others but HANDLER: the rest; LOST: @at.value is how many
 * @bytes:	HANDLER: the rest
 * @data:	the rest
 */
struct caretaker_record {
	u16 id;
	u16 arg;
	u32 what;
	u64 vm;
	u32 vcpu;
	u32 apic_id;
	union {
		struct {
			u64 rip;
			u64 info1;
			u32 cycles;
		} exit;
		struct {
			u64 value;
			u64 rip;
		} at;
		u8 bytes[KVM_CARETAKER_EVENT_BYTES];
		u8 data[KVM_CARETAKER_EVENT_BYTES];
	};
};

/* How much longer than in the ring. */
#define CARETAKER_RECORD_MORE	16

extern struct remote_event caretaker_remote_events[];
extern const unsigned int caretaker_nr_remote_events;

u32 caretaker_record_make(struct caretaker_record *to, const struct caretaker_block *b,
			  const void *from, u32 len);
u32 caretaker_record_lost(struct caretaker_record *to, const struct caretaker_block *b, u64 lost);

#endif /* _VIRT_KVM_CARETAKER_REMOTE_EVENTS_H */

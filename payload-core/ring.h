/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: events into the ring of the vCPU.
 */
#ifndef PAYLOAD_RING_H
#define PAYLOAD_RING_H

#include <linux/kvm_caretaker_ring.h>
#include "payload.h"

/* Whether an event is switched on: two instructions for those that are not. */
#define payload_traces(event) \
	(PAYLOAD_COUNTS && unlikely(ccb.events & (1U << KVM_CARETAKER_EVENT_##event)))

bool payload_ring_write(const void *record, u32 len);
bool payload_ring_emit(u16 id, const void *data, u32 len);
void payload_emit_requested(void);
void payload_ring_exit(const struct vmcb *vmcb, enum kvm_caretaker_server server);
void payload_ring_at(u32 id, u32 arg, u32 what, u64 value, u64 rip);

#endif /* PAYLOAD_RING_H */

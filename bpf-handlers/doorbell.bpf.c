// SPDX-License-Identifier: GPL-2.0
/*
 * Exit handler: doorbells on I/O ports (legacy virtio, most of all) and at addresses of a device's
 * memory (virtio over PCI or MMIO) in the gap.
 *
 * A write there only wakes a device: with an ioeventfd KVM itself does no more than to signal it.
 * In the gap the write is counted, and the guest goes on; after adoption the VMM signals the
 * eventfds of the doorbells that rang. Requests wait in the queues meanwhile, which are guest
 * memory. Attached, everything goes to KVM.
 */
#include "caretaker.bpf.h"
#include "doorbell.h"

struct caretaker_doorbell_state doorbell_state;

static __always_inline int bell_fits(const struct caretaker_doorbell *b, __u32 port, __u32 len,
				     __u32 value)
{
	if (!(b->flags & CARETAKER_DOORBELL_USED) || b->port != port || b->len != len)
		return 0;
	return !(b->flags & CARETAKER_DOORBELL_MATCH) || b->value == value;
}

static __always_inline void bell_ring(struct caretaker_doorbell *b, __u32 value)
{
	b->last = value;
	barrier();	/* a reader that sees the count sees the value */
	__sync_fetch_and_add(&b->rung, 1);
}

static __always_inline int doorbell_ring(__u32 port, __u32 len, __u32 value)
{
	struct caretaker_doorbell *b = doorbell_state.bell;
	int i;

	/* without loops the cost is exact */
#pragma clang loop unroll(full)
	for (i = 0; i < CARETAKER_DOORBELLS; i++) {
		if (!bell_fits(&b[i], port, len, value))
			continue;
		bell_ring(&b[i], value);
		return KVM_CARETAKER_HANDLED;
	}
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLER(io, doorbell_io)
{
	__u32 info = exit->info1, len = KVM_CARETAKER_IO_SIZE(info);
	__u32 value = exit->gpr[KVM_CARETAKER_RAX];

	if (!caretaker_detached(exit))
		return KVM_CARETAKER_FORWARD;
	if (info & (KVM_CARETAKER_IO_IN | KVM_CARETAKER_IO_STR))
		return KVM_CARETAKER_NEXT;
	if (len == 1)
		value &= 0xff;
	else if (len == 2)
		value &= 0xffff;
	return doorbell_ring(KVM_CARETAKER_IO_PORT(info), len, value);
}

static __always_inline int bell_fits_at(const struct caretaker_doorbell *b, __u32 len, __u64 value)
{
	if (!(b->flags & CARETAKER_DOORBELL_MMIO) || (b->len && b->len != len))
		return 0;
	return !(b->flags & CARETAKER_DOORBELL_MATCH) || b->value == value;
}

CARETAKER_HANDLER(mmio, doorbell_mmio)
{
	struct caretaker_doorbell *b = doorbell_state.bell;
	__u64 at = exit->info2, value = exit->mmio_value;
	__u32 len = exit->mmio_size;
	int i;

	if (!caretaker_detached(exit))
		return KVM_CARETAKER_FORWARD;
	if (!(exit->info1 & KVM_CARETAKER_MMIO_WRITE))
		return KVM_CARETAKER_NEXT;
#pragma clang loop unroll(full)
	for (i = 0; i < CARETAKER_DOORBELLS; i++) {
		if (doorbell_state.address[i] != at || !bell_fits_at(&b[i], len, value))
			continue;
		bell_ring(&b[i], value);
		return KVM_CARETAKER_HANDLED;
	}
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(doorbell, .io = (void *)doorbell_io, .mmio = (void *)doorbell_mmio);

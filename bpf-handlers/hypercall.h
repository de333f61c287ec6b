/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1 OR BSD-2-Clause */
/* State of hypercall.bpf.c: offset 0 of the handlers' writable memory, or the .bss map. */
#ifndef CARETAKER_HYPERCALL_H
#define CARETAKER_HYPERCALL_H

#include <linux/types.h>

/**
 * struct caretaker_hypercall_state - KVM hypercalls in the gap
 * @size:	VMM: sizeof(struct caretaker_hypercall_state); 0: all hypercalls block
 * @pad:	zero
 * @done:	VMM: bit n: hypercall n is a hint that may be ignored: it returns 0
 * @unknown:	VMM: bit n: the guest was not offered hypercall n: it returns -KVM_ENOSYS
 * @answered:	handler: hypercalls it answered, by number; the last entry: 64 and above, never
 * @blocked:	handler: hypercalls that neither mask has
 */
struct caretaker_hypercall_state {
	__u32 size;
	__u32 pad;
	__u64 done;
	__u64 unknown;
	__u64 answered[64];
	__u64 blocked;
};

/* Hints by KVM's own rules (hypercalls.rst): VAPIC_POLL_IRQ and SCHED_YIELD */
#define CARETAKER_HYPERCALL_HINTS	(1ULL << 1 | 1ULL << 11)

#endif /* CARETAKER_HYPERCALL_H */

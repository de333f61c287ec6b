/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1 OR BSD-2-Clause */
/* State of doorbell.bpf.c: offset 0 of the handlers' writable memory, or the .bss map. */
#ifndef CARETAKER_DOORBELL_H
#define CARETAKER_DOORBELL_H

#include <linux/types.h>

#define CARETAKER_DOORBELL_VERSION	1
#define CARETAKER_DOORBELLS		16

#define CARETAKER_DOORBELL_USED		(1U << 0)	/* the entry counts, for a port */
#define CARETAKER_DOORBELL_MATCH	(1U << 1)	/* the value written has to be @value */
#define CARETAKER_DOORBELL_MMIO		(1U << 2)	/* for an address, instead of USED */

/**
 * struct caretaker_doorbell - a port or address whose writes only wake somebody
 * @flags:	VMM, last: CARETAKER_DOORBELL_*, as of its KVM_IOEVENTFD
 * @port:	VMM: port
 * @len:	VMM: bytes of a write: 1, 2 or 4; with MMIO also 8, and 0 for any
 * @value:	VMM: value to match
 * @rung:	handler: writes it took, only grows
 * @replayed:	VMM: writes it has passed on to the eventfd
 * @last:	handler: value written last, its lower half
 */
struct caretaker_doorbell {
	__u32 flags;
	__u16 port;
	__u16 len;
	__u32 value;
	__u32 last;
	__u64 rung;
	__u64 replayed;
};

/**
 * struct caretaker_doorbell_state - doorbells that a guest rings in the gap
 * @size:	VMM: sizeof(struct caretaker_doorbell_state)
 * @version:	VMM: CARETAKER_DOORBELL_VERSION
 * @bell:	doorbells; the first one that fits counts
 * @address:	VMM, before the flags: physical addresses of the doorbells with MMIO
 */
struct caretaker_doorbell_state {
	__u32 size;
	__u32 version;
	struct caretaker_doorbell bell[CARETAKER_DOORBELLS];
	__u64 address[CARETAKER_DOORBELLS];
};

#endif /* CARETAKER_DOORBELL_H */

/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1 OR BSD-2-Clause */
/* State of ports.bpf.c: offset 0 of the handlers' writable memory, or the object's .bss map. */
#ifndef CARETAKER_PORTS_H
#define CARETAKER_PORTS_H

#include <linux/types.h>

#define CARETAKER_PORTS_VERSION	1

#define CARETAKER_PORT61_VALID	(1U << 0)
#define CARETAKER_PORT61_DIRTY	(1U << 1)

/**
 * struct caretaker_ports_state - ports of an old PC that a guest touches in the gap
 * @size:	handler, with each exit it serves: sizeof(struct caretaker_ports_state)
 * @version:	handler, with each exit it serves: CARETAKER_PORTS_VERSION
 * @flags:	VALID: VMM: @port61 is what port 0x61 holds; without it reads and writes block.
 *		DIRTY: handler: the guest wrote port 0x61, the VMM has to write @port61 there
 * @port61:	VMM, before the gap; handler, with each write: bits 0 to 3 of port 0x61
 * @reads61:	handler: reads of port 0x61 it answered
 * @writes61:	handler: writes of port 0x61 it took
 * @delays:	handler: writes to the delay ports 0x80 and 0xed it took
 */
struct caretaker_ports_state {
	__u32 size;
	__u32 version;
	__u32 flags;
	__u32 port61;
	__u64 reads61;
	__u64 writes61;
	__u64 delays;
};

#endif /* CARETAKER_PORTS_H */

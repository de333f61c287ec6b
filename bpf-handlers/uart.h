/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1 OR BSD-2-Clause */
/*
 * State of uart.bpf.c, as its user finds it at offset 0 of the handlers' writable memory
 * (KVM_GET_CARETAKER with KVM_CARETAKER_GET_STATE, or the object's .bss map).
 */
#ifndef CARETAKER_UART_H
#define CARETAKER_UART_H

#include <linux/types.h>

#define CARETAKER_UART_VERSION	1
#define CARETAKER_UART_RING	16384	/* power of two */

/**
 * struct caretaker_uart_state - bytes that a guest wrote to its console while detached
 * @size:	handler, with each byte: sizeof(struct caretaker_uart_state); 0 before the first one
 * @version:	handler, with each byte: CARETAKER_UART_VERSION
 * @ring_size:	handler, with each byte: CARETAKER_UART_RING
 * @reserved:	zero
 * @head:	handler: bytes written so far, only grows; byte i is ring[i % ring_size]
 * @drained:	VMM: bytes it has replayed so far; those in between wait in the ring
 * @full:	handler: writes refused because the ring was full (the vCPU blocked on them)
 * @polls:	handler: reads of the line status register it answered
 * @ring:	handler: the bytes
 */
struct caretaker_uart_state {
	__u32 size;
	__u32 version;
	__u32 ring_size;
	__u32 reserved;
	__u64 head;
	__u64 drained;
	__u64 full;
	__u64 polls;
	__u8 ring[CARETAKER_UART_RING];
};

#endif /* CARETAKER_UART_H */

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
#define CARETAKER_UART_RX	256	/* power of two */

/* flags */
#define CARETAKER_UART_REGS	(1U << 0)	/* VMM: ier to msr are what the registers hold */

/* written */
#define CARETAKER_UART_IER	(1U << 0)
#define CARETAKER_UART_LCR	(1U << 1)
#define CARETAKER_UART_MCR	(1U << 2)
#define CARETAKER_UART_SCR	(1U << 3)

/**
 * struct caretaker_uart_state - console of a guest while detached
 * @size:	handler, with each byte: sizeof(struct caretaker_uart_state); 0 before the first one
 * @version:	handler, with each byte: CARETAKER_UART_VERSION
 * @ring_size:	handler, with each byte: CARETAKER_UART_RING
 * @reserved:	zero
 * @head:	handler: bytes written so far, only grows; byte i is ring[i % ring_size]
 * @drained:	VMM: bytes it has replayed so far; those in between wait in the ring
 * @full:	handler: writes refused because the ring was full (the vCPU blocked on them)
 * @polls:	handler: reads of the line status register it answered
 * @ring:	handler: the bytes
 * @flags:	VMM, before the gap: CARETAKER_UART_REGS; without it the registers below block
 * @written:	handler: CARETAKER_UART_* of the registers that the guest wrote: the VMM takes them
 *		back after adoption and raises the interrupts that are due
 * @ier:	VMM, before the gap; handler: interrupt enable register; none is raised in the gap
 * @lcr:	VMM, before the gap; handler: line control; with DLAB set all registers block
 * @mcr:	VMM, before the gap; handler: modem control
 * @scr:	VMM, before the gap; handler: scratch register
 * @msr:	VMM, before the gap: modem status
 * @iir:	VMM, before the gap: interrupt identification while no interrupt is due
 * @rx_head:	VMM: bytes of input so far; byte i is rx[i % CARETAKER_UART_RX]
 * @rx_tail:	handler: bytes of input that the guest has read
 * @rx:		VMM: input that the guest may read in the gap
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
	__u32 flags;
	__u32 written;
	__u32 ier;
	__u32 lcr;
	__u32 mcr;
	__u32 scr;
	__u32 msr;
	__u32 iir;
	__u64 rx_head;
	__u64 rx_tail;
	__u8 rx[CARETAKER_UART_RX];
};

#endif /* CARETAKER_UART_H */

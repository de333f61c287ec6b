// SPDX-License-Identifier: GPL-2.0
/*
 * Exit handler: console output of a guest while no kernel is alive.
 *
 * Detached, it takes what the guest writes to the transmit register of its first 8250 UART into
 * a ring that outlives the kernel, and answers reads of the line status register with "ready".
 * After adoption the VMM replays the ring to the console in order. A full ring blocks the vCPU
 * instead of losing a byte. Attached, everything goes to KVM.
 *
 * One vCPU may use the console at a time. The divisor latch (DLAB) is not looked at: a guest
 * that sets a baud rate in the gap blocks on the line control register first.
 */
#include "caretaker.bpf.h"
#include "uart.h"

#define UART_TX		0x3f8
#define UART_LSR	0x3fd
#define UART_LSR_READY	0x60	/* THRE and TEMT: transmitter empty */

struct caretaker_uart_state uart_state;

static __always_inline int uart_transmit(__u8 byte)
{
	struct caretaker_uart_state *s = &uart_state;
	__u64 head = s->head;

	if (head - s->drained >= CARETAKER_UART_RING) {
		s->full++;
		return KVM_CARETAKER_BLOCK;
	}
	s->size = sizeof(*s);
	s->version = CARETAKER_UART_VERSION;
	s->ring_size = CARETAKER_UART_RING;
	s->ring[head % CARETAKER_UART_RING] = byte;
	barrier();	/* a reader that sees the new head sees the byte */
	s->head = head + 1;
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLER(io, uart_io)
{
	__u64 info = exit->info1;

	if (!caretaker_detached(exit))
		return KVM_CARETAKER_FORWARD;
	if (info & KVM_CARETAKER_IO_STR || KVM_CARETAKER_IO_SIZE(info) != 1)
		return KVM_CARETAKER_NEXT;
	switch (KVM_CARETAKER_IO_PORT(info)) {
	case UART_TX:
		if (info & KVM_CARETAKER_IO_IN)
			break;
		return uart_transmit(exit->gpr[KVM_CARETAKER_RAX] & 0xff);
	case UART_LSR:
		if (!(info & KVM_CARETAKER_IO_IN))
			break;
		exit->gpr[KVM_CARETAKER_RAX] =
			(exit->gpr[KVM_CARETAKER_RAX] & ~0xffULL) | UART_LSR_READY;
		uart_state.polls++;
		return KVM_CARETAKER_HANDLED;
	}
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(uart, .io = (void *)uart_io);

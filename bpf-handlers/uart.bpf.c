// SPDX-License-Identifier: GPL-2.0
/*
 * Exit handler: console of a guest while no kernel is alive: its first 8250 UART.
 *
 * Detached, it takes what the guest writes to the transmit register into a ring that outlives the
 * kernel, and gives it the input that the VMM left for it. Line status says so. After adoption
 * the VMM replays the ring to the console in order. A full ring blocks the vCPU instead of losing
 * a byte. Attached, everything goes to KVM.
 *
 * The other registers are served when the VMM says what they hold (CARETAKER_UART_REGS), and
 * block otherwise. No interrupt is raised: a driver that waits for one goes on after adoption,
 * when the VMM has taken the registers back. With the divisor latch open (DLAB) all of them
 * block.
 *
 * One vCPU may use the console at a time.
 */
#include "caretaker.bpf.h"
#include "uart.h"

#define UART_BASE	0x3f8	/* and seven more */
#define UART_DATA	0	/* transmit and receive */
#define UART_IER	1
#define UART_IIR	2
#define UART_LCR	3
#define UART_MCR	4
#define UART_LSR	5
#define UART_MSR	6
#define UART_SCR	7

#define UART_LSR_READY	0x60	/* THRE and TEMT: transmitter empty */
#define UART_LSR_DATA	0x01	/* DR: there is input */
#define UART_LCR_DLAB	0x80

struct caretaker_uart_state uart_state;

static __always_inline int uart_transmit(struct caretaker_uart_state *s, __u8 byte)
{
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

static __always_inline int uart_in(struct kvm_caretaker_exit *exit, __u64 value)
{
	exit->gpr[KVM_CARETAKER_RAX] = (exit->gpr[KVM_CARETAKER_RAX] & ~0xffULL) | (value & 0xff);
	return KVM_CARETAKER_HANDLED;
}

/* Without input the register may hold anything: what is left to KVM blocks in the gap. */
static __always_inline int
uart_receive(struct kvm_caretaker_exit *exit, struct caretaker_uart_state *s)
{
	__u64 tail = s->rx_tail;

	if (s->rx_head == tail)
		return KVM_CARETAKER_NEXT;
	s->rx_tail = tail + 1;
	return uart_in(exit, s->rx[tail % CARETAKER_UART_RX]);
}

static __always_inline int
uart_status(struct kvm_caretaker_exit *exit, struct caretaker_uart_state *s)
{
	s->polls++;
	return uart_in(exit, UART_LSR_READY | (s->rx_head != s->rx_tail ? UART_LSR_DATA : 0));
}

static __always_inline int
uart_read(struct kvm_caretaker_exit *exit, struct caretaker_uart_state *s, __u32 reg)
{
	switch (reg) {
	case UART_IER:
		return uart_in(exit, s->ier);
	case UART_IIR:
		return uart_in(exit, s->iir);
	case UART_LCR:
		return uart_in(exit, s->lcr);
	case UART_MCR:
		return uart_in(exit, s->mcr);
	case UART_MSR:
		return uart_in(exit, s->msr);
	case UART_SCR:
		return uart_in(exit, s->scr);
	}
	return KVM_CARETAKER_NEXT;
}

static __always_inline int uart_write(struct caretaker_uart_state *s, __u32 reg, __u8 value)
{
	switch (reg) {
	case UART_IER:
		s->ier = value & 0x0f;
		s->written |= CARETAKER_UART_IER;
		return KVM_CARETAKER_HANDLED;
	case UART_LCR:
		s->lcr = value;
		s->written |= CARETAKER_UART_LCR;
		return KVM_CARETAKER_HANDLED;
	case UART_MCR:
		s->mcr = value & 0x1f;
		s->written |= CARETAKER_UART_MCR;
		return KVM_CARETAKER_HANDLED;
	case UART_SCR:
		s->scr = value;
		s->written |= CARETAKER_UART_SCR;
		return KVM_CARETAKER_HANDLED;
	}
	return KVM_CARETAKER_NEXT;
}

static __always_inline int uart_serve(struct kvm_caretaker_exit *exit, __u32 reg, __u32 in)
{
	struct caretaker_uart_state *s = &uart_state;
	__u32 regs = s->flags & CARETAKER_UART_REGS;

	/* DLAB turns two registers into the divisor */
	if (regs && s->lcr & UART_LCR_DLAB)
		return KVM_CARETAKER_NEXT;
	if (reg == UART_LSR)
		return in ? uart_status(exit, s) : KVM_CARETAKER_NEXT;
	if (reg == UART_DATA)
		return in ? uart_receive(exit, s) :
			    uart_transmit(s, exit->gpr[KVM_CARETAKER_RAX] & 0xff);
	if (!regs)
		return KVM_CARETAKER_NEXT;
	return in ? uart_read(exit, s, reg) :
		    uart_write(s, reg, exit->gpr[KVM_CARETAKER_RAX] & 0xff);
}

CARETAKER_HANDLER(io, uart_io)
{
	__u64 info = exit->info1;
	__u32 reg = KVM_CARETAKER_IO_PORT(info) - UART_BASE;

	if (!caretaker_detached(exit))
		return KVM_CARETAKER_FORWARD;
	if (info & KVM_CARETAKER_IO_STR || KVM_CARETAKER_IO_SIZE(info) != 1 || reg > 7)
		return KVM_CARETAKER_NEXT;
	return uart_serve(exit, reg, info & KVM_CARETAKER_IO_IN);
}

CARETAKER_HANDLERS(uart, .io = (void *)uart_io);

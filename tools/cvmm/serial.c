// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * An 8250 with FIFO at 0x3f8, interrupt 4: what a Linux console needs. The transmitter is always
 * empty: a byte written is a byte in the console file.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "cvmm.h"
#include "uart.h"

#define IER_RX		0x01
#define IER_THR		0x02
#define LCR_DLAB	0x80
#define LSR_RX		0x01
#define LSR_THR_EMPTY	0x20
#define LSR_TX_EMPTY	0x40
#define MCR_OUT2	0x08
#define MCR_LOOP	0x10
#define MSR_CTS_DSR_DCD	0xb0
#define IIR_NONE	0x01
#define IIR_THR		0x02
#define IIR_RX		0x04
#define IIR_FIFO	0xc0
#define FCR_ENABLE	0x01
#define FCR_CLEAR_RX	0x02

/**
 * serial_init() - a reset 8250
 * @s: written
 * @vm_fd: VM that gets the interrupts
 * @console: descriptor for the output, stays the caller's
 */
void serial_init(struct serial *s, int vm_fd, int console)
{
	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->lock, NULL);
	s->vm_fd = vm_fd;
	s->console = console;
}

static uint8_t irq_pending(const struct serial *s)
{
	if ((s->ier & IER_RX) && s->rx_len)
		return IIR_RX;
	if ((s->ier & IER_THR) && s->thr_ipending)
		return IIR_THR;
	return IIR_NONE;
}

static void irq_set(struct serial *s, uint8_t level)
{
	struct kvm_irq_level irq = { .irq = IRQ_COM1, .level = level };

	if (s->irq_level == level)
		return;
	s->irq_level = level;
	if (ioctl(s->vm_fd, KVM_IRQ_LINE, &irq) < 0)
		err("serial: interrupt %d: %s", IRQ_COM1, strerror(errno));
}

static uint8_t msr_value(const struct serial *s)
{
	if (!(s->mcr & MCR_LOOP))
		return MSR_CTS_DSR_DCD;
	return (s->mcr & 1) << 5 | (s->mcr & 2) << 3 | (s->mcr & 4) << 4 | (s->mcr & 8) << 4;
}

/* What the handler has to know when a gap begins, which it may at any time. */
static void gap_update(struct serial *s)
{
	struct caretaker_uart_state *g = s->gap;
	uint32_t i;

	if (!g || s->detached)
		return;
	g->flags = 0;
	g->written = 0;
	g->ier = s->ier;
	g->lcr = s->lcr;
	g->mcr = s->mcr;
	g->scr = s->scr;
	g->msr = msr_value(s);
	g->iir = IIR_NONE | (s->fcr & FCR_ENABLE ? IIR_FIFO : 0);
	for (i = 0; i < s->rx_len; i++)
		g->rx[i] = s->rx[(s->rx_head + i) % sizeof(s->rx)];
	g->rx_tail = 0;
	g->rx_head = s->rx_len;
	/* In loopback what is sent comes in again: that is left to KVM */
	if (!(s->mcr & MCR_LOOP))
		g->flags = CARETAKER_UART_REGS;
}

static void serial_changed(struct serial *s)
{
	irq_set(s, irq_pending(s) != IIR_NONE && !(s->mcr & MCR_LOOP));
	gap_update(s);
}

static void console_write(struct serial *s, const uint8_t *buf, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(s->console, buf, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			s->lost += len;
			return;
		}
		buf += n;
		len -= n;
	}
}

static void rx_push(struct serial *s, uint8_t c)
{
	if (s->rx_len == sizeof(s->rx))
		return;		/* overrun: as the hardware does, the new byte is lost */
	s->rx[(s->rx_head + s->rx_len++) % sizeof(s->rx)] = c;
	if (!s->gap || !s->detached)
		return;
	/* the handler reads it: byte, then its number */
	s->gap->rx[s->gap->rx_head % CARETAKER_UART_RX] = c;
	__atomic_store_n(&s->gap->rx_head, s->gap->rx_head + 1, __ATOMIC_RELEASE);
}

static uint8_t rx_pop(struct serial *s)
{
	uint8_t c;

	if (!s->rx_len)
		return 0;
	c = s->rx[s->rx_head];
	s->rx_head = (s->rx_head + 1) % sizeof(s->rx);
	s->rx_len--;
	return c;
}

static uint8_t iir_read(struct serial *s)
{
	uint8_t why = irq_pending(s);

	if (why == IIR_THR)
		s->thr_ipending = 0;
	return why | (s->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static uint8_t register_read(struct serial *s, unsigned int reg)
{
	switch (reg) {
	case 0:
		return s->lcr & LCR_DLAB ? s->dll : rx_pop(s);
	case 1:
		return s->lcr & LCR_DLAB ? s->dlm : s->ier;
	case 2:
		return iir_read(s);
	case 3:
		return s->lcr;
	case 4:
		return s->mcr;
	case 5:
		return LSR_THR_EMPTY | LSR_TX_EMPTY | (s->rx_len ? LSR_RX : 0);
	case 6:
		return msr_value(s);
	default:
		return s->scr;
	}
}

/**
 * serial_read() - the guest reads a register
 * @s: port
 * @reg: register 0 to 7
 *
 * Return: its value.
 */
uint8_t serial_read(struct serial *s, unsigned int reg)
{
	uint8_t val;

	pthread_mutex_lock(&s->lock);
	val = register_read(s, reg);
	serial_changed(s);
	pthread_mutex_unlock(&s->lock);
	return val;
}

static void thr_write(struct serial *s, uint8_t c)
{
	if (s->lcr & LCR_DLAB) {
		s->dll = c;
		return;
	}
	if (s->mcr & MCR_LOOP) {
		rx_push(s, c);
	} else {
		console_write(s, &c, 1);
		s->sent++;
	}
	s->thr_ipending = 1;
}

static void ier_write(struct serial *s, uint8_t val)
{
	if (s->lcr & LCR_DLAB) {
		s->dlm = val;
		return;
	}
	if ((val & IER_THR) && !(s->ier & IER_THR))
		s->thr_ipending = 1;
	s->ier = val & 0xf;
}

/**
 * serial_write() - the guest writes a register
 * @s: port
 * @reg: register 0 to 7
 * @val: value
 */
void serial_write(struct serial *s, unsigned int reg, uint8_t val)
{
	pthread_mutex_lock(&s->lock);
	switch (reg) {
	case 0:
		thr_write(s, val);
		break;
	case 1:
		ier_write(s, val);
		break;
	case 2:
		s->fcr = val;
		if (val & FCR_CLEAR_RX)
			s->rx_len = 0;
		break;
	case 3:
		s->lcr = val;
		break;
	case 4:
		s->mcr = val & 0x1f;
		break;
	case 7:
		s->scr = val;
		break;
	}
	serial_changed(s);
	pthread_mutex_unlock(&s->lock);
}

/**
 * serial_input() - bytes for the guest to receive
 * @s: port
 * @buf: bytes
 * @len: number; those that do not fit into the receiver are lost
 */
void serial_input(struct serial *s, const uint8_t *buf, size_t len)
{
	pthread_mutex_lock(&s->lock);
	while (len--)
		rx_push(s, *buf++);
	serial_changed(s);
	pthread_mutex_unlock(&s->lock);
}

/**
 * serial_replay() - output that a handler absorbed in the gap
 * @s: port
 * @buf: bytes in the order in which the guest wrote them
 * @len: number
 */
void serial_replay(struct serial *s, const uint8_t *buf, size_t len)
{
	pthread_mutex_lock(&s->lock);
	console_write(s, buf, len);
	s->sent += len;
	if (len)
		s->thr_ipending = 1;
	serial_changed(s);
	pthread_mutex_unlock(&s->lock);
}

/**
 * serial_gap_set() - where the handler's state is that has to know what the registers hold
 * @s: port
 * @gap: live state of the uart handler, or NULL when there is none
 */
void serial_gap_set(struct serial *s, struct caretaker_uart_state *gap)
{
	pthread_mutex_lock(&s->lock);
	s->gap = gap;
	gap_update(s);
	pthread_mutex_unlock(&s->lock);
}

/**
 * serial_gap_drained() - bytes of the handler's ring were replayed: that makes room
 * @s: port
 * @next: number of the first byte that was not
 *
 * The next kernel's cvmm leaves them out.
 */
void serial_gap_drained(struct serial *s, uint64_t next)
{
	pthread_mutex_lock(&s->lock);
	if (s->gap && next > s->gap->drained && next <= s->gap->head)
		__atomic_store_n(&s->gap->drained, next, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&s->lock);
}

/**
 * serial_gap_begin() - the guest runs detached: registers are the handler's
 * @s: port
 */
void serial_gap_begin(struct serial *s)
{
	pthread_mutex_lock(&s->lock);
	s->detached = true;
	pthread_mutex_unlock(&s->lock);
}

static void registers_take(struct serial *s, const struct caretaker_uart_state *g)
{
	if (g->written & CARETAKER_UART_LCR)
		s->lcr = g->lcr;
	if (g->written & CARETAKER_UART_MCR)
		s->mcr = g->mcr & 0x1f;
	if (g->written & CARETAKER_UART_SCR)
		s->scr = g->scr;
	if (!(g->written & CARETAKER_UART_IER))
		return;
	/* It may have been off and on again, and nobody has raised what is due then */
	if (g->ier & IER_THR)
		s->thr_ipending = 1;
	s->ier = g->ier & 0xf;
}

/**
 * serial_gap_end() - take back what the guest did with the registers in a gap, raise what is due
 * @s: port as it was when the gap began
 * @g: state of the uart handler, read after the gap; NULL: it had none
 */
void serial_gap_end(struct serial *s, const struct caretaker_uart_state *g)
{
	uint64_t taken;

	pthread_mutex_lock(&s->lock);
	s->detached = false;
	if (g && g->flags & CARETAKER_UART_REGS) {
		for (taken = g->rx_tail; taken && s->rx_len; taken--)
			rx_pop(s);
		registers_take(s, g);
	}
	serial_changed(s);
	pthread_mutex_unlock(&s->lock);
}

/**
 * serial_irq_refresh() - tell a new interrupt controller the level of the line
 * @s: port whose registers were restored
 */
void serial_irq_refresh(struct serial *s)
{
	pthread_mutex_lock(&s->lock);
	s->irq_level = !s->irq_level;
	irq_set(s, !s->irq_level);
	serial_changed(s);
	pthread_mutex_unlock(&s->lock);
}

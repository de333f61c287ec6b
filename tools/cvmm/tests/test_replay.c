// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * What handlers absorbed reaches eventfds, console and UART, once and in order. The kernel is this
 * program: the handlers' state is a buffer, the interrupt line a number.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../cvmm.h"
#include "../state.h"
#include "uart.h"

#define UART_OFF	4096	/* not where a set with this state alone would have it */
#define BELLS_OFF	64
#define STATE_BYTES	(UART_OFF + sizeof(struct caretaker_uart_state))

#define LSR		5
#define THR		0
#define IER		1
#define LCR		3
#define MCR		4
#define SCR		7

static char handlers[STATE_BYTES] __attribute__((aligned(4096)));
static struct caretaker_uart_state *const uart = (void *)(handlers + UART_OFF);
static struct caretaker_doorbell_state *const bells = (void *)(handlers + BELLS_OFF);
static struct cvmm_state *state;
static struct vm vm;
static int line;		/* level of the UART's interrupt */
static int console[2];		/* what reaches the console is read from [0] */
static char why[256];

/* ---- in place of the kernel and of other files ---- */

int ioctl(int fd, unsigned long req, ...)
{
	const struct kvm_irq_level *irq;
	va_list ap;

	va_start(ap, req);
	irq = va_arg(ap, void *);
	va_end(ap);
	if (req != KVM_IRQ_LINE) {
		errno = ENOTTY;
		return -1;
	}
	line = irq->level;
	return 0;
}

int caretaker_get_state(int vcpu_fd, void **buf, size_t *len)
{
	*len = sizeof(handlers);
	*buf = malloc(*len);
	memcpy(*buf, handlers, *len);
	return 0;
}

const char *caretaker_strerror(int e)
{
	return strerror(-e);
}

void err(const char *fmt, ...)
{
	printf("# %s\n", fmt);
}

/* ---- tests ---- */

static void fresh(void)
{
	struct bells keep = vm.bells;

	memset(handlers, 0, sizeof(handlers));
	memset(state, 0, sizeof(*state));
	memset(&vm, 0, sizeof(vm));
	vm.bells = keep;
	state->flags = CVMM_STATE_HANDLERS;
	state->handlers.uart = (struct cvmm_state_place){ UART_OFF, sizeof(*uart) };
	state->handlers.bells = (struct cvmm_state_place){ BELLS_OFF, sizeof(*bells) };
	vm.state = state;
	vm.caretaker = true;
	serial_init(&vm.serial, -1, console[1]);
	bells_arm(&vm.bells, bells);
	bells_read(&vm.bells);
	vm.bells.bell[0].rung = 0;
	vm.bells.bell[1].rung = 0;
	line = 0;
}

/* What is counted at the eventfds is @first and @second. */
static bool rung(uint64_t first, uint64_t second)
{
	bells_read(&vm.bells);
	if (vm.bells.bell[0].rung == first && vm.bells.bell[1].rung == second)
		return true;
	printf("# %lu and %lu\n", vm.bells.bell[0].rung, vm.bells.bell[1].rung);
	return false;
}

static bool all(void)
{
	return !replay_all(&vm, why, sizeof(why));
}

static bool bells_armed(void)
{
	return bells->size == sizeof(*bells) && bells->bell[0].port == 0x510 &&
	       bells->bell[0].len == 2 && bells->bell[1].port == 0x520 && bells->bell[1].len == 4 &&
	       bells->bell[0].flags == CARETAKER_DOORBELL_USED &&
	       bells->bell[1].flags == CARETAKER_DOORBELL_USED && !bells->bell[2].flags;
}

static bool bells_once(void)
{
	bells->bell[0].rung = 5;
	bells->bell[1].rung = 1;
	if (!all() || !rung(5, 1) || !all() || !rung(5, 1))
		return false;
	bells->bell[1].rung += 3;
	return all() && rung(5, 4) && vm.replayed_bells == 9;
}

static bool bells_at_end(void)
{
	bells->bell[0].rung = 5;
	return !replay_absorbed(&vm, why, sizeof(why)) && rung(0, 0) && all() && rung(5, 0);
}

/* Those that were passed on in the old kernel are not once more in the next one. */
static bool bells_of_kernel(void)
{
	bells->bell[0].rung = 7;
	bells->bell[0].replayed = 4;
	vm.bells.bell[0].done = 0;
	return all() && rung(3, 0);
}

static bool bells_ordered(void)
{
	struct caretaker_doorbell other = bells->bell[1];

	bells->bell[1] = bells->bell[0];
	bells->bell[0] = other;
	bells->bell[0].rung = 2;
	bells->bell[1].rung = 9;
	return all() && rung(9, 2);
}

static bool bells_unknown(void)
{
	bells->bell[0].port++;
	bells->bell[0].rung = 2;
	return all() && rung(0, 0);
}

static bool bells_refused(void)
{
	vm.bells.bell[0].done = 6;
	bells->bell[0].rung = 5;
	if (all() || !rung(0, 0))
		return false;
	fresh();
	bells->version++;
	return !all() && strstr(why, "doorbells");
}

static bool bells_new_set(void)
{
	bells->bell[0].rung = 5;
	bells_arm(&vm.bells, bells);
	return all() && rung(0, 0);
}

static bool places_checked(void)
{
	bells->bell[0].rung = 5;
	state->handlers.bells.offset = STATE_BYTES - 8;
	if (!all() || !rung(0, 0))
		return false;
	state->handlers.bells.offset = ~0ULL - 7;
	return all() && rung(0, 0);
}

static bool console_has(const char *want)
{
	char buf[64] = "";

	if (read(console[0], buf, sizeof(buf) - 1) < 0 && errno != EAGAIN)
		return false;
	return !strcmp(buf, want);
}

static void absorb(const char *text)
{
	uart->size = sizeof(*uart);
	uart->version = CARETAKER_UART_VERSION;
	uart->ring_size = CARETAKER_UART_RING;
	while (*text)
		uart->ring[uart->head++ % CARETAKER_UART_RING] = *text++;
}

static bool console_in_order(void)
{
	absorb("before ");
	if (replay_absorbed(&vm, why, sizeof(why)))
		return false;
	absorb("after");
	return all() && console_has("before after") && vm.replayed_bytes == 12;
}

/* After a cancel the same handlers go on: the ring is empty, the next kernel sees what is new. */
static bool console_over_cancel(void)
{
	serial_gap_set(&vm.serial, uart);
	absorb("cancelled ");
	if (!all() || uart->drained != 10)
		return false;
	absorb("kexec");
	vm.replay_next = 0;		/* another cvmm */
	serial_gap_set(&vm.serial, NULL);
	return all() && console_has("cancelled kexec") && uart->drained == 10;
}

/* The guest's registers, as they were written attached, are the handler's when the gap begins. */
static bool uart_told(void)
{
	serial_gap_set(&vm.serial, uart);
	serial_write(&vm.serial, SCR, 0x77);
	serial_write(&vm.serial, 2, 1);		/* FIFO on */
	serial_write(&vm.serial, LCR, 3);
	serial_write(&vm.serial, MCR, 0xb);
	serial_write(&vm.serial, IER, 1);
	serial_input(&vm.serial, (const uint8_t *)"xy", 2);
	return uart->flags == CARETAKER_UART_REGS && uart->scr == 0x77 && uart->lcr == 3 &&
	       uart->mcr == 0xb && uart->ier == 1 && uart->iir == 0xc1 && uart->msr == 0xb0 &&
	       uart->rx_head - uart->rx_tail == 2 && uart->rx[uart->rx_tail] == 'x' && line == 1;
}

static bool uart_loopback(void)
{
	serial_gap_set(&vm.serial, uart);
	serial_write(&vm.serial, MCR, 0x10);
	return !uart->flags;
}

/* Input that was there before and that comes in the gap: what the guest did not read is left. */
static bool uart_input(void)
{
	serial_gap_set(&vm.serial, uart);
	serial_input(&vm.serial, (const uint8_t *)"ab", 2);
	serial_gap_begin(&vm.serial);
	uart->rx_tail++;			/* the guest reads 'a' */
	serial_input(&vm.serial, (const uint8_t *)"c", 1);
	if (uart->rx_head != 3 || uart->rx[2] != 'c')
		return false;
	return all() && serial_read(&vm.serial, LSR) & 1 && serial_read(&vm.serial, THR) == 'b' &&
	       serial_read(&vm.serial, THR) == 'c' && !(serial_read(&vm.serial, LSR) & 1);
}

static bool uart_taken_back(void)
{
	serial_gap_set(&vm.serial, uart);
	serial_write(&vm.serial, MCR, 0x8);
	serial_gap_begin(&vm.serial);
	uart->ier = 2;
	uart->scr = 0x11;
	uart->lcr = 0x13;
	uart->mcr = 0xb;
	uart->written = CARETAKER_UART_IER | CARETAKER_UART_SCR | CARETAKER_UART_MCR;
	return all() && serial_read(&vm.serial, IER) == 2 && serial_read(&vm.serial, SCR) == 0x11 &&
	       serial_read(&vm.serial, MCR) == 0xb && serial_read(&vm.serial, LCR) == 0 &&
	       line == 1 && !uart->written;
}

/* In the next kernel there is no live state of these handlers any more. */
static bool uart_in_next_kernel(void)
{
	serial_input(&vm.serial, (const uint8_t *)"ab", 2);
	uart->flags = CARETAKER_UART_REGS;
	uart->rx_tail = 1;
	uart->written = CARETAKER_UART_SCR;
	uart->scr = 0x22;
	return all() && serial_read(&vm.serial, THR) == 'b' && serial_read(&vm.serial, SCR) == 0x22;
}

/* Handlers without the VMM's word on the registers never had them. */
static bool uart_not_told(void)
{
	serial_write(&vm.serial, SCR, 0x44);
	uart->written = CARETAKER_UART_SCR;
	return all() && serial_read(&vm.serial, SCR) == 0x44;
}

static const struct {
	const char *name;
	bool (*run)(void);
} cases[] = {
	{ "handlers_are_told_the_doorbells", bells_armed },
	{ "absorbed_writes_are_signalled_once", bells_once },
	{ "doorbells_ring_when_the_gap_is_over_not_before", bells_at_end },
	{ "what_the_old_kernel_passed_on_is_left_out", bells_of_kernel },
	{ "doorbells_are_found_by_port_and_size", bells_ordered },
	{ "port_without_an_eventfd_is_left_out", bells_unknown },
	{ "state_that_makes_no_sense_is_refused", bells_refused },
	{ "new_set_starts_at_what_it_has", bells_new_set },
	{ "places_beyond_the_state_are_left_out", places_checked },
	{ "console_bytes_are_replayed_once_in_order", console_in_order },
	{ "bytes_replayed_after_a_cancel_are_not_in_the_next_kernel", console_over_cancel },
	{ "registers_and_input_are_the_handlers_when_a_gap_begins", uart_told },
	{ "loopback_is_left_to_KVM", uart_loopback },
	{ "input_of_the_gap_is_read_once", uart_input },
	{ "registers_are_taken_back_and_interrupts_raised", uart_taken_back },
	{ "registers_are_taken_back_in_the_next_kernel", uart_in_next_kernel },
	{ "registers_that_were_not_the_handlers_stay", uart_not_told },
};

int main(void)
{
	unsigned int i, nr = sizeof(cases) / sizeof(cases[0]);
	int bad = 0;

	state = calloc(1, sizeof(*state));
	if (!state || pipe2(console, O_NONBLOCK) || bells_add(&vm.bells, 0x510, 2) ||
	    bells_add(&vm.bells, 0x520, 4))
		return 2;
	printf("KTAP version 1\n1..%u\n", nr);
	for (i = 0; i < nr; i++) {
		bool ok;

		fresh();
		ok = cases[i].run();
		printf("%sok %u %s\n", ok ? "" : "not ", i + 1, cases[i].name);
		bad |= !ok;
	}
	free(state);
	bells_close(&vm.bells);
	return bad;
}

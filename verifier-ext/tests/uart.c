// SPDX-License-Identifier: GPL-2.0
/* The console handler: what the demo's guest depends on. */
#include "shipped.h"
#include "uart.h"

static struct caretaker_uart_state *state;

static int uart_exit(u64 flags, u64 info1, u64 *rax)
{
	return shipped_io(flags, info1, rax);
}

static int uart_out(u64 flags, u16 port, u64 byte)
{
	return shipped_out(flags, OUT(port, 1), byte);
}

static void uart_attached(void)
{
	u64 rax = 0x1234;

	test_result(uart_out(0, 0x3f8, 'x') == KVM_CARETAKER_FORWARD && !state->head,
		    "uart: attached, output goes to KVM");
	test_result(uart_exit(0, IN(0x3fd, 1), &rax) == KVM_CARETAKER_FORWARD && rax == 0x1234,
		    "uart: attached, line status goes to KVM");
}

static void uart_detached(void)
{
	const u64 gap = GAP;
	u64 rax = 0xaabbccdd11223344;
	bool ok = true;
	u32 i;

	for (i = 0; i < 5; i++)
		ok = ok && uart_out(gap, 0x3f8, 0xffffff00 | (u32)"hello"[i]) == 0;
	test_result(ok && state->head == 5 && !memcmp(state->ring, "hello", 5) &&
		    state->size == sizeof(*state) && state->version == CARETAKER_UART_VERSION &&
		    state->ring_size == CARETAKER_UART_RING, "uart: detached, output is kept");
	test_result(uart_exit(gap, IN(0x3fd, 1), &rax) == KVM_CARETAKER_HANDLED &&
		    rax == 0xaabbccdd11223360 && state->polls == 1,
		    "uart: detached, line status is ready, other bytes of RAX stay");
	rax = 0;
	test_result(uart_out(gap, 0x3f7, 'x') == KVM_CARETAKER_NEXT &&
		    uart_out(gap, 0x400, 'x') == KVM_CARETAKER_NEXT &&
		    uart_out(gap, 0x3fd, 'x') == KVM_CARETAKER_NEXT &&
		    uart_exit(gap, IN(0x3f8, 1), &rax) == KVM_CARETAKER_NEXT &&
		    uart_exit(gap, OUT(0x3f8, 2), &rax) == KVM_CARETAKER_NEXT &&
		    uart_exit(gap, OUT(0x3f8, 1) | KVM_CARETAKER_IO_STR, &rax) ==
		    KVM_CARETAKER_NEXT && state->head == 5,
		    "uart: detached, other ports, sizes and string output are left alone");
}

static void uart_full(void)
{
	const u64 gap = GAP;
	bool ok = true;
	u32 i;

	for (i = 5; i < CARETAKER_UART_RING; i++)
		ok = ok && uart_out(gap, 0x3f8, i & 0xff) == KVM_CARETAKER_HANDLED;
	test_result(ok && uart_out(gap, 0x3f8, 'x') == KVM_CARETAKER_BLOCK && state->full == 1 &&
		    state->head == CARETAKER_UART_RING, "uart: a full ring blocks and loses nothing");
	state->drained = 3;
	ok = uart_out(gap, 0x3f8, 'a') == 0 && uart_out(gap, 0x3f8, 'b') == 0 &&
	     uart_out(gap, 0x3f8, 'c') == 0;
	test_result(ok && !memcmp(state->ring, "abclo", 5) &&
		    uart_out(gap, 0x3f8, 'd') == KVM_CARETAKER_BLOCK,
		    "uart: drained bytes make room, the ring wraps");
}

static void uart_input(void)
{
	u64 rax = 0x1234;

	memcpy(state->rx, "ab", 2);
	state->rx_head = 2;
	test_result(uart_exit(GAP, IN(0x3fd, 1), &rax) == KVM_CARETAKER_HANDLED && rax == 0x1261,
		    "uart: line status tells of input");
	test_result(uart_exit(GAP, IN(0x3f8, 1), &rax) == KVM_CARETAKER_HANDLED &&
		    (rax & 0xff) == 'a' && uart_exit(GAP, IN(0x3f8, 1), &rax) == 0 &&
		    (rax & 0xff) == 'b' && state->rx_tail == 2 &&
		    uart_exit(GAP, IN(0x3fd, 1), &rax) == 0 && (rax & 0xff) == 0x60 &&
		    uart_exit(GAP, IN(0x3f8, 1), &rax) == KVM_CARETAKER_NEXT,
		    "uart: input that the VMM left is read in order, then no more");
}

static void uart_registers(void)
{
	u64 rax = 0;

	test_result(uart_exit(GAP, IN(0x3f9, 1), &rax) == KVM_CARETAKER_NEXT &&
		    uart_out(GAP, 0x3f9, 0) == KVM_CARETAKER_NEXT && !state->written,
		    "uart: registers block that the VMM says nothing of");
	state->flags = CARETAKER_UART_REGS;
	state->ier = 5;
	state->lcr = 3;
	state->msr = 0xb0;
	state->iir = 0xc1;
	test_result(uart_exit(GAP, IN(0x3f9, 1), &rax) == 0 && rax == 5 &&
		    uart_exit(GAP, IN(0x3fa, 1), &rax) == 0 && rax == 0xc1 &&
		    uart_exit(GAP, IN(0x3fb, 1), &rax) == 0 && rax == 3 &&
		    uart_exit(GAP, IN(0x3fe, 1), &rax) == 0 && rax == 0xb0,
		    "uart: registers hold what the VMM says");
	test_result(uart_out(GAP, 0x3f9, 0x100) == 0 && !state->ier &&
		    uart_out(GAP, 0x3fc, 0xff) == 0 && state->mcr == 0x1f &&
		    uart_out(GAP, 0x3ff, 0x77) == 0 && state->scr == 0x77 &&
		    uart_out(GAP, 0x3fa, 1) == KVM_CARETAKER_NEXT &&
		    state->written ==
		    (CARETAKER_UART_IER | CARETAKER_UART_MCR | CARETAKER_UART_SCR),
		    "uart: registers are written, and the VMM can tell which");
	test_result(uart_out(GAP, 0x3fb, 0x83) == 0 && state->lcr == 0x83 &&
		    uart_out(GAP, 0x3f8, 'x') == KVM_CARETAKER_NEXT &&
		    uart_exit(GAP, IN(0x3f9, 1), &rax) == KVM_CARETAKER_NEXT,
		    "uart: with the divisor latch open it blocks");
	state->flags = 0;
}

void test_uart(int nr, char **paths)
{
	state = shipped_load("uart", sizeof(*state), nr, paths);
	if (!state)
		return;
	uart_attached();
	uart_detached();
	uart_input();
	uart_registers();
	uart_full();
	shipped_unload();
}

// SPDX-License-Identifier: GPL-2.0
/* The console handler, compiled and run: what the demo's guest depends on. */
#include <linux/kvm_caretaker_bpf.h>

#include "uart.h"
#include "test.h"

#define OUT(port, size)	((u64)(port) << 16 | (size) << 4)
#define IN(port, size)	(OUT(port, size) | KVM_CARETAKER_IO_IN)

static struct object uart;
static struct caretaker_uart_state *state;

static int uart_exit(u64 flags, u64 info1, u64 *rax)
{
	struct kvm_caretaker_exit e = { .size = sizeof(e), .flags = flags, .info1 = info1 };
	u64 slot = (u64)(uintptr_t)&e;
	int verdict;

	e.gpr[KVM_CARETAKER_RAX] = *rax;
	verdict = (int)image_call(uart.progs[0].funcs[0].off, &slot, uart.progs[0].fuel);
	*rax = e.gpr[KVM_CARETAKER_RAX];
	return verdict;
}

static int uart_out(u64 flags, u16 port, u64 byte)
{
	return uart_exit(flags, OUT(port, 1), &byte);
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
	const u64 gap = KVM_CARETAKER_EXIT_DETACHED;
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
	test_result(uart_out(gap, 0x3f9, 'x') == KVM_CARETAKER_NEXT &&
		    uart_out(gap, 0x3fd, 'x') == KVM_CARETAKER_NEXT &&
		    uart_exit(gap, IN(0x3f8, 1), &rax) == KVM_CARETAKER_NEXT &&
		    uart_exit(gap, OUT(0x3f8, 2), &rax) == KVM_CARETAKER_NEXT &&
		    uart_exit(gap, OUT(0x3f8, 1) | KVM_CARETAKER_IO_STR, &rax) ==
		    KVM_CARETAKER_NEXT && state->head == 5,
		    "uart: detached, other ports, sizes and string output are left alone");
}

static void uart_full(void)
{
	const u64 gap = KVM_CARETAKER_EXIT_DETACHED;
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

static int uart_load(const char *path)
{
	int err = object_open(&uart, path);

	if (!err)
		err = object_check(&uart);
	if (!err)
		err = image_compile(&uart.set);
	if (err)
		return err;
	state = (void *)image_maps();
	memset(state, 0, sizeof(*state));
	return 0;
}

void test_uart(int nr, char **paths)
{
	int i;

	for (i = 0; i < nr; i++)
		if (strstr(paths[i], "/uart.bpf.o"))
			break;
	if (i == nr) {
		test_skip("uart", "object not given");
		return;
	}
	if (uart_load(paths[i])) {
		test_result(false, "uart: loads");
		return;
	}
	test_result(uart.set.nr_maps == 1 && !strcmp(uart.map_names[0], ".bss") &&
		    uart.maps[0].size >= sizeof(struct caretaker_uart_state),
		    "uart: state is the only writable memory, at offset 0");
	uart_attached();
	uart_detached();
	uart_full();
	object_close(&uart);
}

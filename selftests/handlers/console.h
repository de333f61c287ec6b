/* SPDX-License-Identifier: GPL-2.0 */
/* A guest that writes to its console: polls the line status, then writes one byte, on demand. */
#ifndef HANDLERS_CONSOLE_H
#define HANDLERS_CONSOLE_H

#include "../../bpf-handlers/uart.h"
#include "ktap.h"
#include "kvm_guest.h"

/* At GUEST_AREA; the guest's code knows the offsets */
struct console_area {
	volatile uint64_t rounds;	/* guest */
	volatile uint64_t want;		/* host: bytes that it shall have written */
	volatile uint64_t written;	/* guest: byte n is the low byte of n */
	volatile uint64_t lsr;		/* guest: last line status */
};

extern const struct guest_code guest_console;

/* Whether @s holds the bytes @first to @first + @n - 1 and nothing else. */
enum ktap_result console_kept(const struct caretaker_uart_state *s, uint64_t first, uint64_t n);

#endif /* HANDLERS_CONSOLE_H */

// SPDX-License-Identifier: GPL-2.0
/* A guest that writes to its console. */
#include "console.h"

extern const char console_start[], console_end[];

asm("	.pushsection .rodata, \"a\"\n"
"console_start:\n"
"	movl	$0x100000, %edi\n"
"1:	incq	(%rdi)\n"
"	movq	8(%rdi), %rax\n"
"	cmpq	16(%rdi), %rax\n"
"	je	1b\n"
"	movl	$0x3fd, %edx\n"
"	xorl	%eax, %eax\n"
"	inb	%dx, %al\n"
"	movq	%rax, 24(%rdi)\n"
"	movl	$0x3f8, %edx\n"
"	movq	16(%rdi), %rax\n"
"	outb	%al, %dx\n"
"	incq	16(%rdi)\n"
"	jmp	1b\n"
"console_end:\n"
"	.popsection\n");

const struct guest_code guest_console = { .start = console_start, .end = console_end };

enum ktap_result console_kept(const struct caretaker_uart_state *s, uint64_t first, uint64_t n)
{
	uint64_t i;

	CHECK(s->size == sizeof(*s) && s->version == CARETAKER_UART_VERSION, "not filled in");
	CHECK(s->head == n, "%llu bytes of %lu", s->head, n);
	for (i = 0; i < n; i++)
		CHECK(s->ring[i] == (uint8_t)(i + first), "byte %lu is %u", i, s->ring[i]);
	return KTAP_PASS;
}

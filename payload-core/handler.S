/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: call of an exit handler.
 */
#include "asm.h"

	.text
/*
 * u32 payload_call_handler(void)
 *
 * Calls payload_call.entry as described at struct kvm_caretaker_handlers and returns its verdict.
 * What it wrote to ccb.exit.gpr stays there with HANDLED (0) only. All other registers are lost:
 * the run loops keep nothing in them.
 */
FUNCTION payload_call_handler
	.irp n, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	push GPR(\n)
	.endr
	lea CCB(EXIT), %rax
	push %rax
	mov %rsp, %rdi
	mov payload_call + CALL_FUEL(%rip), %r12d
	call *payload_call + CALL_ENTRY(%rip)
	lea 8(%rsp), %rsp
	test %eax, %eax
	jnz 1f
	add $(14 * 8), %rsp
	ret
1:
	.irp n, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 3, 2, 1
	pop GPR(\n)
	.endr
	ret
END payload_call_handler

	.section .note.GNU-stack, "", @progbits

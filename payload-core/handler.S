/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: call of an exit handler.
 */
#include "asm.h"

	.text
/*
 * u32 payload_handler_enter_MODE(const struct vmcb *vmcb, u32 index, u64 next, u64 class,
 *				  const struct kvm_caretaker_handlers *handlers)
 *
 * Notes the exit in payload_call, calls the handler as described at struct kvm_caretaker_handlers
 * and goes on with the function that acts on its verdict, whose result it returns. What the handler
 * wrote to ccb.exit.gpr stays there with HANDLED (0) only. All other registers are lost: the run
 * loops keep nothing in them, and in C this is the last thing that the exit functions do.
 */
.macro HANDLER_ENTER name, mode
FUNCTION \name
	.irp n, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	push GPR(\n)
	.endr
	mov %esi, payload_call + CALL_INDEX(%rip)
	mov %rdx, payload_call + CALL_NEXT(%rip)
	mov HANDLERS_ENTRY(%r8, %rcx, 8), %rax
	mov %rax, payload_call + CALL_ENTRY(%rip)
	mov HANDLERS_FUEL(%r8, %rcx, 4), %r12d
	lea payload_call + CALL_EXIT(%rip), %rdi
	call *payload_call + CALL_ENTRY(%rip)
	.ifc \mode, attached
	/* HANDLED, and nothing asked for: one test for both */
	mov CCB(EXIT_REQUESTS), %edx
	or %eax, %edx
	.else
	test %eax, %eax
	.endif
	jnz 881f
	add $(14 * 8), %rsp
	jmp payload_handled_\mode
881:
	.ifc \mode, attached
	test %eax, %eax
	jnz 882f
	add $(14 * 8), %rsp
	jmp payload_requests_attached
882:
	.endif
	.irp n, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 3, 2, 1
	pop GPR(\n)
	.endr
	mov %eax, %edi
	jmp payload_verdict_\mode
END \name
.endm

	HANDLER_ENTER payload_handler_enter_attached, attached
	HANDLER_ENTER payload_handler_enter_detached, detached

	.section .note.GNU-stack, "", @progbits

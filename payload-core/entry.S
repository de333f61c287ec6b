/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: entry points, run loops, interrupt stubs.
 */
#include "asm.h"
#include "tables.h"

	.text
/*
 * One run loop: VMRUN, serve, VMRUN. Nothing is kept in registers across the C calls. After a
 * #VMEXIT the CPU has RSP and RAX as they were at VMRUN, all other GPRs are the guest's
 * (APM volume 2, 15.6).
 */
.macro RUN_LOOP mode
881:
	GUEST_LOAD
	mov CCB(VMCB_PA), %rax
	vmrun %rax
	GUEST_STORE
	call payload_exit_\mode
	test %eax, %eax
	jz 881b
.endm

/* See linux/kvm_caretaker_ccb.h */
FUNCTION entry_attached
	endbr64
	HOST_LEAVE
	call payload_enter_attached
	RUN_LOOP attached
	HOST_RETURN
END entry_attached

FUNCTION entry_detached
	endbr64
	cld
	lea payload_stack_gap_top(%rip), %rsp
	xor %ebp, %ebp
	call payload_detached
END entry_detached

/*
 * GIF=0, VMLOAD of the guest done, IF=1: with V_INTR_MASKING that is what lets an interrupt of the
 * pCPU end a VMRUN (APM volume 2, 15.21.2). Between #VMEXIT and VMRUN GIF=0 holds it back.
 */
FUNCTION payload_run_loop
	lea payload_stack_gap_top(%rip), %rsp
	RUN_LOOP detached
	call payload_park
END payload_run_loop

FUNCTION payload_segments_load
	mov $PAYLOAD_DS, %eax
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %fs
	mov %eax, %gs
	lldt %ax
	pop %rax
	push $PAYLOAD_CS
	push %rax
	lretq
END payload_segments_load

FUNCTION payload_irq_window
	sti
	nop
	cli
	ret
END payload_irq_window

/*
 * An event between the look at ccb.kicked and HLT would be slept through: the stubs move RIP out of
 * this window to its end.
 */
FUNCTION payload_halt_until_kicked
	sti
	.globl payload_idle_window, payload_idle_window_end
	.hidden payload_idle_window, payload_idle_window_end
payload_idle_window:
	cmpl $0, CCB(KICKED)
	jne payload_idle_window_end
	hlt
payload_idle_window_end:
	cli
	ret
END payload_halt_until_kicked

FUNCTION payload_halt
	cli
	hlt
	jmp payload_halt
END payload_halt

FUNCTION payload_nmi_stub
	endbr64
	push $VECTOR_NMI
	jmp event_common
END payload_nmi_stub

	.globl payload_irq_stubs
	.hidden payload_irq_stubs
	.balign PAYLOAD_STUB_SIZE
payload_irq_stubs:
	.set vector, PAYLOAD_NR_EXCEPTIONS
	.rept PAYLOAD_NR_VECTORS - PAYLOAD_NR_EXCEPTIONS
	.balign PAYLOAD_STUB_SIZE
	endbr64
	push $vector
	jmp event_common
	.set vector, vector + 1
	.endr

.macro EVENT_SAVE
	push %rax
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	cld
	mov 9 * 8(%rsp), %edi
	lea 10 * 8(%rsp), %rsi
.endm

.macro EVENT_RESTORE
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rax
.endm

/* Stack: vector, then what the CPU pushed. */
FUNCTION event_common
	EVENT_SAVE
	call payload_event
	EVENT_RESTORE
	add $8, %rsp
	iretq
END event_common

	.globl payload_exception_stubs
	.hidden payload_exception_stubs
	.balign PAYLOAD_STUB_SIZE
payload_exception_stubs:
	.set vector, 0
	.rept PAYLOAD_NR_EXCEPTIONS
	.balign PAYLOAD_STUB_SIZE
	endbr64
	.if !((PAYLOAD_ERROR_CODE_VECTORS >> vector) & 1)
	push $0
	.endif
	push $vector
	jmp exception_common
	.set vector, vector + 1
	.endr

/*
 * Stack: vector, error code or a zero in its place, what else the CPU pushed. An interrupt that
 * came with one of these vectors has no error code. What is survived returns how far RIP is above.
 */
FUNCTION exception_common
	EVENT_SAVE
	call payload_exception
	mov %rax, 9 * 8(%rsp)
	EVENT_RESTORE
	add (%rsp), %rsp
	iretq
END exception_common

	.section .note.GNU-stack, "", @progbits

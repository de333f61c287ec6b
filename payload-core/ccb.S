/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: the Caretaker Control Block, with the fields that are set at build.
 */
#include "asm.h"

	.section .ccb, "aw", @progbits
	.balign 64
	.globl ccb
	.hidden ccb
	.type ccb, @object
ccb:
	.long CCB_MAGIC
	.long CCB_ABI
	.long CCB_SIZE
	.skip CCB_ENTRY_ATTACHED - 12
	.quad entry_attached - ccb
	.quad entry_detached - ccb
	.skip CCB_SIZE - CCB_ENTRY_DETACHED - 8
	.size ccb, . - ccb
	.if CCB_ENTRY_DETACHED - CCB_ENTRY_ATTACHED - 8
	.error "the entry points are not neighbours in the CCB"
	.endif

/* Names the image in a dump, and keeps the read-only segment from being empty. */
	.section .rodata, "a", @progbits
	.asciz "KVM Caretaker payload"

	.section .note.GNU-stack, "", @progbits

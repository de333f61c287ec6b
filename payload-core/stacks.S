/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: stacks. They have a segment of their own right after the read-only
 * data, so that the main stack, which is the lowest, overflows into pages that cannot be written.
 * Attached and detached code have a stack each: a pCPU is armed or parks while the vCPU runs
 * attached on another CPU.
 */
#include "tables.h"

.macro STACK name, size
	.globl \name
	.hidden \name
	.skip \size
	.type \name, @object
\name:
.endm

	.section .stacks, "aw", @nobits
	.balign 4096
	STACK payload_stack_attached_top, PAYLOAD_ATTACHED_STACK
	STACK payload_stack_top, PAYLOAD_STACK
	STACK payload_stack_gap_top, PAYLOAD_STACK
	STACK payload_stack_df_top, PAYLOAD_IST_STACK

	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker: the floor of the benchmark.
 *
 * A payload that does nothing but what no payload can avoid: swap the GPRs and enter the guest
 * again, past the CPUID instruction. It serves no guest: CPUID returns what was in the registers.
 */
#include "asm.h"

	.section .text.head, "ax", @progbits
FUNCTION entry_attached
	endbr64
	HOST_LEAVE
1:
	GUEST_LOAD
	mov CCB(VMCB_PA), %rax
	vmrun %rax
	GUEST_STORE
	mov CCB(VMCB), %rdx
	cmpl $EXIT_CPUID, VMCB_EXIT_CODE(%rdx)
	jne 2f
	cmpl $0, VMCB_INT_INFO(%rdx)
	jl 2f
	addq $2, VMCB_RIP(%rdx)
	jmp 1b
2:
	HOST_RETURN
END entry_attached

/* Cannot carry a vCPU through a gap: says at once that the pCPU may be taken back. */
FUNCTION entry_detached
	endbr64
	movl $PCPU_HALTED, CCB(PCPU)
1:
	cli
	hlt
	jmp 1b
END entry_detached

	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker on SVM: the way into the payload and out of it while a vCPU is attached.
 *
 * SVM has no HOST_RIP: after #VMEXIT the CPU goes on behind VMRUN, so the payload holds the
 * VMRUN. What belongs to the kernel stays here: guest and host VMLOAD/VMSAVE, the return stack
 * buffer, untraining, and clearing the guest's values out of the registers.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/nospec-branch.h>

.section .noinstr.text, "ax"

/**
 * caretaker_svm_enter - run a vCPU through its payload until an exit is KVM's
 * @entry:	attached entry point of the payload
 * @vmcb_pa:	physical address of the VMCB
 * @save_pa:	physical address of the host's VMSAVE area
 *
 * GIF=0, IF=1. GPRs of the guest are in the CCB before and after (RAX, RSP: in the VMCB).
 */
SYM_FUNC_START(caretaker_svm_enter)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdx
	push	%rsi
	mov	%rsi, %rax
	vmload	%rax
	ANNOTATE_NOENDBR
	JMP_NOSPEC rdi

	/* ccb.route_kvm points here; RSP is as at the jump above. */
SYM_INNER_LABEL(caretaker_svm_vmexit, SYM_L_GLOBAL)
	ENDBR
	pop	%rax
	vmsave	%rax
	pop	%rax
	vmload	%rax
	/* Before the first RET after the guest ran. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT
	UNTRAIN_RET_VM
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET
SYM_FUNC_END(caretaker_svm_enter)

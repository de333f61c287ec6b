// SPDX-License-Identifier: GPL-2.0
/* A guest that works off a list of instructions in its RAM. */
#include <cpuid.h>
#include <errno.h>
#include <string.h>

#include "guest_script.h"
#include "ktap.h"

extern const char script_start[], script_end[], script_gp[], script_irq[];

/*
 * RSI: the line, RDI: the area. A #GP skips two bytes, the length of RDMSR and WRMSR. The
 * interrupt vector and the area are GUEST_IRQ_VECTOR and GUEST_AREA.
 */
asm("	.pushsection .rodata, \"a\"\n"
"script_start:\n"
"	movl	$0x100000, %edi\n"
"	movl	$0x80f, %ecx\n"			/* x2APIC SVR: enable */
"	movl	$0x1ff, %eax\n"
"	xorl	%edx, %edx\n"
"	wrmsr\n"
"0:	movl	$0x100040, %esi\n"
"1:	movl	(%rsi), %ebx\n"
"	movl	4(%rsi), %eax\n"
"	movl	8(%rsi), %ecx\n"
"	cmpl	$1, %ebx\n"
"	je	2f\n"
"	cmpl	$2, %ebx\n"
"	je	3f\n"
"	cmpl	$3, %ebx\n"
"	je	4f\n"
"	cmpl	$4, %ebx\n"
"	je	5f\n"
"	cmpl	$5, %ebx\n"
"	je	6f\n"
"	cmpl	$6, %ebx\n"
"	je	7f\n"
"	cmpl	$7, %ebx\n"
"	je	8f\n"
"	cmpl	$8, %ebx\n"
"	je	9f\n"
"	cmpl	$9, %ebx\n"
"	je	10f\n"
"	cmpl	$10, %ebx\n"
"	je	12f\n"
"	incq	(%rdi)\n"			/* the end */
"	outb	%al, $0xe0\n"
"	jmp	0b\n"
"2:	cpuid\n"
"	movl	%ebx, 20(%rsi)\n"
"	movl	%ecx, 24(%rsi)\n"
"	movl	%edx, 28(%rsi)\n"
"	movl	%eax, 16(%rsi)\n"
"	jmp	11f\n"
"3:	movl	%eax, %ecx\n"
"	xorl	%eax, %eax\n"
"	xorl	%edx, %edx\n"
"	rdmsr\n"
"	movl	%eax, 16(%rsi)\n"
"	movl	%edx, 20(%rsi)\n"
"	jmp	11f\n"
"4:	xchgl	%eax, %ecx\n"
"	xorl	%edx, %edx\n"
"	wrmsr\n"
"	jmp	11f\n"
"5:	pause\n"
"	decl	%eax\n"
"	jnz	5b\n"
"	jmp	11f\n"
"6:	movl	%eax, %edx\n"
"	movl	%ecx, %eax\n"
"	outb	%al, %dx\n"
"	jmp	11f\n"
"7:	movl	%eax, %edx\n"
"	xorl	%eax, %eax\n"
"	inb	%dx, %al\n"
"	movl	%eax, 16(%rsi)\n"
"	jmp	11f\n"
"8:	cli\n"
"	movl	$0x83f, %ecx\n"			/* x2APIC self IPI */
"	movl	$0x40, %eax\n"
"	xorl	%edx, %edx\n"
"	wrmsr\n"
"	sti\n"
"	hlt\n"
"	cli\n"
"	jmp	11f\n"
"9:	vmmcall\n"
"	movl	%eax, 16(%rsi)\n"
"	jmp	11f\n"
"10:	rdtsc\n"
"	movl	%eax, 16(%rsi)\n"
"	movl	%edx, 20(%rsi)\n"
"	jmp	11f\n"
"12:	movl	%eax, %edx\n"
"	inl	%dx, %eax\n"
"	movl	%eax, 16(%rsi)\n"
"11:	addq	$32, %rsi\n"
"	jmp	1b\n"
"script_gp:\n"
"	addq	$8, %rsp\n"			/* error code */
"	movl	$1, 12(%rsi)\n"
"	addq	$2, (%rsp)\n"
"	iretq\n"
"script_irq:\n"
GUEST_IRQ_HANDLER("8(%rdi)")
"script_end:\n"
"	.popsection\n");

const struct guest_code guest_script = {
	.start = script_start, .end = script_end, .gp = script_gp, .irq = script_irq,
};

_Static_assert(GUEST_AREA == 0x100000 && GUEST_IRQ_VECTOR == 0x40 &&
	       GUEST_PORT_DONE == 0xe0, "the guest's code knows these numbers");
_Static_assert(offsetof(struct script_area, line) == 0x40 &&
	       sizeof(struct script_line) == 32, "the guest's code knows these offsets");

int script_load(struct kvm_guest *g, const struct script_line *lines, unsigned int n)
{
	if (n > SCRIPT_MAX)
		return -E2BIG;
	memcpy(script_area(g)->line, lines, n * sizeof(*lines));
	memset(&script_area(g)->line[n], 0, sizeof(*lines));
	return 0;
}

int script_run(struct kvm_guest *g, const struct script_line *lines, unsigned int n)
{
	uint64_t rounds = script_area(g)->rounds;
	int err;

	err = script_load(g, lines, n);
	if (!err)
		err = guest_run_done(g);
	if (!err && script_area(g)->rounds != rounds + 1) {
		guest_describe(g, "not one round of the script");
		err = -EPROTO;
	}
	return err;
}

int script_still_runs(struct kvm_guest *g)
{
	static const struct script_line lines[] = {
		{ .op = SCRIPT_CPUID, .a = 0x80000000 },
		{ .op = SCRIPT_IN, .a = GUEST_PORT_UNSERVED },
	};
	const struct script_line *got = script_area(g)->line;
	int err;

	err = script_run(g, lines, ARRAY_SIZE(lines));
	if (err)
		return err;
	/* "AuthenticAMD": only AMD CPUs run SVM guests */
	if (got[0].out[1] != signature_AMD_ebx || got[1].out[0] != GUEST_IN_VALUE) {
		ktap_diag("CPUID %#x, IN %#x", got[0].out[1], got[1].out[0]);
		return -EPROTO;
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/* A guest that accesses a device and RAM alike. */
#include <string.h>

#include "mmio_guest.h"

extern const char mmio_start[], mmio_end[];

#define STRING_(x)	#x
#define STRING(x)	STRING_(x)

/*
 * RBP: RAM, then the device; R15: where registers are written down. The area is GUEST_AREA, RAM is
 * taken from its second MiB on, the stack is GUEST_STACK. A form is one access, with what has to
 * come before it.
 */
asm("	.pushsection .rodata, \"a\"\n"
"	.set mmio_forms, 0\n"
"	.macro MMIO_BEFORE\n"
"	movl	$0x20000, %esp\n"
"	pushq	$0x8d7\n"			/* all flags of arithmetic */
"	popfq\n"
"	.set mmio_pattern, 0x0123456789abcdef\n"
"	.irp reg, rax, rbx, rcx, rdx, rsp, r14, rsi, rdi, r8, r9, r10, r11, r12, r13\n"
"	movabsq	$mmio_pattern, %\\reg\n"
"	.set mmio_pattern, mmio_pattern + 0x1010101010101011\n"
"	.endr\n"
"	.endm\n"
"	.macro MMIO_AFTER\n"
"	.set mmio_at, 0\n"
"	.irp reg, rax, rbx, rcx, rdx, rsp, r14, rsi, rdi, r8, r9, r10, r11, r12, r13\n"
"	movq	%\\reg, mmio_at(%r15)\n"
"	.set mmio_at, mmio_at + 8\n"
"	.endr\n"
"	movl	$0x20000, %esp\n"
"	pushfq\n"
"	popq	mmio_at(%r15)\n"
"	addq	$128, %r15\n"
"	.set mmio_forms, mmio_forms + 1\n"
"	.endm\n"
"	.macro FORM insn:vararg\n"
"	MMIO_BEFORE\n"
"	\\insn\n"
"	MMIO_AFTER\n"
"	.endm\n"
"	.macro FORM_WITH index, insn:vararg\n"
"	MMIO_BEFORE\n"
"	movabsq	$\\index, %rcx\n"
"	\\insn\n"
"	MMIO_AFTER\n"
"	.endm\n"
"mmio_start:\n"
"	movl	$0x100000, %edi\n"
"	incq	(%rdi)\n"
"	movl	$0x30000000, %ebp\n"
"	movq	0x18(%rdi), %rax\n"
"	cmpq	0x20(%rdi), %rax\n"
"	je	1f\n"
"	addq	$5, 0x18(%rbp)\n"
"	incq	0x20(%rdi)\n"
"1:	movq	0x28(%rdi), %rax\n"
"	cmpq	0x30(%rdi), %rax\n"
"	je	5f\n"
"	movw	%ax, 0x800(%rbp)\n"
"	incq	0x30(%rdi)\n"
"5:	movq	0x08(%rdi), %rax\n"
"	cmpq	0x10(%rdi), %rax\n"
"	je	mmio_start\n"
"	movl	$0x100040, %r15d\n"
"	movl	$0x200000, %ebp\n"
"2:	xorl	%ecx, %ecx\n"
"	movabsq	$0x9e3779b97f4a7c15, %rdx\n"
"3:	leaq	1(%rcx), %rax\n"
"	imulq	%rdx, %rax\n"
"	movq	%rax, (%rbp,%rcx,8)\n"
"	incl	%ecx\n"
"	cmpl	$" STRING(MMIO_PAGE_WORDS) ", %ecx\n"
"	jb	3b\n"
"	FORM movb 0x01(%rbp), %al\n"
"	FORM movb 0x02(%rbp), %ah\n"
"	FORM movb 0x03(%rbp), %ch\n"
"	FORM movb 0x04(%rbp), %dh\n"
"	FORM movb 0x05(%rbp), %bh\n"
"	FORM movb 0x06(%rbp), %spl\n"
"	FORM movb 0x07(%rbp), %sil\n"
"	FORM movb 0x08(%rbp), %r9b\n"
"	FORM movw 0x0a(%rbp), %ax\n"
"	FORM movw 0x0c(%rbp), %r10w\n"
"	FORM movl 0x10(%rbp), %eax\n"
"	FORM movl 0x14(%rbp), %esp\n"
"	FORM movl 0x18(%rbp), %r11d\n"
"	FORM movq 0x20(%rbp), %rdx\n"
"	FORM movq 0x28(%rbp), %rsp\n"
"	FORM movq 0x48(%rbp), %r12\n"
"	FORM movzbl 0x51(%rbp), %eax\n"
"	FORM movzbw 0x52(%rbp), %cx\n"
"	FORM movzbq 0x53(%rbp), %rsi\n"
"	FORM movzwl 0x54(%rbp), %ebx\n"
"	FORM movzwq 0x56(%rbp), %r8\n"
"	FORM movsbl 0x58(%rbp), %eax\n"
"	FORM movsbw 0x59(%rbp), %ax\n"
"	FORM movsbq 0x5a(%rbp), %rdi\n"
"	FORM movswl 0x5c(%rbp), %r14d\n"
"	FORM movswq 0x5e(%rbp), %r13\n"
"	FORM movslq 0x60(%rbp), %rax\n"
"	FORM movb %al, 0x68(%rbp)\n"
"	FORM movb %ah, 0x69(%rbp)\n"
"	FORM movb %bh, 0x6a(%rbp)\n"
"	FORM movb %dil, 0x6b(%rbp)\n"
"	FORM movb %r13b, 0x6c(%rbp)\n"
"	FORM movw %cx, 0x70(%rbp)\n"
"	FORM movl %edx, 0x74(%rbp)\n"
"	FORM movl %esp, 0x78(%rbp)\n"
"	FORM movq %r8, 0x80(%rbp)\n"
"	FORM movb $0x5a, 0x88(%rbp)\n"
"	FORM movw $0xa55a, 0x8a(%rbp)\n"
"	FORM movl $0x89abcdef, 0x8c(%rbp)\n"
"	FORM movq $-0x12345678, 0x90(%rbp)\n"
"	FORM_WITH 2, movl %ebx, 0x98(%rbp,%rcx,8)\n"
"	FORM_WITH -1, movzbl 0xb0(%rbp,%rcx,4), %ecx\n"
"	FORM movl 0xb8(%ebp), %edx\n"
"	FORM movl %ds:0xbc(%rbp), %edi\n"
"	FORM movabsq $0x1122334455667788, %rax; movq %rax, 0xc0(%rbp)\n"
"	xorl	%ecx, %ecx\n"
"4:	movq	(%rbp,%rcx,8), %rax\n"
"	movq	%rax, (%r15,%rcx,8)\n"
"	incl	%ecx\n"
"	cmpl	$" STRING(MMIO_PAGE_WORDS) ", %ecx\n"
"	jb	4b\n"
"	addq	$8 * " STRING(MMIO_PAGE_WORDS) ", %r15\n"
"	cmpl	$0x30000000, %ebp\n"
"	movl	$0x30000000, %ebp\n"
"	jne	2b\n"
"	movl	$0x100000, %edi\n"
"	incq	0x10(%rdi)\n"
"	jmp	mmio_start\n"
"mmio_end:\n"
"	.if	mmio_forms - " STRING(MMIO_FORMS) "\n"
"	.error	\"MMIO_FORMS is not the number of forms\"\n"
"	.endif\n"
"	.purgem	MMIO_BEFORE\n"
"	.purgem	MMIO_AFTER\n"
"	.purgem	FORM\n"
"	.purgem	FORM_WITH\n"
"	.popsection\n");

_Static_assert(sizeof(struct mmio_after) == 128 && offsetof(struct mmio_area, record) == 0x40 &&
	       GUEST_AREA + sizeof(struct mmio_area) < 0x200000 && MMIO_PAGE_ADDRESS == 0x30000000,
	       "the guest's code knows these numbers");

const struct guest_code guest_mmio = { .start = mmio_start, .end = mmio_end };

enum ktap_result mmio_same(const struct mmio_area *a)
{
	const struct mmio_record *ram = &a->record[0], *device = &a->record[1];
	unsigned int i, n;

	for (i = 0; i < MMIO_FORMS; i++)
		for (n = 0; n < ARRAY_SIZE(ram->after[i].reg); n++)
			CHECK(device->after[i].reg[n] == ram->after[i].reg[n],
			      "form %u, register %u: %#lx by the device, %#lx by RAM", i, n,
			      device->after[i].reg[n], ram->after[i].reg[n]);
	for (i = 0; i < MMIO_PAGE_WORDS; i++)
		CHECK(device->word[i] == ram->word[i], "word %u: %#lx in the device, %#lx in RAM",
		      i, device->word[i], ram->word[i]);
	/* What every load and store has in common: without it nothing was accessed */
	CHECK(ram->word[0] == 0x9e3779b97f4a7c15 && ram->word[24] == 0x1122334455667788,
	      "%#lx and %#lx in RAM", ram->word[0], ram->word[24]);
	return KTAP_PASS;
}

bool mmio_answer(struct kvm_run *run, __u64 *word)
{
	uint64_t at = run->mmio.phys_addr - MMIO_PAGE_ADDRESS;
	__u64 value = 0;

	if (at >= 8 * MMIO_PAGE_WORDS || at % 8 + run->mmio.len > 8)
		return false;
	memcpy(&value, run->mmio.data, run->mmio.len);
	value = mmio_page_access(&word[at / 8], at, run->mmio.len, run->mmio.is_write, value);
	if (!run->mmio.is_write)
		memcpy(run->mmio.data, &value, run->mmio.len);
	return true;
}

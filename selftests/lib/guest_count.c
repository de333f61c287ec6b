// SPDX-License-Identifier: GPL-2.0
/* A guest that counts in its RAM and checks its registers in each round. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "guest_count.h"
#include "ktap.h"

#define MSR_STAR		0xc0000081
#define MSR_LSTAR		0xc0000082
#define MSR_CSTAR		0xc0000083
#define MSR_SFMASK		0xc0000084
#define MSR_KERNEL_GS_BASE	0xc0000102
#define MSR_TSC_AUX		0xc0000103
#define MSR_SYSENTER_CS		0x174
#define MSR_SYSENTER_ESP	0x175
#define MSR_SYSENTER_EIP	0x176
#define MSR_PAT			0x277

#define COUNT_CR2	0x123456789000UL
#define COUNT_AUX	0x1c7

extern const char count_start[], count_end[], count_irq[];

/* Compares one register with memory */
#define GPR_CHECK(reg, off)						\
	"	cmpq	" #off "(%rdi), %" #reg "\n"			\
	"	jne	80f\n"
#define XMM_LOAD(n, off)						\
	"	movdqu	" #off "(%rdi), %xmm" #n "\n"
#define XMM_CHECK(n, off)						\
	"	movdqu	%xmm" #n ", 0x300(%rdi)\n"			\
	"	movq	0x300(%rdi), %rax\n"				\
	"	movq	0x308(%rdi), %rdx\n"				\
	"	cmpq	" #off "(%rdi), %rax\n"				\
	"	jne	81f\n"						\
	"	cmpq	8+" #off "(%rdi), %rdx\n"			\
	"	jne	81f\n"

asm("	.pushsection .rodata, \"a\"\n"
"count_start:\n"
"	movl	$0x100000, %edi\n"
"	movl	$0x80f, %ecx\n"			/* x2APIC SVR: enable */
"	movl	$0x1ff, %eax\n"
"	xorl	%edx, %edx\n"
"	wrmsr\n"
XMM_LOAD(0, 0x100) XMM_LOAD(1, 0x110) XMM_LOAD(2, 0x120) XMM_LOAD(3, 0x130)
XMM_LOAD(4, 0x140) XMM_LOAD(5, 0x150) XMM_LOAD(6, 0x160) XMM_LOAD(7, 0x170)
XMM_LOAD(8, 0x180) XMM_LOAD(9, 0x190) XMM_LOAD(10, 0x1a0) XMM_LOAD(11, 0x1b0)
XMM_LOAD(12, 0x1c0) XMM_LOAD(13, 0x1d0) XMM_LOAD(14, 0x1e0) XMM_LOAD(15, 0x1f0)
"	movq	0x200(%rdi), %r8\n"
"	movq	0x208(%rdi), %r9\n"
"	movq	0x210(%rdi), %r10\n"
"	movq	0x218(%rdi), %r11\n"
"	movq	0x220(%rdi), %r12\n"
"	movq	0x228(%rdi), %r13\n"
"	movq	0x230(%rdi), %r14\n"
"	movq	0x238(%rdi), %r15\n"
"	movq	0x240(%rdi), %rbx\n"
"	movq	0x248(%rdi), %rbp\n"
"	sti\n"
"1:\n"						/* one round */
GPR_CHECK(r8, 0x200) GPR_CHECK(r9, 0x208) GPR_CHECK(r10, 0x210) GPR_CHECK(r11, 0x218)
GPR_CHECK(r12, 0x220) GPR_CHECK(r13, 0x228) GPR_CHECK(r14, 0x230) GPR_CHECK(r15, 0x238)
GPR_CHECK(rbx, 0x240) GPR_CHECK(rbp, 0x248)
"2:\n"
XMM_CHECK(0, 0x100) XMM_CHECK(1, 0x110) XMM_CHECK(2, 0x120) XMM_CHECK(3, 0x130)
XMM_CHECK(4, 0x140) XMM_CHECK(5, 0x150) XMM_CHECK(6, 0x160) XMM_CHECK(7, 0x170)
XMM_CHECK(8, 0x180) XMM_CHECK(9, 0x190) XMM_CHECK(10, 0x1a0) XMM_CHECK(11, 0x1b0)
XMM_CHECK(12, 0x1c0) XMM_CHECK(13, 0x1d0) XMM_CHECK(14, 0x1e0) XMM_CHECK(15, 0x1f0)
"3:	movq	%fs:0, %rax\n"
"	cmpq	0x270(%rdi), %rax\n"
"	jne	82f\n"
"4:	movq	%gs:0, %rax\n"
"	swapgs\n"
"	movq	%gs:0, %rdx\n"
"	swapgs\n"
"	cmpq	0x278(%rdi), %rax\n"
"	jne	83f\n"
"	cmpq	0x280(%rdi), %rdx\n"
"	jne	83f\n"
"5:	cmpq	$0, 0x48(%rdi)\n"
"	je	6f\n"
"	rdtscp\n"
"	cmpl	0x268(%rdi), %ecx\n"
"	jne	85f\n"
"6:	rdtsc\n"
"	shlq	$32, %rdx\n"
"	orq	%rdx, %rax\n"
"	movq	0x38(%rdi), %rdx\n"
"	movq	%rax, 0x38(%rdi)\n"
"	subq	%rdx, %rax\n"
"	jc	84f\n"
"	testq	%rdx, %rdx\n"			/* the first round has no step */
"	jz	7f\n"
"	cmpq	0x40(%rdi), %rax\n"
"	jbe	7f\n"
"	movq	%rax, 0x40(%rdi)\n"
"7:	incq	(%rdi)\n"
"	movq	0x08(%rdi), %rax\n"
"	testq	%rax, %rax\n"
"	jz	1b\n"
"	cmpl	$1, %eax\n"
"	jne	8f\n"
"	xorl	%eax, %eax\n"
"	inb	$0x5f, %al\n"
"	movq	%rax, 0x28(%rdi)\n"
"	jmp	11f\n"
"8:	cmpl	$2, %eax\n"
"	jne	9f\n"
"	movq	$1, 0x50(%rdi)\n"
"	hlt\n"
"	movq	$0, 0x50(%rdi)\n"
"	jmp	11f\n"
"9:	cmpl	$3, %eax\n"
"	jne	10f\n"
"	outb	%al, $0xe0\n"
"	jmp	11f\n"
"10:	cmpl	$5, %eax\n"
"	jne	12f\n"
"	movq	$0, -16(%rsp)\n"
"	movq	$0, -8(%rsp)\n"
"	lidt	-16(%rsp)\n"			/* no IDT: an exception is a shutdown */
"	int3\n"
"12:	cmpl	$6, %eax\n"
"	je	15f\n"
"	cmpl	$7, %eax\n"
"	jne	14f\n"
"	cli\n"					/* the interrupt must not come before HLT */
"15:	movl	0x58(%rdi), %ecx\n"
"	xorl	%eax, %eax\n"
"	cmpq	$0, 0x68(%rdi)\n"
"	je	13f\n"
"	rdtsc\n"
"	shlq	$32, %rdx\n"
"	orq	%rdx, %rax\n"
"13:	addq	0x60(%rdi), %rax\n"
"	movq	%rax, %rdx\n"
"	shrq	$32, %rdx\n"
"	wrmsr\n"
"	cmpq	$7, 0x08(%rdi)\n"
"	jne	11f\n"
"	movq	$1, 0x50(%rdi)\n"
"	sti\n"
"	hlt\n"
"	movq	$0, 0x50(%rdi)\n"
"	jmp	11f\n"
"14:	movq	%rbx, %rsi\n"			/* CPUID changes RBX */
"	movl	0x80(%rdi), %eax\n"
"	movl	0x84(%rdi), %ecx\n"
"	cpuid\n"
"	movl	%eax, 0x88(%rdi)\n"
"	movl	%ebx, 0x8c(%rdi)\n"
"	movl	%ecx, 0x90(%rdi)\n"
"	movl	%edx, 0x94(%rdi)\n"
"	movq	%rsi, %rbx\n"
"11:	movq	$0, 0x08(%rdi)\n"
"	incq	0x10(%rdi)\n"
"	jmp	1b\n"
"80:	orq	$1, 0x20(%rdi)\n"
"	incq	0x18(%rdi)\n"
"	jmp	2b\n"
"81:	orq	$2, 0x20(%rdi)\n"
"	incq	0x18(%rdi)\n"
"	jmp	3b\n"
"82:	orq	$4, 0x20(%rdi)\n"
"	incq	0x18(%rdi)\n"
"	jmp	4b\n"
"83:	orq	$8, 0x20(%rdi)\n"
"	incq	0x18(%rdi)\n"
"	jmp	5b\n"
"85:	orq	$32, 0x20(%rdi)\n"
"	incq	0x18(%rdi)\n"
"	jmp	6b\n"
"84:	orq	$16, 0x20(%rdi)\n"
"	incq	0x18(%rdi)\n"
"	jmp	7b\n"
"count_irq:\n"
GUEST_IRQ_HANDLER("0x30(%rdi)")
"count_end:\n"
"	.popsection\n");

const struct guest_code guest_count = {
	.start = count_start, .end = count_end, .irq = count_irq,
};

#define OFFSET_IS(f, o) \
	_Static_assert(offsetof(struct count_area, f) == (o), "the guest's code knows " #f)
OFFSET_IS(counter, 0x00);
OFFSET_IS(command, 0x08);
OFFSET_IS(commands, 0x10);
OFFSET_IS(errors, 0x18);
OFFSET_IS(what, 0x20);
OFFSET_IS(in_value, 0x28);
OFFSET_IS(irqs, 0x30);
OFFSET_IS(tsc, 0x38);
OFFSET_IS(tsc_max, 0x40);
OFFSET_IS(has_rdtscp, 0x48);
OFFSET_IS(in_hlt, 0x50);
OFFSET_IS(wrmsr_index, 0x58);
OFFSET_IS(wrmsr_value, 0x60);
OFFSET_IS(wrmsr_add_tsc, 0x68);
OFFSET_IS(cpuid, 0x80);
OFFSET_IS(xmm, 0x100);
OFFSET_IS(gpr, 0x200);
OFFSET_IS(base, 0x250);
OFFSET_IS(aux, 0x268);
OFFSET_IS(base_want, 0x270);
OFFSET_IS(scratch, 0x300);

static const struct kvm_msr_entry count_msrs[] = {
	{ .index = MSR_STAR, .data = 0x0023001000000000 },
	{ .index = MSR_LSTAR, .data = 0xffffffff81001000 },
	{ .index = MSR_CSTAR, .data = 0xffffffff81002000 },
	{ .index = MSR_SFMASK, .data = 0x47700 },
	{ .index = MSR_KERNEL_GS_BASE,
	  .data = GUEST_AREA + offsetof(struct count_area, base[2]) },
	{ .index = MSR_SYSENTER_CS, .data = 0x10 },
	/* On AMD CPUs KVM keeps the lower half of these two */
	{ .index = MSR_SYSENTER_ESP, .data = 0x81003000 },
	{ .index = MSR_SYSENTER_EIP, .data = 0x81004000 },
	{ .index = MSR_PAT, .data = 0x0007010600070106 },
};

struct count_msr_list {
	struct kvm_msrs head;
	struct kvm_msr_entry entry[ARRAY_SIZE(count_msrs)];
};

static bool has_rdtscp(struct kvm_guest *g)
{
	unsigned int i;

	for (i = 0; g->cpuid && i < g->cpuid->nent; i++)
		if (g->cpuid->entries[i].function == 0x80000001)
			return g->cpuid->entries[i].edx & (1U << 27);
	return false;
}

static int set_one_msr(struct kvm_guest *g, uint32_t index, uint64_t data)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} m = { .head.nmsrs = 1, .entry = { .index = index, .data = data } };

	return ioctl(g->vcpu_fd, KVM_SET_MSRS, &m) == 1 ? 0 : -EINVAL;
}

static int count_set_msrs(struct kvm_guest *g)
{
	struct count_msr_list m = { .head.nmsrs = ARRAY_SIZE(count_msrs) };

	memcpy(m.entry, count_msrs, sizeof(count_msrs));
	if (ioctl(g->vcpu_fd, KVM_SET_MSRS, &m) != (int)ARRAY_SIZE(count_msrs)) {
		ktap_diag("KVM_SET_MSRS did not take all MSRs");
		return -EINVAL;
	}
	if (!has_rdtscp(g))
		return 0;
	count_area(g)->has_rdtscp = 1;
	count_area(g)->aux = COUNT_AUX;
	return set_one_msr(g, MSR_TSC_AUX, COUNT_AUX);
}

static int count_set_regs(struct kvm_guest *g)
{
	struct kvm_debugregs dr = { .db = { 0x1110, 0x2220, 0x3330, 0x4440 }, .dr6 = 0xffff0ff0,
				    .dr7 = 0x400 };
	struct kvm_sregs s;

	if (ioctl(g->vcpu_fd, KVM_GET_SREGS, &s))
		return -errno;
	s.fs.base = GUEST_AREA + offsetof(struct count_area, base[0]);
	s.gs.base = GUEST_AREA + offsetof(struct count_area, base[1]);
	s.cr2 = COUNT_CR2;
	if (ioctl(g->vcpu_fd, KVM_SET_SREGS, &s) || ioctl(g->vcpu_fd, KVM_SET_DEBUGREGS, &dr))
		return -errno;
	return count_set_msrs(g);
}

int count_reset(struct kvm_guest *g)
{
	struct count_area *a = count_area(g);
	unsigned int i;
	int err;

	err = guest_reset(g, &guest_count);
	if (err)
		return err;
	for (i = 0; i < 16; i++) {
		a->xmm[i][0] = 0x0123456789abcdefUL * (i + 1);
		a->xmm[i][1] = 0xfedcba9876543210UL ^ (0x1111111111111111UL * i);
	}
	for (i = 0; i < ARRAY_SIZE(a->gpr); i++)
		a->gpr[i] = 0x9e3779b97f4a7c15UL * (i + 3);
	for (i = 0; i < ARRAY_SIZE(a->base); i++) {
		a->base[i] = 0xba5e000000000000UL + i;
		a->base_want[i] = a->base[i];
	}
	return count_set_regs(g);
}

static int check_msrs(struct kvm_guest *g)
{
	struct count_msr_list m = { .head.nmsrs = ARRAY_SIZE(count_msrs) };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(count_msrs); i++)
		m.entry[i].index = count_msrs[i].index;
	if (ioctl(g->vcpu_fd, KVM_GET_MSRS, &m) != (int)ARRAY_SIZE(count_msrs))
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(count_msrs); i++) {
		if (m.entry[i].data == count_msrs[i].data)
			continue;
		ktap_diag("MSR %#x is %#llx, wanted %#llx", count_msrs[i].index, m.entry[i].data,
			  count_msrs[i].data);
		return -EPROTO;
	}
	return 0;
}

int count_check_host_side(struct kvm_guest *g)
{
	static const uint64_t want[4] = { 0x1110, 0x2220, 0x3330, 0x4440 };
	struct kvm_debugregs dr;
	struct kvm_sregs s;
	unsigned int i;

	if (ioctl(g->vcpu_fd, KVM_GET_SREGS, &s) || ioctl(g->vcpu_fd, KVM_GET_DEBUGREGS, &dr))
		return -errno;
	if (s.cr2 != COUNT_CR2) {
		ktap_diag("CR2 is %#llx, wanted %#lx", s.cr2, COUNT_CR2);
		return -EPROTO;
	}
	for (i = 0; i < 4; i++) {
		if (dr.db[i] == want[i])
			continue;
		ktap_diag("DR%u is %#llx, wanted %#lx", i, dr.db[i], want[i]);
		return -EPROTO;
	}
	return check_msrs(g);
}

bool count_alive(struct kvm_guest *g, unsigned int ms)
{
	struct count_area *a = count_area(g);
	uint64_t before = a->counter;
	bool moved;

	/* At least two rounds later all checks of a full round were made */
	moved = wait_change(&a->counter, before, ms) && wait_change(&a->counter, before + 1, ms);
	if (!moved)
		ktap_diag("the counter stands still at %lu", before);
	if (a->errors)
		ktap_diag("%lu rounds with wrong registers, kinds %#lx", a->errors, a->what);
	return moved && !a->errors;
}

bool count_command(struct kvm_guest *g, enum count_command cmd, unsigned int ms)
{
	struct count_area *a = count_area(g);
	uint64_t before = a->commands;

	a->command = cmd;
	return !ms || wait_equal(&a->commands, before + 1, ms);
}

static void wrmsr_set(struct kvm_guest *g, uint32_t msr, uint64_t value, bool add_tsc)
{
	struct count_area *a = count_area(g);

	a->wrmsr_index = msr;
	a->wrmsr_value = value;
	a->wrmsr_add_tsc = add_tsc;
}

bool count_wrmsr(struct kvm_guest *g, uint32_t msr, uint64_t value, bool add_tsc, unsigned int ms)
{
	wrmsr_set(g, msr, value, add_tsc);
	return count_command(g, COUNT_WRMSR, ms);
}

bool count_nap(struct kvm_guest *g, uint64_t tsc, unsigned int ms)
{
	wrmsr_set(g, MSR_TSC_DEADLINE, tsc, true);
	return count_command(g, COUNT_NAP, ms);
}

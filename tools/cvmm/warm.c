// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Warm-up: a throw-away VM runs for a moment before the guest is adopted. The kernel has just
 * booted and its KVM never ran: caches are cold, one-time set-up is to be done, and an emulated
 * host still has to translate all of that code. Without it the guest would wait for that in its
 * first entries.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "cvmm.h"

#define WARM_RAM	0x10000
#define WARM_CODE	0x1000
#define WARM_PORT	0x3f8
#define WARM_PORT_END	0xe0
#define WARM_VECTOR	0x30
#define WARM_MAX_EXITS	1000
#define WARM_MAX_CPUID	256
#define ECX_X2APIC	(1u << 21)	/* CPUID leaf 1 */
#define ECX_DEADLINE	(1u << 24)
#define BASE_X2APIC	(1ULL << 10)	/* MSR_IA32_APICBASE */

extern const uint8_t warm_start[], warm_irq[], warm_end[];
extern const char __executable_start, end;	/* by the linker */

/*
 * Real mode. Per round: TSC deadline, its interrupt with EOI, port I/O, CPUID, RDMSR. It waits for
 * the interrupt in a bounded loop, not in HLT: nothing here can hang.
 */
asm("	.pushsection .rodata, \"a\"\n"
"	.code16\n"
"warm_start:\n"
"	movl	$0x80f, %ecx\n"			/* x2APIC: SVR */
"	movl	$0x1ff, %eax\n"
"	xorl	%edx, %edx\n"
"	wrmsr\n"
"	movl	$0x832, %ecx\n"			/* LVT timer: TSC deadline, vector 0x30 */
"	movl	$0x40030, %eax\n"
"	wrmsr\n"
"	sti\n"
"	movw	$40, %si\n"
"1:	movb	$0, 0x800\n"
"	rdtsc\n"
"	addl	$20000, %eax\n"
"	adcl	$0, %edx\n"
"	movl	$0x6e0, %ecx\n"
"	wrmsr\n"
"	movl	$300000, %ecx\n"
"2:	cmpb	$0, 0x800\n"
"	jne	3f\n"
"	decl	%ecx\n"
"	jnz	2b\n"
"3:	movw	$0x3f8, %dx\n"
"	outb	%al, %dx\n"
"	inb	%dx, %al\n"
"	xorl	%eax, %eax\n"
"	cpuid\n"
"	movl	$0x1b, %ecx\n"
"	rdmsr\n"
"	decw	%si\n"
"	jnz	1b\n"
"	outb	%al, $0xe0\n"
"4:	jmp	4b\n"
"warm_irq:\n"
"	pushl	%eax\n"
"	pushl	%ecx\n"
"	pushl	%edx\n"
"	movb	$1, 0x800\n"
"	movl	$0x80b, %ecx\n"			/* x2APIC: EOI */
"	xorl	%eax, %eax\n"
"	xorl	%edx, %edx\n"
"	wrmsr\n"
"	popl	%edx\n"
"	popl	%ecx\n"
"	popl	%eax\n"
"	iret\n"
"warm_end:\n"
"	.code64\n"
"	.popsection\n");

struct warm {
	int vm;
	int vcpu;
	uint8_t *ram;
	struct kvm_run *run;
	size_t run_size;
};

static int warm_memory(struct warm *w)
{
	struct kvm_userspace_memory_region slot = { .memory_size = WARM_RAM };
	uint16_t irq = WARM_CODE + (warm_irq - warm_start);

	w->ram = mmap(NULL, WARM_RAM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (w->ram == MAP_FAILED) {
		w->ram = NULL;
		return -ENOMEM;
	}
	slot.userspace_addr = (uintptr_t)w->ram;
	memcpy(w->ram + WARM_CODE, warm_start, warm_end - warm_start);
	memcpy(w->ram + WARM_VECTOR * 4, &irq, sizeof(irq));
	return ioctl(w->vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0 ? -errno : 0;
}

static int warm_cpuid(struct warm *w, int kvm_fd)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + WARM_MAX_CPUID * sizeof(c->entries[0]));
	unsigned int i;
	int ret;

	if (!c)
		return -ENOMEM;
	c->nent = WARM_MAX_CPUID;
	ret = ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, c);
	for (i = 0; !ret && i < c->nent; i++) {
		if (c->entries[i].function == 1)
			c->entries[i].ecx |= ECX_X2APIC | ECX_DEADLINE;
	}
	if (!ret)
		ret = ioctl(w->vcpu, KVM_SET_CPUID2, c);
	ret = ret < 0 ? -errno : 0;
	free(c);
	return ret;
}

static int warm_registers(struct warm *w)
{
	struct kvm_regs regs = { .rip = WARM_CODE, .rsp = WARM_CODE, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(w->vcpu, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	sregs.apic_base |= BASE_X2APIC;
	if (ioctl(w->vcpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(w->vcpu, KVM_SET_REGS, &regs) < 0)
		return -errno;
	return 0;
}

static int warm_create(struct warm *w, int kvm_fd)
{
	int size, ret;

	w->vm = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	if (w->vm < 0 || ioctl(w->vm, KVM_CREATE_IRQCHIP) < 0)
		return -errno;
	ret = warm_memory(w);
	if (ret)
		return ret;
	w->vcpu = ioctl(w->vm, KVM_CREATE_VCPU, 0);
	size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (w->vcpu < 0 || size < 0)
		return -errno;
	w->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, w->vcpu, 0);
	if (w->run == MAP_FAILED) {
		w->run = NULL;
		return -ENOMEM;
	}
	w->run_size = size;
	ret = warm_cpuid(w, kvm_fd);
	return ret ? ret : warm_registers(w);
}

static int warm_run(struct warm *w)
{
	unsigned int i;

	for (i = 0; i < WARM_MAX_EXITS; i++) {
		if (ioctl(w->vcpu, KVM_RUN, 0) < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (w->run->exit_reason != KVM_EXIT_IO && w->run->exit_reason != KVM_EXIT_INTR)
			return -EPROTO;
		if (w->run->exit_reason == KVM_EXIT_IO && w->run->io.port == WARM_PORT_END)
			return 0;
	}
	return -ELOOP;
}

static void warm_destroy(struct warm *w)
{
	if (w->run)
		munmap(w->run, w->run_size);
	if (w->vcpu >= 0)
		close(w->vcpu);
	if (w->ram)
		munmap(w->ram, WARM_RAM);
	if (w->vm >= 0)
		close(w->vm);
}

/* Each page of this program that is first used after the adoption would be a page fault then. */
static void warm_program(void)
{
	uintptr_t page = sysconf(_SC_PAGESIZE), start = (uintptr_t)&__executable_start & -page;

	madvise((void *)start, (uintptr_t)&end - start, MADV_POPULATE_READ);
}

/**
 * warm_up() - let KVM of a freshly booted kernel run once, with a VM of no importance
 * @kvm_fd: /dev/kvm
 *
 * To be called while the guest still runs in the Caretaker. A failure costs time, nothing else: it
 * is noted on stderr.
 */
void warm_up(int kvm_fd)
{
	struct warm w = { .vm = -1, .vcpu = -1 };
	int ret = warm_create(&w, kvm_fd);

	warm_program();
	if (!ret)
		ret = warm_run(&w);
	warm_destroy(&w);
	if (ret)
		note("warm-up: %s: the first moments after the adoption may be slow",
		     strerror(-ret));
}

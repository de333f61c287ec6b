/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bare-metal test of the payload core: boot (multiboot), application processor start, the part of
 * the kernel's stub that calls the attached entry, and the guests.
 */
#include "bare.h"

#define MULTIBOOT_MAGIC	0x1badb002
#define MULTIBOOT_FLAGS	(1 << 16)	/* addresses below are valid */

	.section .head, "ax"
	.code32
	.balign 4
multiboot:
	.long MULTIBOOT_MAGIC
	.long MULTIBOOT_FLAGS
	.long -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)
	.long multiboot
	.long image_start
	.long image_data_end
	.long image_end
	.long boot32

	.globl boot32
boot32:
	cli
	mov %ebx, boot_info
	mov $boot_stack_top, %esp
	/* identity map of 4 GiB in 2 MiB pages: PML4, PDPT, 4 page directories */
	mov $host_pml4, %edi
	mov $host_pdpt, %eax
	or $3, %eax
	mov %eax, (%edi)
	mov $host_pdpt, %edi
	mov $host_pd, %eax
	or $3, %eax
	mov $4, %ecx
1:	mov %eax, (%edi)
	add $4096, %eax
	add $8, %edi
	loop 1b
	mov $host_pd, %edi
	mov $0x83, %eax
	mov $2048, %ecx
2:	mov %eax, (%edi)
	add $0x200000, %eax
	add $8, %edi
	loop 2b
	lgdt boot_gdt_pointer
	mov $bare_bsp, %ebx
	mov $boot_stack_top, %edx

/* EBX: 64-bit entry, EDX: stack. Common to both processors. */
	.globl long_mode
long_mode:
	mov %cr4, %eax
	or $(1 << 5 | 1 << 9 | 1 << 10 | 1 << 18), %eax	/* PAE, OSFXSR, OSXMMEXCPT, OSXSAVE */
	mov %eax, %cr4
	mov $host_pml4, %eax
	mov %eax, %cr3
	push %edx
	mov $0xc0000080, %ecx
	rdmsr
	or $(1 << 8 | 1 << 11), %eax			/* LME, NXE */
	wrmsr
	pop %edx
	mov %cr0, %eax
	and $~(1 << 2 | 1 << 3), %eax			/* EM, TS */
	or $(1 << 31 | 1 << 16 | 1 << 1 | 1), %eax	/* PG, WP, MP, PE */
	mov %eax, %cr0
	ljmp $0x10, $1f
	.code64
1:	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov %edx, %esp
	xor %ebp, %ebp
	mov %ebx, %ebx
	call *%rbx
2:	cli
	hlt
	jmp 2b

	.balign 16
boot_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
	.globl boot_gdt_pointer
boot_gdt_pointer:
	.word 31
	.quad boot_gdt

/* Copied to AP_TRAMPOLINE, runs there in real mode. */
	.code16
	.globl ap_trampoline
ap_trampoline:
	cli
	xor %ax, %ax
	mov %ax, %ds
	lgdtl AP_TRAMPOLINE + (1f - ap_trampoline)
	mov %cr0, %eax
	or $1, %eax
	mov %eax, %cr0
	ljmpl $0x08, $ap32
	.balign 4
1:	.word 31
	.long boot_gdt
	.globl ap_trampoline_end
ap_trampoline_end:

	.code32
ap32:
	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %ss
	mov $1, %eax
	cpuid
	shr $24, %ebx			/* APIC ID, from 1 */
	mov %ebx, %edi
	shl $14, %ebx
	lea ap_stacks(%ebx), %edx
	mov %edx, %esp
	mov $bare_ap, %ebx
	jmp long_mode

	.code64
	.text
/* void stub_attached(u64 entry, u64 guest_pa, u64 host_pa, u64 *route_kvm) */
	.globl stub_attached
stub_attached:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	push %rsi
	push %rdx
	lea 1f(%rip), %rax
	mov %rax, (%rcx)
	clgi
	mov %rdx, %rax
	vmsave %rax
	mov %rsi, %rax
	vmload %rax
	jmp *%rdi
1:	endbr64
	pop %rdx
	pop %rsi
	mov %rsi, %rax
	vmsave %rax
	mov %rdx, %rax
	vmload %rax
	stgi
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

/* Handlers: copied into the arena, so position independent. RDI: address of the context's. */
#define EXIT_GPR(n)	0x38 + (n) * 8
	.globl handler_start, handler_handled, handler_forward, handler_fault, handler_least, handler_end
	.balign 16
handler_start:
handler_handled:
	mov (%rdi), %rax
	movq $0x1111, EXIT_GPR(0)(%rax)
	movq $0x3333, EXIT_GPR(3)(%rax)
	movq $0x4444, EXIT_GPR(4)(%rax)
	movq $0xffff, EXIT_GPR(15)(%rax)
	mov %r12, EXIT_GPR(14)(%rax)
	jmp handler_trash
	.balign 16
handler_forward:
	mov (%rdi), %rax
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movq $-1, EXIT_GPR(\n)(%rax)
	.endr
	call handler_trash
	mov $2, %eax
	ret
	.balign 16
handler_least:
	xor %eax, %eax
	ret
	.balign 16
handler_fault:
	ud2
handler_trash:
	mov $0x5555, %ebx
	mov %ebx, %ebp
	mov %ebx, %ecx
	mov %ebx, %edx
	mov %ebx, %esi
	mov %ebx, %edi
	mov %rbx, %r8
	mov %rbx, %r9
	mov %rbx, %r10
	mov %rbx, %r11
	mov %rbx, %r12
	mov %rbx, %r13
	mov %rbx, %r14
	mov %rbx, %r15
	xor %eax, %eax
	ret
handler_end:

/* Guests */
.macro GUEST name
	.globl \name
	.balign 16
\name:
.endm

GUEST guest_cpuid
	cpuid
	vmmcall

GUEST guest_rdmsr
	rdmsr
	vmmcall

GUEST guest_pause
	pause
	pause
	vmmcall

GUEST guest_cpuid_loop
1:	mov $1, %eax
	xor %ecx, %ecx
	cpuid
	inc %r8
	mov %r8, guest_counter
	jmp 1b

/* XMM state against a running sum in R9 */
GUEST guest_xmm_loop
	movq %r9, %xmm7
1:	mov $1, %eax
	xor %ecx, %ecx
	cpuid
	mov $3, %eax
	movq %rax, %xmm6
	paddq %xmm6, %xmm7
	add %rax, %r9
	inc %r8
	mov %r8, guest_counter
	jmp 1b

GUEST guest_spin
1:	incq guest_counter
	jmp 1b

GUEST guest_hlt
	mov $77, %r8
	hlt
	mov $78, %r8
	hlt

GUEST guest_out
	mov $0x3f8, %edx
	mov $0x55, %eax
	.globl guest_out_at
guest_out_at:
	out %al, %dx
	vmmcall

/* TSC cycles of BENCH_EXITS exits in R8; loop overhead of 4 instructions per exit included */
GUEST guest_bench
	rdtsc
	mov %eax, %r8d
	mov $BENCH_EXITS, %r9d
1:	mov $0x40000000, %eax
	xor %ecx, %ecx
	cpuid
	dec %r9d
	jnz 1b
	rdtsc
	sub %r8d, %eax
	mov %eax, %r8d
	vmmcall

GUEST guest_shutdown
	lidt guest_no_idt
	ud2

/* Gates for vectors 2, 0x30, 0x40 and 0x42 */
guest_gates:
	lgdt boot_gdt_pointer
	mov $guest_idt + 0x20, %edi
	mov $guest_nmi, %eax
	call guest_gate
	mov $guest_idt + 0x420, %edi
	mov $guest_pong, %eax
	call guest_gate
	mov $guest_idt + 0x400, %edi
	mov $guest_tick, %eax
	call guest_gate
	mov $guest_idt + 0x300, %edi
	mov $guest_self, %eax
	call guest_gate
	lidt guest_idt_pointer
	ret

/*
 * RBX times: a deadline RSI cycles ahead, HLT, one timer interrupt (vector 0x40), which sends a
 * self-IPI (0x30, of lower priority: taken after its EOI). Then HLT for good. R8 counts the one,
 * guest_counter the other.
 */
GUEST guest_ticks
	call guest_gates
	xor %r8d, %r8d
1:	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	add %rsi, %rax
	mov %rax, %rdx
	shr $32, %rdx
	mov $0x6e0, %ecx
	wrmsr
	sti
	hlt
	cli
	dec %rbx
	jnz 1b
	sti
2:	hlt
	jmp 2b

/*
 * LVTT from R11 (vector 0x41), TDCR from R10, TMICT from R12, if that is not 0. Then HLT again and
 * again, or, with R13 = 0, a loop without exits that counts in guest_counter.
 */
GUEST guest_timer
	call guest_gates
	mov $guest_idt + 0x410, %edi
	mov $guest_time, %eax
	call guest_gate
	test %r12, %r12
	jz 1f
	xor %edx, %edx
	mov $0x83e, %ecx
	mov %r10, %rax
	wrmsr
	mov $0x832, %ecx
	mov %r11, %rax
	wrmsr
	mov $0x838, %ecx
	mov %r12, %rax
	wrmsr
1:	sti
	test %r13, %r13
	jz 3f
2:	hlt
	incq guest_counter
	jmp 2b
3:	incq guest_counter
	jmp 3b

guest_time:
	push %rax
	push %rcx
	push %rdx
	lock incq guest_ticked
	mov $0x80b, %ecx
	xor %eax, %eax
	xor %edx, %edx
	wrmsr
	pop %rdx
	pop %rcx
	pop %rax
	iretq

/*
 * RBX IPIs (vector 0x42) to vCPU R14 and as many from it, in turns; with R13 this one begins. It
 * waits in HLT, or, with R12, in a loop without exits. guest_ticked counts those who are done.
 */
GUEST guest_ping
	call guest_gates
	xor %r8d, %r8d
	xor %r9d, %r9d
	test %r13, %r13
	jz 2f
1:	mov $0x830, %ecx
	mov $0x42, %eax
	mov %r14, %rdx
	wrmsr
	test %r13, %r13
	jnz 2f
	dec %rbx
	jz 5f
2:	cli
	cmp %r9, %r8
	jne 4f
	test %r12, %r12
	jnz 3f
	sti
	hlt
	jmp 2b
3:	sti
	nop
	jmp 2b
4:	sti
	inc %r9
	test %r13, %r13
	jz 1b
	dec %rbx
	jnz 1b
5:	lock incq guest_ticked
6:	hlt
	jmp 6b

guest_pong:
	push %rax
	push %rcx
	push %rdx
	inc %r8
	mov $0x80b, %ecx
	xor %eax, %eax
	xor %edx, %edx
	wrmsr
	pop %rdx
	pop %rcx
	pop %rax
	iretq

/* Waits for NMIs: in HLT with interrupts off, or, with R12, in a loop without exits. */
GUEST guest_nmi_wait
	call guest_gates
	lock incq guest_ticked
1:	test %r12, %r12
	jnz 1b
	hlt
	incq guest_woken
	jmp 1b

/*
 * With R11: the first NMI sends one to its own vCPU, which must wait for the IRET. R9: how deep NMIs
 * were nested at most.
 */
guest_nmi:
	push %rax
	push %rcx
	push %rdx
	inc %r10
	cmp %r9, %r10
	jbe 1f
	mov %r10, %r9
1:	test %r11, %r11
	jz 2f
	xor %r11d, %r11d
	mov $0x830, %ecx
	mov $0x40400, %eax
	xor %edx, %edx
	wrmsr
	mov $1, %eax
	xor %ecx, %ecx
	push %rbx
	cpuid
	pop %rbx
2:	dec %r10
	lock incq guest_counter
	pop %rdx
	pop %rcx
	pop %rax
	iretq

/* RBX times: ICR from RDX:RAX (R14, R13), wait until guest_counter says that it has been taken. */
GUEST guest_nmi_send
1:	cmpq $0, guest_ticked
	je 1b
	xor %r8d, %r8d
2:	mov $0x830, %ecx
	mov %r13, %rax
	mov %r14, %rdx
	wrmsr
	inc %r8
3:	cmp %r8, guest_counter
	jb 3b
	dec %rbx
	jnz 2b
	lock incq guest_ticked
4:	hlt
	jmp 4b

/* RBX times: KVM_HC_KICK_CPU for vCPU R14, wait until guest_woken says that it has left HLT. */
GUEST guest_kick
1:	cmpq $0, guest_ticked
	je 1b
	mov %rbx, %r13
	xor %r8d, %r8d
2:	mov $5, %eax
	xor %ebx, %ebx
	mov %r14, %rcx
	vmmcall
	add %rax, %r9
	inc %r8
3:	cmp %r8, guest_woken
	jb 3b
	dec %r13
	jnz 2b
	lock incq guest_ticked
4:	hlt
	jmp 4b

guest_gate:
	mov %ax, (%rdi)
	movw $0x10, 2(%rdi)
	movw $0x8e00, 4(%rdi)
	shr $16, %eax
	mov %ax, 6(%rdi)
	ret

guest_tick:
	inc %r8
	mov $0x83f, %ecx
	mov $0x30, %eax
	xor %edx, %edx
	wrmsr
	mov $0x80b, %ecx
	xor %eax, %eax
	wrmsr
	iretq

guest_self:
	incq guest_counter
	mov $0x80b, %ecx
	xor %eax, %eax
	xor %edx, %edx
	wrmsr
	iretq

guest_idt_pointer:
	.word 0x42f
	.quad guest_idt

	.balign 16
guest_no_idt:
	.word 0
	.quad 0

	.data
	.globl boot_info
boot_info:
	.long 0

	.globl guest_counter
	.balign 8
guest_counter:
	.quad 0
	.globl guest_ticked
guest_ticked:
	.quad 0
	.globl guest_woken
guest_woken:
	.quad 0

	.globl image_payload, image_payload_end, image_floor, image_floor_end
	.balign 4096
image_payload:
	.incbin CARETAKER_ELF
image_payload_end:
	.balign 4096
image_floor:
	.incbin FLOOR_ELF
image_floor_end:

	.bss
	.balign 16
guest_idt:
	.skip 0x430
	.globl host_pml4
	.balign 4096
host_pml4:
	.skip 4096
host_pdpt:
	.skip 4096
host_pd:
	.skip 4 * 4096
	.skip 16384
boot_stack_top:
ap_stacks:
	.skip NR_VCPUS * 16384

	.section .note.GNU-stack, "", @progbits

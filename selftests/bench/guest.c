// SPDX-License-Identifier: GPL-2.0
/* The measured guest. */
#include "guest.h"

_Static_assert(offsetof(struct bench_area, ecx) == 4 && offsetof(struct bench_area, out) == 8 &&
	       offsetof(struct bench_area, delta) == 24, "the guest's code knows these");

#define STR_(x) #x
#define STR(x) STR_(x)

/*
 * R8 counts rounds, R9 batches; R10 points to the next delta, R11 holds the TSC of the batch's
 * start, R12 the area. No exit changes these. The rest may change: KVM, payload and handler write
 * what the instruction writes.
 */
#define BENCH_LOOP(name, insn)							\
	extern const char bench_##name##_start[], bench_##name##_end[];		\
	asm(".pushsection .rodata, \"a\"\n"					\
	    "bench_" #name "_start:\n"						\
	    "	mov $" STR(GUEST_AREA) ", %r12d\n"				\
	    "	lea 24(%r12), %r10\n"						\
	    "	mov $" STR(BENCH_BATCHES) ", %r9d\n"				\
	    "1:	rdtsc\n"							\
	    "	shl $32, %rdx\n"						\
	    "	lea (%rdx, %rax), %r11\n"					\
	    "	mov $" STR(BENCH_ROUNDS) ", %r8d\n"				\
	    "2:	mov (%r12), %eax\n"						\
	    "	mov 4(%r12), %ecx\n"						\
	    "	" insn "\n"							\
	    "	dec %r8d\n"							\
	    "	jnz 2b\n"							\
	    "	mov %eax, 8(%r12)\n"						\
	    "	mov %ebx, 12(%r12)\n"						\
	    "	mov %ecx, 16(%r12)\n"						\
	    "	mov %edx, 20(%r12)\n"						\
	    "	rdtsc\n"							\
	    "	shl $32, %rdx\n"						\
	    "	add %rdx, %rax\n"						\
	    "	sub %r11, %rax\n"						\
	    "	mov %rax, (%r10)\n"						\
	    "	add $8, %r10\n"							\
	    "	dec %r9d\n"							\
	    "	jnz 1b\n"							\
	    "3:	out %al, $" STR(GUEST_PORT_DONE) "\n"				\
	    "	jmp 3b\n"							\
	    "bench_" #name "_end:\n"						\
	    ".popsection\n");							\
	const struct guest_code bench_##name = {				\
		.start = bench_##name##_start,					\
		.end = bench_##name##_end,					\
	}

BENCH_LOOP(empty, "");
BENCH_LOOP(cpuid, "cpuid");
BENCH_LOOP(rdmsr, "rdmsr");
BENCH_LOOP(pause, "pause");
BENCH_LOOP(vmmcall, "vmmcall");
/* No RAM is there */
BENCH_LOOP(load, "mov 0x30000000, %eax");

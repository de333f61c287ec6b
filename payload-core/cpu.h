/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: the privileged instructions it uses.
 */
#ifndef PAYLOAD_CPU_H
#define PAYLOAD_CPU_H

#include "types.h"

#define MSR_APIC_BASE		0x0000001b
#define MSR_EFER		0xc0000080
#define MSR_TSC_AUX		0xc0000103
#define MSR_VM_CR		0xc0010114
#define MSR_VM_HSAVE_PA		0xc0010117

#define EFER_SVME		(1ULL << 12)
#define VM_CR_R_INIT		(1ULL << 1)

#define CPU_CR4_PGE		(1ULL << 7)
#define CPU_CR4_MCE		(1ULL << 6)
#define CPU_CR4_OSFXSR		(1ULL << 9)
#define CPU_CR4_OSXMMEXCPT	(1ULL << 10)
#define CPU_CR4_PCIDE		(1ULL << 17)
#define CPU_CR4_OSXSAVE		(1ULL << 18)
#define CPU_CR4_CET		(1ULL << 23)

#define CPU_DR7_RESET		0x400ULL

static inline u64 cpu_rdmsr(u32 msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a" (low), "=d" (high) : "c" (msr));
	return low | (u64)high << 32;
}

static inline void cpu_wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" : : "c" (msr), "a" ((u32)value), "d" ((u32)(value >> 32)) : "memory");
}

static inline void cpu_xsetbv(u64 value)
{
	asm volatile("xsetbv" : : "c" (0), "a" ((u32)value), "d" ((u32)(value >> 32)) : "memory");
}

static inline void cpu_vmload(u64 pa)
{
	asm volatile("vmload %%rax" : : "a" (pa) : "memory");
}

static inline void cpu_vmsave(u64 pa)
{
	asm volatile("vmsave %%rax" : : "a" (pa) : "memory");
}

static inline void cpu_stgi(void)
{
	asm volatile("stgi" : : : "memory");
}

static inline void cpu_clgi(void)
{
	asm volatile("clgi" : : : "memory");
}

static inline void cpu_cli(void)
{
	asm volatile("cli" : : : "memory");
}

static inline void cpu_sti(void)
{
	asm volatile("sti" : : : "memory");
}

static inline void cpu_mfence(void)
{
	asm volatile("mfence" : : : "memory");
}

static inline void cpu_lfence(void)
{
	asm volatile("lfence" : : : "memory");
}

static inline void cpu_pause(void)
{
	asm volatile("pause" : : : "memory");
}

#define cpu_read(reg) ({						\
	u64 value_;							\
	asm volatile("mov %%" #reg ", %0" : "=r" (value_) : : "memory");	\
	value_;								\
})

#define cpu_write(reg, value) \
	asm volatile("mov %0, %%" #reg : : "r" ((u64)(value)) : "memory")

#endif /* PAYLOAD_CPU_H */

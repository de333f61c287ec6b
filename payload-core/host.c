// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: access to the registers of the pCPU's own LAPIC, and to its MSRs.
 *
 * The LAPIC has two ways, by the mode the host had it in: memory (xAPIC) or MSRs (x2APIC). What
 * they are used for is in apic.c and mc.c, which the unit tests build with stand-ins for this file.
 */
#include "cpu.h"
#include "lapic.h"

#define MSR_X2APIC		0x800
#define MSR_TSC_DEADLINE	0x6e0

/* The hardware needs some hundred cycles; one that never says ready must not hang the guest. */
#define ICR_PATIENCE	100000

u32 payload_host_read(u32 offset)
{
	if (ccb.host_apic)
		return __atomic_load_n((u32 *)(ccb.host_apic + offset), __ATOMIC_RELAXED);
	return cpu_rdmsr(MSR_X2APIC + offset / 16);
}

void payload_host_write(u32 offset, u32 value)
{
	if (ccb.host_apic)
		__atomic_store_n((u32 *)(ccb.host_apic + offset), value, __ATOMIC_RELAXED);
	else
		cpu_wrmsr(MSR_X2APIC + offset / 16, value);
}

/**
 * payload_host_deadline() - the TSC deadline of the pCPU's own timer
 * @tsc:	host TSC, 0 disarms
 *
 * The write of an LVT in memory need not be done before that of an MSR (Intel SDM volume 3,
 * 12.5.4.1; AMD CPUs that have the mode are compatible).
 */
void payload_host_deadline(u64 tsc)
{
	cpu_mfence();
	cpu_wrmsr(MSR_TSC_DEADLINE, tsc);
}

/**
 * payload_host_ipi() - send a fixed interrupt to another CPU
 * @apic_id:	its APIC ID, as a physical destination
 * @vector:	vector
 *
 * What was written to memory before is seen by the receiver: stores do not pass the uncached write
 * of xAPIC mode, but do pass a WRMSR of an x2APIC register (AMD64 APM volume 2, 16.11.2).
 */
void payload_host_ipi(u32 apic_id, u32 vector)
{
	u32 patience = ICR_PATIENCE;

	if (!ccb.host_apic) {
		cpu_mfence();
		cpu_lfence();
		cpu_wrmsr(MSR_X2APIC + LAPIC_ICR / 16, (u64)apic_id << 32 | ICR_ASSERT | vector);
		return;
	}
	while ((payload_host_read(LAPIC_ICR) & ICR_BUSY) && --patience)
		cpu_pause();
	payload_host_write(LAPIC_ICR_HIGH, apic_id << 24);
	payload_host_write(LAPIC_ICR, ICR_ASSERT | vector);
}

u64 payload_host_msr(u32 msr)
{
	return cpu_rdmsr(msr);
}

void payload_host_msr_set(u32 msr, u64 value)
{
	cpu_wrmsr(msr, value);
}

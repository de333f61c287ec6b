/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ASM_X86_CARETAKER_H
#define _ASM_X86_CARETAKER_H

#include <linux/errno.h>
#include <linux/types.h>

#ifdef CONFIG_KVM_CARETAKER

/**
 * struct caretaker_cpu_entry - where a CPU goes that is taken offline into a Caretaker
 * @entry:	detached entry point of the payload
 * @ccb:	its argument, the CCB
 *
 * Both are addresses that the host's and the isolated page tables map alike.
 */
struct caretaker_cpu_entry {
	u64 entry;
	u64 ccb;
};

int caretaker_cpu_claim(unsigned int cpu, void *owner);
void caretaker_cpu_unclaim(unsigned int cpu, void *owner);
int caretaker_cpu_offline(unsigned int cpu, const struct caretaker_cpu_entry *to);
int caretaker_cpu_online(unsigned int cpu);
void caretaker_cpu_kick(u32 apic_id);
u32 caretaker_cpu_apic_id(unsigned int cpu);
int caretaker_cpu_by_apic_id(u32 apic_id);
void caretaker_cpu_own(u32 apic_id);
void caretaker_cpu_disown(u32 apic_id);
int caretaker_cpus_owned(u32 *apic_ids, unsigned int max);

/* From native_kick_ap(): true for a CPU that must not get INIT or SIPI. May sleep. */
bool caretaker_owns_apic_id(u32 apic_id);

/* From KVM: fills in the APIC ids that an earlier kernel left detached. May sleep. */
int caretaker_incoming_cpus(u32 *apic_ids, unsigned int max);

#else

static inline bool caretaker_owns_apic_id(u32 apic_id)
{
	return false;
}

#endif /* CONFIG_KVM_CARETAKER */

#endif /* _ASM_X86_CARETAKER_H */

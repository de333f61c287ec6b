/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1 OR BSD-2-Clause */
/* State of cpuid.bpf.c: offset 0 of the handlers' writable memory, or the object's .bss map. */
#ifndef CARETAKER_CPUID_H
#define CARETAKER_CPUID_H

#include <linux/types.h>

/* A leaf that no hypervisor has, with fixed values, to see that the handler is there. */
#define CARETAKER_CPUID_LEAF	0x40001234
#define CARETAKER_CPUID_EAX	0x40001234
#define CARETAKER_CPUID_EBX	0x65726143	/* "Care" */
#define CARETAKER_CPUID_ECX	0x656b6174	/* "take" */
#define CARETAKER_CPUID_EDX	0x00000072	/* "r" */

/**
 * struct caretaker_cpuid_state - one leaf to override
 * @size:	VMM: sizeof(struct caretaker_cpuid_state); 0: override nothing
 * @leaf:	VMM: EAX input to answer
 * @eax:	VMM: result
 * @ebx:	VMM: result
 * @ecx:	VMM: result
 * @edx:	VMM: result
 */
struct caretaker_cpuid_state {
	__u32 size;
	__u32 leaf;
	__u32 eax;
	__u32 ebx;
	__u32 ecx;
	__u32 edx;
};

#endif /* CARETAKER_CPUID_H */

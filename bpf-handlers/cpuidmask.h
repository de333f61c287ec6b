/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1 OR BSD-2-Clause */
/* State of cpuidmask.bpf.c: offset 0 of the handlers' writable memory, or the .bss map. */
#ifndef CARETAKER_CPUIDMASK_H
#define CARETAKER_CPUIDMASK_H

#include <linux/types.h>

#define CARETAKER_CPUIDMASK_LEAVES	8

#define CARETAKER_CPUIDMASK_USED	(1U << 0)	/* the entry counts */
#define CARETAKER_CPUIDMASK_INDEXED	(1U << 1)	/* ECX input has to be @index */

/**
 * struct caretaker_cpuidmask_leaf - one CPUID leaf that the guest is to see differently
 * @flags:	VMM, last: CARETAKER_CPUIDMASK_*
 * @function:	VMM: EAX input
 * @index:	VMM: ECX input
 * @pad:	zero
 * @value:	VMM: EAX, EBX, ECX, EDX as they would be
 * @mask:	VMM, at any time: bits of @value that the guest may see
 * @answered:	handler: how often it answered
 */
struct caretaker_cpuidmask_leaf {
	__u32 flags;
	__u32 function;
	__u32 index;
	__u32 pad;
	__u32 value[4];
	__u32 mask[4];
	__u64 answered;
};

/**
 * struct caretaker_cpuidmask_state - leaves to mask or override
 * @size:	VMM: sizeof(struct caretaker_cpuidmask_state)
 * @pad:	zero
 * @leaf:	the first one that fits counts
 */
struct caretaker_cpuidmask_state {
	__u32 size;
	__u32 pad;
	struct caretaker_cpuidmask_leaf leaf[CARETAKER_CPUIDMASK_LEAVES];
};

#endif /* CARETAKER_CPUIDMASK_H */

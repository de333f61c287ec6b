/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1 OR BSD-2-Clause */
/* State of msr.bpf.c: offset 0 of the handlers' writable memory, or the object's .bss map. */
#ifndef CARETAKER_MSR_H
#define CARETAKER_MSR_H

#include <linux/types.h>

#define CARETAKER_MSR_RULES	8

/* action of a rule */
#define CARETAKER_MSR_NONE	0	/* the entry does not count */
#define CARETAKER_MSR_ALLOW	1	/* whoever serves it otherwise does: native code, KVM */
#define CARETAKER_MSR_DENY	2	/* reads give @value, writes are dropped */

/**
 * struct caretaker_msr_rule - policy for a range of MSRs
 * @first:	VMM: first MSR of the range
 * @last:	VMM: last MSR of the range
 * @read:	VMM: CARETAKER_MSR_*, for RDMSR
 * @write:	VMM: CARETAKER_MSR_*, for WRMSR
 * @value:	VMM: what denied reads give
 * @reads:	handler: RDMSR in the range
 * @writes:	handler: WRMSR in the range
 * @last_value:	handler: what was written last
 */
struct caretaker_msr_rule {
	__u32 first;
	__u32 last;
	__u32 read;
	__u32 write;
	__u64 value;
	__u64 reads;
	__u64 writes;
	__u64 last_value;
};

/**
 * struct caretaker_msr_state - policy for the MSRs whose access exits
 * @size:	VMM: sizeof(struct caretaker_msr_state)
 * @pad:	zero
 * @others:	handler: accesses that no rule was for
 * @rule:	the first one that fits counts
 */
struct caretaker_msr_state {
	__u32 size;
	__u32 pad;
	__u64 others;
	struct caretaker_msr_rule rule[CARETAKER_MSR_RULES];
};

#endif /* CARETAKER_MSR_H */

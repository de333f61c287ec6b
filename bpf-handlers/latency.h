/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1 OR BSD-2-Clause */
/* State of latency.bpf.c: offset 0 of the handlers' writable memory, or the .bss map. */
#ifndef CARETAKER_LATENCY_H
#define CARETAKER_LATENCY_H

#include <linux/types.h>

#define CARETAKER_LATENCY_VERSION	1
/* Exit codes from 0x60 on, where all are that handlers are asked about; others count as 0x60. */
#define CARETAKER_LATENCY_FIRST		0x60
#define CARETAKER_LATENCY_REASONS	64
/* Bucket 0: less than 32 cycles; bucket i: from 2^(4+i) to less than 2^(5+i); the last is open. */
#define CARETAKER_LATENCY_BUCKETS	32

/**
 * struct caretaker_latency - exits of one reason (all by handler)
 * @count:	exits
 * @cycles:	TSC cycles that they took together
 * @max:	those of the longest; of exits on two vCPUs at a time one may be missed
 * @hist:	exits by length
 */
struct caretaker_latency {
	__u64 count;
	__u64 cycles;
	__u64 max;
	__u64 hist[CARETAKER_LATENCY_BUCKETS];
};

/**
 * struct caretaker_latency_state - how long the guest did not run, by the exit that began it
 * @size:	handler: sizeof(struct caretaker_latency_state); 0 before the first exit
 * @version:	handler: CARETAKER_LATENCY_VERSION
 * @skipped:	handler: exits whose length was not known: the first of each vCPU, and those
 *		during which it changed to a CPU with a TSC that is behind
 * @reason:	handler: by exit code - CARETAKER_LATENCY_FIRST
 */
struct caretaker_latency_state {
	__u32 size;
	__u32 version;
	__u64 skipped;
	struct caretaker_latency reason[CARETAKER_LATENCY_REASONS];
};

#endif /* CARETAKER_LATENCY_H */

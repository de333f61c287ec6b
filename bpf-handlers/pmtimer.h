/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1 OR BSD-2-Clause */
/*
 * Configuration (.rodata, set before the object is loaded) and state (offset 0 of the handlers'
 * writable memory, or the .bss map) of pmtimer.bpf.c.
 */
#ifndef CARETAKER_PMTIMER_H
#define CARETAKER_PMTIMER_H

#include <linux/types.h>

#define CARETAKER_PMTIMER_VERSION	1
#define CARETAKER_PMTIMER_HZ		3579545U	/* ACPI 6.5, 4.8.2.1 */

/* flags of the configuration */
#define CARETAKER_PMTIMER_ATTACHED	(1U << 0)	/* answer while a kernel is there, too */

/**
 * struct caretaker_pmtimer_config - what the counter is made of (all by loader)
 * @port:	I/O port of the counter, PM_TMR_BLK of the FADT
 * @bits:	24 or 32, TMR_VAL_EXT of the FADT
 * @flags:	CARETAKER_PMTIMER_*
 * @pad:	zero
 * @ratio:	ticks per TSC cycle, times 2^64, rounded down: caretaker_pmtimer_ratio(); 0: the
 *		port is left alone
 * @base_tsc:	TSC of the host at which the counter showed @base_count
 * @base_count:	the counter then, before it is cut to @bits
 *
 * The VMM's own PM timer has to count by the same formula, so that the guest sees one counter:
 * base_count + (tsc - base_tsc) * ratio / 2^64.
 */
struct caretaker_pmtimer_config {
	__u32 port;
	__u32 bits;
	__u32 flags;
	__u32 pad;
	__u64 ratio;
	__u64 base_tsc;
	__u64 base_count;
};

/**
 * struct caretaker_pmtimer_state - what was answered
 * @size:	handler: sizeof(struct caretaker_pmtimer_state); 0 before the first answer
 * @version:	handler: CARETAKER_PMTIMER_VERSION
 * @reads:	handler: answers
 * @last:	handler: the counter at the last one, before it was cut
 */
struct caretaker_pmtimer_state {
	__u32 size;
	__u32 version;
	__u64 reads;
	__u64 last;
};

#ifndef __bpf__
/* @tsc_khz: of the pCPU, as KVM_GET_CARETAKER says it; more than 3580 */
static inline __u64 caretaker_pmtimer_ratio(__u32 tsc_khz)
{
	return (__u64)(((__uint128_t)CARETAKER_PMTIMER_HZ << 64) / (tsc_khz * 1000ULL));
}
#endif

#endif /* CARETAKER_PMTIMER_H */

/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1 OR BSD-2-Clause */
/*
 * Configuration (.rodata, set before the object is loaded) and state (offset 0 of the handlers'
 * writable memory, or the .bss map) of watchdog.bpf.c.
 */
#ifndef CARETAKER_WATCHDOG_H
#define CARETAKER_WATCHDOG_H

#include <linux/types.h>

#define CARETAKER_WATCHDOG_VERSION	1
#define CARETAKER_WATCHDOG_RECORDS	16	/* power of two */

/**
 * struct caretaker_watchdog_config - what is too long (all by loader)
 * @limit:	TSC cycles; a guest that did not run for longer is recorded; 0: none is
 */
struct caretaker_watchdog_config {
	__u64 limit;
};

/**
 * struct caretaker_watchdog_record - an exit after which the guest did not run for too long
 * @seq:	handler: number of the record, from 1 on, written last; 0 while it is being written
 * @tsc:	handler: TSC at the #VMEXIT
 * @cycles:	handler: how long the guest did not run
 * @reason:	handler: exit code
 * @vcpu:	handler: vCPU id
 * @flags:	handler: KVM_CARETAKER_EXIT_* at the exit
 * @info1:	handler: SVM EXITINFO1
 * @info2:	handler: SVM EXITINFO2
 * @rip:	handler: guest RIP
 * @rflags:	handler: guest RFLAGS
 * @gpr:	handler: general purpose registers, in encoding order
 */
struct caretaker_watchdog_record {
	__u64 seq;
	__u64 tsc;
	__u64 cycles;
	__u32 reason;
	__u32 vcpu;
	__u64 flags;
	__u64 info1;
	__u64 info2;
	__u64 rip;
	__u64 rflags;
	__u64 gpr[16];
};

/**
 * struct caretaker_watchdog_state - the last ones
 * @size:	handler: sizeof(struct caretaker_watchdog_state); 0 before the first exit
 * @version:	handler: CARETAKER_WATCHDOG_VERSION
 * @exits:	handler: exits looked at
 * @late:	handler: records so far; number n is in record[(n - 1) % CARETAKER_WATCHDOG_RECORDS]
 * @record:	handler: records
 */
struct caretaker_watchdog_state {
	__u32 size;
	__u32 version;
	__u64 exits;
	__u64 late;
	struct caretaker_watchdog_record record[CARETAKER_WATCHDOG_RECORDS];
};

#endif /* CARETAKER_WATCHDOG_H */

/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1 OR BSD-2-Clause */
/* State of recorder.bpf.c: offset 0 of the handlers' writable memory, or the .bss map. */
#ifndef CARETAKER_RECORDER_H
#define CARETAKER_RECORDER_H

#include <linux/types.h>

#define CARETAKER_RECORDER_VERSION	1
#define CARETAKER_RECORDS		64	/* power of two */

/**
 * struct caretaker_record - one exit in the gap, with the guest's registers (all by handler)
 * @seq:	number of the exit, from 1 on, written last; 0 while the record is being written
 * @reason:	exit code
 * @vcpu:	vCPU id
 * @info1:	SVM EXITINFO1
 * @info2:	SVM EXITINFO2
 * @rip:	guest RIP
 * @rflags:	guest RFLAGS
 * @cr4:	guest CR4
 * @gpr:	general purpose registers, in encoding order
 */
struct caretaker_record {
	__u64 seq;
	__u32 reason;
	__u32 vcpu;
	__u64 info1;
	__u64 info2;
	__u64 rip;
	__u64 rflags;
	__u64 cr4;
	__u64 gpr[16];
};

/**
 * struct caretaker_recorder_state - the last exits of a gap
 * @size:	handler: sizeof(struct caretaker_recorder_state); 0 before the first exit
 * @version:	handler: CARETAKER_RECORDER_VERSION
 * @exits:	handler: exits so far; exit n is in record[n % CARETAKER_RECORDS]
 * @record:	handler: records
 */
struct caretaker_recorder_state {
	__u32 size;
	__u32 version;
	__u64 exits;
	struct caretaker_record record[CARETAKER_RECORDS];
};

#endif /* CARETAKER_RECORDER_H */

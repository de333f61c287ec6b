/* SPDX-License-Identifier: GPL-2.0 */
/* Events and state of accept/emit_numbered.bpf.c, for the test that runs it. */
#ifndef HANDLERS_EMIT_H
#define HANDLERS_EMIT_H

#include <linux/types.h>

#define EMIT_MAGIC	0x1122334455667788ULL

/* What the event holds (all by handler) */
struct emit_event {
	__u64 magic;
	__u64 number;	/* 1 for the first */
	__u32 leaf;	/* of the CPUID */
	__u32 detached;
};

/* In .bss (all by handler) */
struct emit_state {
	__u64 calls;
	__u64 refused;
};

#endif /* HANDLERS_EMIT_H */

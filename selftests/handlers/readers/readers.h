/* SPDX-License-Identifier: GPL-2.0 */
/* What the BPF programs of readers.bpf.c count, shared with handlers_readers.c. */
#ifndef READERS_H
#define READERS_H

/* From the tracepoints: how often, and the last VM and vCPU; from the iterator: a field */
struct reader_counts {
	unsigned long long read_vm_id;
	unsigned long long vm_id;
	unsigned long long vcpu;
	unsigned long long installs;
	unsigned long long preserves;
	unsigned long long detaches;
	unsigned long long stalls;
	unsigned long long stall_reason;
	unsigned long long stall_ns;
	unsigned long long cancels;
};

#endif /* READERS_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* State of accept/counts.bpf.c, for the tests that run it. */
#ifndef HANDLERS_COUNTS_H
#define HANDLERS_COUNTS_H

#include <linux/types.h>

#define COUNTS_VCPUS	4

/**
 * struct counts_state - CPUID exits of vCPUs that share a set (all by handler)
 * @all:	of all vCPUs
 * @vcpu:	by vCPU
 * @gap:	by vCPU, those detached
 * @scratch:	by vCPU, as counted in memory of its own
 */
struct counts_state {
	__u64 all;
	__u64 vcpu[COUNTS_VCPUS];
	__u64 gap[COUNTS_VCPUS];
	__u64 scratch[COUNTS_VCPUS];
};

#endif /* HANDLERS_COUNTS_H */

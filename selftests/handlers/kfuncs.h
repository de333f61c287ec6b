/* SPDX-License-Identifier: GPL-2.0 */
/* State of accept/kfuncs.bpf.c, for the test that runs it. */
#ifndef HANDLERS_KFUNCS_H
#define HANDLERS_KFUNCS_H

#include <linux/types.h>

/**
 * struct kfuncs_state - what came of the kfuncs that a handler called
 * @calls:	handler: CPUID exits
 * @first:	handler: time at the first
 * @last:	handler: time at the last
 * @back:	handler: exits at which time had not gone on
 * @vector:	test: what to inject at the next exit; handler: back to 0
 * @injected:	handler: what injecting it gave
 * @scratch:	handler: what the end of the last slot holds; 2 more with each CPUID
 * @tsc_offset:	handler: that of the guest
 */
struct kfuncs_state {
	__u64 calls;
	__u64 first;
	__u64 last;
	__u64 back;
	__u64 vector;
	__s64 injected;
	__u64 scratch;
	__u64 tsc_offset;
};

#endif /* HANDLERS_KFUNCS_H */

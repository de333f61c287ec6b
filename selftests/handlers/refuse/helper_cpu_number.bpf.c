// SPDX-License-Identifier: GPL-2.0
/* The BPF verifier would replace this call by a load from per-CPU memory. */
#include "expect.bpf.h"

static __u32 (*bpf_get_smp_processor_id)(void) = (void *)8;

__u64 state;

CARETAKER_HANDLER(io, helper_cpu_number)
{
	state = (__u64)bpf_get_smp_processor_id();
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)helper_cpu_number);
EXPECT("HELPER", "load", "calls a BPF helper");

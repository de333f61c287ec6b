// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static long (*bpf_trace_printk)(const char *fmt, __u32 size, ...) = (void *)6;

CARETAKER_HANDLER(hlt, helper_printk)
{
	char fmt[4] = "hlt";

	bpf_trace_printk(fmt, sizeof(fmt));
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .hlt = (void *)helper_printk);
EXPECT("HELPER", "load", "calls a BPF helper");

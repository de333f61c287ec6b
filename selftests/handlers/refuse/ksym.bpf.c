// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

extern const int bpf_prog_active KSYM;

__u64 seen;

CARETAKER_HANDLER(io, ksym)
{
	seen = (__u64)&bpf_prog_active;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)ksym);
EXPECT("KSYM", "load", "address of a kernel symbol");

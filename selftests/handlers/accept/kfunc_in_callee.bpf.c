// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

static noinline __u64 since(const struct kvm_caretaker_exit *exit, __u64 then)
{
	return bpf_caretaker_time(exit) - then;
}

__u64 longest;

CARETAKER_HANDLER(io, callee)
{
	__u64 len = since(exit, bpf_caretaker_time(exit));

	if (len > longest)
		longest = len;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)callee);

// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, unchecked)
{
	__u64 *slot = (__u64 *)bpf_caretaker_scratch(exit, 0, 8);

	*slot += 1;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)unchecked);
EXPECT("-", "load", "'mem_or_null'");

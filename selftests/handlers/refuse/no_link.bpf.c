// SPDX-License-Identifier: GPL-2.0
/* Without a link the map's value could be taken away while it is in use. */
#include "expect.bpf.h"

CARETAKER_HANDLER(io, no_link)
{
	return KVM_CARETAKER_NEXT;
}

SEC(".struct_ops")
struct kvm_caretaker_ops set = {
	.io = (void *)no_link,
	.abi_version = KVM_CARETAKER_BPF_ABI,
	.name = "set",
};

char _license[] SEC("license") = "GPL";
EXPECT("SET", "attach", "needs a link");

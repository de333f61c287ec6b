// SPDX-License-Identifier: GPL-2.0
/* No room for the end of the name */
#include "expect.bpf.h"

CARETAKER_HANDLER(io, long_name)
{
	return KVM_CARETAKER_NEXT;
}

SEC(".struct_ops.link")
struct kvm_caretaker_ops set = {
	.io = (void *)long_name,
	.abi_version = KVM_CARETAKER_BPF_ABI,
	.name = { 's', 'i', 'x', 't', 'e', 'e', 'n', '-', 'c', 'h', 'a', 'r', 'a', 'c', 't', 'r' },
};

char _license[] SEC("license") = "GPL";
EXPECT("SET", "attach", "name too long");

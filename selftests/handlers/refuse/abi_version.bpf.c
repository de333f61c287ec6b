// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, abi_version)
{
	return KVM_CARETAKER_NEXT;
}

SEC(".struct_ops.link")
struct kvm_caretaker_ops set = {
	.io = (void *)abi_version,
	.abi_version = 99,
	.name = "set",
};

char _license[] SEC("license") = "GPL";
EXPECT("SET", "attach", "written for ABI version 99");

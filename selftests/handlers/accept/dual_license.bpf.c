// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLER(io, dual_license)
{
	return KVM_CARETAKER_NEXT;
}

SEC(".struct_ops.link")
struct kvm_caretaker_ops set = {
	.io = (void *)dual_license,
	.abi_version = KVM_CARETAKER_BPF_ABI,
	.name = "set",
};

char _license[] SEC("license") = "Dual BSD/GPL";

// SPDX-License-Identifier: GPL-2.0
/* Built for a kernel with one class more, which it does not use */
#include "expect.bpf.h"

struct kvm_caretaker_ops___newer {
	int (*io)(struct kvm_caretaker_exit *exit);
	int (*teleport)(struct kvm_caretaker_exit *exit);
	__u32 abi_version;
	__u32 flags;
	char name[16];
};

CARETAKER_HANDLER(io, newer_interface)
{
	return KVM_CARETAKER_NEXT;
}

SEC(".struct_ops.link")
struct kvm_caretaker_ops___newer set = {
	.io = (void *)newer_interface,
	.abi_version = KVM_CARETAKER_BPF_ABI,
	.name = "set",
};

char _license[] SEC("license") = "GPL";

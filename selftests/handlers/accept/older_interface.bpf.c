// SPDX-License-Identifier: GPL-2.0
/* Built for a kernel with fewer classes */
#include "expect.bpf.h"

struct kvm_caretaker_ops___older {
	int (*hlt)(struct kvm_caretaker_exit *exit);
	int (*io)(struct kvm_caretaker_exit *exit);
	__u32 abi_version;
	char name[16];
};

CARETAKER_HANDLER(io, older_interface)
{
	return KVM_CARETAKER_NEXT;
}

SEC(".struct_ops.link")
struct kvm_caretaker_ops___older set = {
	.io = (void *)older_interface,
	.abi_version = KVM_CARETAKER_BPF_ABI,
	.name = "set",
};

char _license[] SEC("license") = "GPL";

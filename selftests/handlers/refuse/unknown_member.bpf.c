// SPDX-License-Identifier: GPL-2.0
/* A handler of a class that the kernel does not have */
#include "expect.bpf.h"

struct kvm_caretaker_ops___newer {
	int (*io)(struct kvm_caretaker_exit *exit);
	int (*teleport)(struct kvm_caretaker_exit *exit);
	__u32 abi_version;
	__u32 flags;
	char name[16];
};

CARETAKER_HANDLER(io, unknown_member)
{
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLER(teleport, teleport)
{
	return KVM_CARETAKER_NEXT;
}

SEC(".struct_ops.link")
struct kvm_caretaker_ops___newer set = {
	.io = (void *)unknown_member,
	.teleport = (void *)teleport,
	.abi_version = KVM_CARETAKER_BPF_ABI,
	.name = "set",
};

char _license[] SEC("license") = "GPL";
EXPECT("SET", "load", "teleport");

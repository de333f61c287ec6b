// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

/* Asking whether one is there makes its address a value. */
CARETAKER_KSYM int bpf_caretaker_inject(struct kvm_caretaker_exit *exit, __u32 vector)
	__attribute__((weak));

CARETAKER_HANDLER(io, address)
{
	int (*inject)(struct kvm_caretaker_exit *exit, __u32 vector) = bpf_caretaker_inject;

	/* Else some compilers take it for true that there is one */
	asm volatile("" : "+r"(inject));
	if (inject)
		return bpf_caretaker_inject(exit, 0x40);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)address);
EXPECT("KSYM", "load", "address of a kernel symbol");

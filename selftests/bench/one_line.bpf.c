// SPDX-License-Identifier: GPL-2.0
/*
 * The benchmark: handlers of one line. They give what KVM answers to a hypercall it does not know,
 * and what a device answers to a load.
 */
#include "caretaker.bpf.h"

#define KVM_ENOSYS	1000	/* of the guest's interface, linux/kvm_para.h */

CARETAKER_HANDLER(hypercall, one_line)
{
	exit->gpr[KVM_CARETAKER_RAX] = -KVM_ENOSYS;
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLER(mmio, one_load)
{
	exit->mmio_value = 0x5a;
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLERS(bench, .hypercall = (void *)one_line, .mmio = (void *)one_load);

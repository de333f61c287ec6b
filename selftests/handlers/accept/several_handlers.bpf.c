// SPDX-License-Identifier: GPL-2.0
/* Several handlers in one set */
#include "expect.bpf.h"

CARETAKER_HANDLER(io, first)
{
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLER(hypercall, second)
{
	exit->gpr[KVM_CARETAKER_RAX] = 0;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLER(cpuid, third)
{
	exit->gpr[KVM_CARETAKER_RBX] = 0;
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(set, .io = (void *)first, .hypercall = (void *)second, .cpuid = (void *)third);

// SPDX-License-Identifier: GPL-2.0
#include "caretaker.bpf.h"

__u64 count[KVM_CARETAKER_NR_CLASSES];

#define COUNT(member, class)						\
CARETAKER_HANDLER(member, count_##member)				\
{									\
	count[KVM_CARETAKER_CLASS_##class]++;				\
	return KVM_CARETAKER_NEXT;					\
}

COUNT(hlt, HLT)
COUNT(cpuid, CPUID)
COUNT(rdmsr, RDMSR)
COUNT(wrmsr, WRMSR)
COUNT(io, IO)
COUNT(mmio, MMIO)
COUNT(hypercall, HYPERCALL)
COUNT(ipi, IPI)
COUNT(timer, TIMER)
COUNT(pause, PAUSE)
COUNT(other, OTHER)

CARETAKER_HANDLERS(set, .hlt = (void *)count_hlt, .cpuid = (void *)count_cpuid,
		   .rdmsr = (void *)count_rdmsr, .wrmsr = (void *)count_wrmsr,
		   .io = (void *)count_io, .mmio = (void *)count_mmio,
		   .hypercall = (void *)count_hypercall, .ipi = (void *)count_ipi,
		   .timer = (void *)count_timer, .pause = (void *)count_pause,
		   .other = (void *)count_other);

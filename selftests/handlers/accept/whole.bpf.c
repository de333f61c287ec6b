// SPDX-License-Identifier: GPL-2.0
/* All shipped handlers in one set: what they cost together to verify, compile and install. */
#define CARETAKER_PARTS
#include "expect.bpf.h"
#include "cpuidmask.bpf.c"
#include "doorbell.bpf.c"
#include "hypercall.bpf.c"
#include "latency.bpf.c"
#include "msr.bpf.c"
#include "pmtimer.bpf.c"
#include "ports.bpf.c"
#include "recorder.bpf.c"
#include "uart.bpf.c"
#include "watchdog.bpf.c"

/* Those that watch see all exits, then those that serve are asked in turn. */
#define WHOLE(member, ...)							\
CARETAKER_PROGRAM(member, whole_##member)					\
{										\
	int verdict = KVM_CARETAKER_NEXT;					\
										\
	latency_##member(exit);							\
	watchdog_##member(exit);						\
	record_##member(exit);							\
	__VA_ARGS__;								\
	return verdict;								\
}

#define SERVER(handler)								\
	(verdict = verdict == KVM_CARETAKER_NEXT ? handler(exit) : verdict)

WHOLE(hlt)
WHOLE(cpuid, SERVER(cpuidmask_cpuid))
WHOLE(rdmsr, SERVER(msr_rdmsr))
WHOLE(wrmsr, SERVER(msr_wrmsr))
WHOLE(io, SERVER(pmtimer_io); SERVER(uart_io); SERVER(ports_io); SERVER(doorbell_io))
CARETAKER_PROGRAM(mmio, whole_mmio)
{
	return doorbell_mmio(exit);
}

WHOLE(hypercall, SERVER(hypercall_vmmcall))
WHOLE(pause)
WHOLE(other)

CARETAKER_SET(whole, .hlt = (void *)whole_hlt, .cpuid = (void *)whole_cpuid,
	      .rdmsr = (void *)whole_rdmsr, .wrmsr = (void *)whole_wrmsr, .io = (void *)whole_io,
	      .mmio = (void *)whole_mmio,
	      .hypercall = (void *)whole_hypercall, .pause = (void *)whole_pause,
	      .other = (void *)whole_other);

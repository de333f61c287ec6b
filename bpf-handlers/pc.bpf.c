// SPDX-License-Identifier: GPL-2.0
/*
 * Exit handlers: the ports of a PC in the gap, in one set: console (uart), delay ports and port
 * 0x61 (ports), ACPI PM timer (pmtimer), doorbells (doorbell). Each is as in its own file; each has
 * its state in a variable of its own, which the VMM finds by name.
 */
#define CARETAKER_PARTS
#include "caretaker.bpf.h"
#include "doorbell.bpf.c"
#include "pmtimer.bpf.c"
#include "ports.bpf.c"
#include "uart.bpf.c"

/* Attached pmtimer may serve, all others leave the exit to KVM. */
CARETAKER_PROGRAM(io, pc_io)
{
	int verdict = pmtimer_io(exit);

	if (verdict == KVM_CARETAKER_NEXT)
		verdict = uart_io(exit);
	if (verdict == KVM_CARETAKER_NEXT)
		verdict = ports_io(exit);
	if (verdict == KVM_CARETAKER_NEXT)
		verdict = doorbell_io(exit);
	return verdict;
}

CARETAKER_PROGRAM(mmio, pc_mmio)
{
	return doorbell_mmio(exit);
}

CARETAKER_SET(pc, .io = (void *)pc_io, .mmio = (void *)pc_mmio);

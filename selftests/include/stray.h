/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events that hit a pCPU and that nobody has asked for. Under an emulator: interrupts, NMI and INIT
 * come from this kernel's user space, as messages to the LAPIC; machine checks by the emulator's
 * monitor, on the machine that runs it.
 */
#ifndef SELFTESTS_STRAY_H
#define SELFTESTS_STRAY_H

#include "caretaker_test.h"
#include "ktap.h"

#define STRAY_VECTOR_NMI	2
#define STRAY_VECTOR_MC		18
#define STRAY_VECTOR_INIT	30

/* MCi_STATUS and MCG_STATUS, in hexadecimal, of machine checks that the emulator raises */
#define STRAY_BANK		4
#define STRAY_MC_ADDR		0x1234000
#define STRAY_MC_NOTHING	0x3000000000000000	/* UC, EN, not valid */
#define STRAY_MC_LOST		0xb400000000000135	/* VAL, UC, EN, ADDRV */
#define STRAY_MCG		0x5			/* RIPV, MCIP */

/* Why the events cannot be made here, or NULL */
const char *stray_missing(void);
/* A machine check on the pCPU, at once or, when @in_gap, after the old kernel has left. */
void stray_machine_check(uint64_t status, bool in_gap);
/* All kinds but those that end the vCPU: each is counted, and the guest goes on as before. */
enum ktap_result stray_all_survived(struct kvm_guest *g, bool (*goes_on)(void));
/* What an uncorrected machine check leaves: the fault, and what was in the bank. */
enum ktap_result stray_recorded(struct kvm_guest *g);

#endif /* SELFTESTS_STRAY_H */

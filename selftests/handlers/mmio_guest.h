/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest that makes the same accesses twice, to RAM and to a device whose registers are plain
 * memory, and writes down all registers and flags after each: what differs is wrong.
 */
#ifndef HANDLERS_MMIO_GUEST_H
#define HANDLERS_MMIO_GUEST_H

#include "ktap.h"
#include "kvm_guest.h"
#include "mmio_page.h"

#define MMIO_FORMS	45	/* of accesses */
/* With those that fill the page and read it back */
#define MMIO_ACCESSES	(MMIO_FORMS + 2 * MMIO_PAGE_WORDS)
#define MMIO_ODD_AT	(MMIO_PAGE_ADDRESS + 0x18)
#define MMIO_BELL_AT	(MMIO_PAGE_ADDRESS + 0x800)

/* Registers after an access, but for RBP and R15, which are the guest's own; the last: RFLAGS */
struct mmio_after {
	uint64_t reg[15];
	uint64_t pad;
};

struct mmio_record {
	struct mmio_after after[MMIO_FORMS];
	uint64_t word[MMIO_PAGE_WORDS];
};

/* At GUEST_AREA; the guest's code knows the offsets */
struct mmio_area {
	volatile uint64_t rounds;	/* 00 guest */
	volatile uint64_t want;		/* 08 host: passes over all accesses */
	volatile uint64_t done;		/* 10 guest: passes */
	volatile uint64_t odd_want;	/* 18 host: additions of 5 to a register: no plain access */
	volatile uint64_t odd_done;	/* 20 guest: such additions */
	volatile uint64_t ring_want;	/* 28 host: writes to a doorbell, of 2 bytes */
	volatile uint64_t rung;		/* 30 guest: such writes, each of ring_want */
	uint64_t pad;
	struct mmio_record record[2];	/* 40 guest: RAM, device */
	__u64 word[MMIO_PAGE_WORDS];	/* host: the device after an adoption */
};

extern const struct guest_code guest_mmio;

/* Whether a pass with the device went as the one with RAM. */
enum ktap_result mmio_same(const struct mmio_area *a);
/* Answers KVM_EXIT_MMIO out of @word; false when it is no access to the device. */
bool mmio_answer(struct kvm_run *run, __u64 *word);

#endif /* HANDLERS_MMIO_GUEST_H */

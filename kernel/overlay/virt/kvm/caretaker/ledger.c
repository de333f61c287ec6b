// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: the kernel's part of the telemetry: where the time ledger begins, and who had the
 * vCPU's time around a handover. All else is written by the payload.
 *
 * Context of all: vcpu->mutex held, the vCPU is not in the payload.
 */
#include <linux/minmax.h>

#include <asm/msr.h>

#include "caretaker.h"

/**
 * caretaker_ledger_open - the vCPU is KVM's, and not for an exit
 * @b:		the block
 *
 * Until the payload is entered next.
 */
void caretaker_ledger_open(struct caretaker_block *b)
{
	b->telemetry->open = KVM_CARETAKER_TIME_KVM;
}

/**
 * caretaker_ledger_begin - fill in new telemetry
 * @b:		the block
 */
void caretaker_ledger_begin(struct caretaker_block *b)
{
	struct kvm_caretaker_telemetry *t = b->telemetry;

	t->size = sizeof(*t);
	t->abi = KVM_CARETAKER_TELEMETRY_ABI;
	kvm_caretaker_slots_begin(t);
	t->tsc_first = rdtsc();
	t->tsc_last = t->tsc_first;
	caretaker_ledger_open(b);
}

/* The exit that KVM was working on ended with the vCPU's stop. */
static void ledger_end_exit(struct kvm_caretaker_telemetry *t, u64 cycles)
{
	u32 pending = t->pending - 1;
	struct kvm_caretaker_cell *cell;

	t->pending = 0;
	if (pending >= KVM_CARETAKER_NR_SLOTS * KVM_CARETAKER_NR_SERVERS)
		return;
	cell = &t->slots[pending / KVM_CARETAKER_NR_SERVERS].by[pending % KVM_CARETAKER_NR_SERVERS];
	cell->cycles += cycles;
	kvm_caretaker_time(cell, cycles);
}

/**
 * caretaker_ledger_stop - the vCPU is about to be handed over
 * @b:		the block, before the doorbell
 * @asked:	TSC when the vCPU was asked to stop
 *
 * The time until it stopped was KVM's. A vCPU that was not in KVM_RUN then leaves no stamp: it
 * stands still since it was asked, or since it left KVM_RUN by itself. When the handover fails all
 * of the time is KVM's.
 */
void caretaker_ledger_stop(struct caretaker_block *b, u64 asked)
{
	struct kvm_caretaker_telemetry *t = b->telemetry;

	if (t->tsc_stop < asked)
		t->tsc_stop = max(asked, t->tsc_last);
	ledger_end_exit(t, kvm_caretaker_book(t, KVM_CARETAKER_TIME_KVM, t->tsc_stop));
	t->open = KVM_CARETAKER_TIME_HANDOVER;
}

/**
 * caretaker_ledger_back - the vCPU continues in KVM
 * @b:		the block, state PARKED
 */
void caretaker_ledger_back(struct caretaker_block *b)
{
	struct kvm_caretaker_telemetry *t = b->telemetry;

	t->tsc_adopt = rdtsc();
	kvm_caretaker_book(t, KVM_CARETAKER_TIME_HANDOVER, t->tsc_adopt);
	caretaker_ledger_open(b);
}

/**
 * caretaker_ledger_lost - nobody serves the vCPU any more
 * @b:		the block, state FAULTED or PARKED
 */
void caretaker_ledger_lost(struct caretaker_block *b)
{
	struct kvm_caretaker_telemetry *t = b->telemetry;

	kvm_caretaker_book(t, min(t->open, KVM_CARETAKER_NR_ACCOUNTS - 1U), rdtsc());
	t->open = KVM_CARETAKER_TIME_BLOCKED;
}

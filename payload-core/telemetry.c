// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: counts and times of exits, all but the hot path.
 */
#include "telemetry.h"

/* What the pending exit has taken up to the last edge, halts not counted */
static u64 telemetry_spent;

/**
 * payload_slot_take() - slot of a reason, from its first exit on
 * @index:	reason index
 *
 * Return: as in slot_of, never 0.
 */
u32 payload_slot_take(u32 index)
{
	struct kvm_caretaker_telemetry *t = payload_telemetry();
	u32 slot = t->nr_slots;

	if (t->slot_of[index])
		return t->slot_of[index];
	if (slot < KVM_CARETAKER_SLOT_SHARED) {
		t->slots[slot].reason = index;
		t->nr_slots = slot + 1;
	} else {
		slot = KVM_CARETAKER_SLOT_SHARED;
		t->slots[slot].reason = KVM_CARETAKER_REASON_SHARED;
	}
	store_release(&t->slot_of[index], slot + 1);
	return slot + 1;
}

/* payload_exit_served() for a reason that has no slot yet */
noinline u32
payload_exit_served_first(u32 index, enum kvm_caretaker_server server, bool gap)
{
	payload_slot_take(index);
	return payload_exit_served(index, server, gap);
}

/**
 * payload_exit_pends() - an exit that is not over before the next VMRUN
 * @index:	reason index
 * @server:	KVM, BLOCKED, or NATIVE for a HLT in the gap
 *
 * It is counted now and timed by payload_exit_ends(), or by the kernel.
 */
void payload_exit_pends(u32 index, enum kvm_caretaker_server server)
{
	struct kvm_caretaker_telemetry *t = payload_telemetry();
	u32 slot = payload_slot_take(index) - 1;
	struct kvm_caretaker_cell *cell = &t->slots[slot].by[server];

	*(server == KVM_CARETAKER_KVM ? &cell->count : &cell->gap_count) += 1;
	t->pending = slot * KVM_CARETAKER_NR_SERVERS + server + 1;
	t->open = KVM_CARETAKER_ACCOUNT_OF(server);
	telemetry_spent = 0;
}

/* Edge; what the open account gets is the pending exit's. */
static void telemetry_spend(struct kvm_caretaker_telemetry *t)
{
	telemetry_spent += kvm_caretaker_book(t, t->open, payload_tsc());
}

/**
 * payload_exit_ends() - the pending exit is over, or KVM has had the vCPU without one
 *
 * Attached: before the first VMRUN. Detached: at the end of a stall, and before VMRUN after a HLT.
 */
void payload_exit_ends(void)
{
	struct kvm_caretaker_telemetry *t = payload_telemetry();
	u32 pending = t->pending - 1, server = pending % KVM_CARETAKER_NR_SERVERS;
	struct kvm_caretaker_cell *cell;

	telemetry_spend(t);
	t->open = KVM_CARETAKER_TIME_GUEST;
	if (!t->pending)
		return;
	cell = &t->slots[pending / KVM_CARETAKER_NR_SERVERS].by[server];
	*(server == KVM_CARETAKER_KVM ? &cell->cycles : &cell->gap_cycles) += telemetry_spent;
	kvm_caretaker_time(cell, telemetry_spent);
	t->pending = 0;
}

/* A handler did not serve the exit: its time is its own, what comes now is another server's. */
void payload_verdict_edge(void)
{
	struct kvm_caretaker_telemetry *t = payload_telemetry();
	u64 cycles = kvm_caretaker_book(t, KVM_CARETAKER_TIME_HANDLER, payload_tsc());

	payload_class_use(t)->cycles += cycles;
}

/**
 * payload_halt_begins() - the pCPU halts because the guest is in HLT
 *
 * The time since the last edge was native work.
 */
void payload_halt_begins(void)
{
	struct kvm_caretaker_telemetry *t = payload_telemetry();

	t->open = KVM_CARETAKER_TIME_NATIVE;
	telemetry_spend(t);
	t->open = KVM_CARETAKER_TIME_HALTED;
	/* Who sees it sees what was booked before. */
	store_release(&t->halts, t->halts + 1);
}

/* Something woke the pCPU. */
void payload_halt_ends(void)
{
	struct kvm_caretaker_telemetry *t = payload_telemetry();

	t->idle_tsc += kvm_caretaker_book(t, KVM_CARETAKER_TIME_HALTED, payload_tsc());
	t->open = KVM_CARETAKER_TIME_NATIVE;
}

/* The pCPU has the vCPU. The kernel has closed the account of KVM at tsc_stop. */
void payload_gap_begins(void)
{
	struct kvm_caretaker_telemetry *t = payload_telemetry();
	u64 now = payload_tsc();

	kvm_caretaker_book(t, KVM_CARETAKER_TIME_HANDOVER, now);
	t->open = KVM_CARETAKER_TIME_NATIVE;
	t->tsc_run = now;
}

/* Before the first VMRUN of the gap. What came before belongs to no exit. */
void payload_gap_runs(void)
{
	struct kvm_caretaker_telemetry *t = payload_telemetry();

	kvm_caretaker_book(t, KVM_CARETAKER_TIME_NATIVE, payload_tsc());
	t->open = KVM_CARETAKER_TIME_GUEST;
}

/* The state of the vCPU is saved. The kernel that takes it closes the account. */
void payload_gap_ends(void)
{
	struct kvm_caretaker_telemetry *t = payload_telemetry();
	u64 now = payload_tsc();

	kvm_caretaker_book(t, KVM_CARETAKER_TIME_HANDOVER, now);
	t->tsc_park = now;
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: counts and times of exits. Inline, for it is the hot path.
 *
 * Two readings of the TSC per exit that is served here: one at #VMEXIT (payload_exit_begins), one
 * before VMRUN (payload_exit_served). Both are edges of the ledger; the time between them is also
 * the exit's. An exit that takes longer, because KVM serves it, or it blocks, or the pCPU halts,
 * is pending meanwhile (payload_exit_pends, payload_exit_ends).
 */
#ifndef PAYLOAD_TELEMETRY_H
#define PAYLOAD_TELEMETRY_H

#include "payload.h"

/* telemetry.c */
u32 payload_slot_take(u32 index);
u32 payload_exit_served_first(u32 index, enum kvm_caretaker_server server, bool gap);
void payload_exit_pends(u32 index, enum kvm_caretaker_server server);
void payload_exit_ends(void);
void payload_verdict_edge(void);
void payload_halt_begins(void);
void payload_halt_ends(void);
void payload_gap_begins(void);
void payload_gap_runs(void);
void payload_gap_ends(void);

/* Keeps the compiler from working a value out again, in parts, where it is used. */
#define payload_hide(x) ({							\
	typeof(x) x_ = (x);							\
	asm("" : "+r" (x_));							\
	x_;									\
})

/* kvm_caretaker_book() */
static inline u64 payload_edge(struct kvm_caretaker_telemetry *t, u32 account)
{
	u64 now = payload_tsc();
	u64 cycles = payload_hide(now - t->tsc_last);

	t->ledger[account] += cycles;
	t->tsc_last = now;
	return cycles;
}

/* kvm_caretaker_time(), with a jump that is not taken instead of a choice */
static inline void payload_time(struct kvm_caretaker_cell *cell, u64 cycles)
{
	u64 top;

	if (cycles > cell->max)
		cell->max = cycles;
	asm("bsr %1, %0" : "=r" (top) : "r" (cycles | 31) : "cc");
	if (unlikely(top >= KVM_CARETAKER_NR_BUCKETS + 4))
		top = payload_hide(KVM_CARETAKER_NR_BUCKETS + 3);
	cell->hist[top - 4]++;
}

/* First thing after a #VMEXIT. Returns the VMCB in use. */
static inline struct vmcb *payload_exit_begins(void)
{
	if (PAYLOAD_COUNTS)
		payload_edge(payload_telemetry(), KVM_CARETAKER_TIME_GUEST);
	return payload_vmcb();
}

/* What the handler that is called, or was, was used for */
static inline struct kvm_caretaker_class_use *
payload_class_use(struct kvm_caretaker_telemetry *t)
{
	return (void *)t->classes + payload_call.use;
}

/* An exit is over that the cell counts. */
static __always_inline void
payload_exit_book(struct kvm_caretaker_telemetry *t, struct kvm_caretaker_cell *cell,
		  enum kvm_caretaker_server server, bool gap)
{
	u64 cycles = payload_edge(t, KVM_CARETAKER_ACCOUNT_OF(server));

	*(gap ? &cell->gap_count : &cell->count) += 1;
	*(gap ? &cell->gap_cycles : &cell->cycles) += cycles;
	if (server == KVM_CARETAKER_HANDLER)
		payload_class_use(t)->cycles += cycles;
	payload_time(cell, cycles);
}

/**
 * payload_exit_served() - last thing before VMRUN
 * @index:	reason index
 * @server:	NATIVE or HANDLER
 * @gap:	detached
 *
 * The first exit of a reason is apart, by a tail call, so that the hot path saves no registers.
 *
 * Return: PAYLOAD_ENTER.
 */
static inline u32 payload_exit_served(u64 index, enum kvm_caretaker_server server, bool gap)
{
	struct kvm_caretaker_telemetry *t = payload_telemetry();
	u64 slot = t->slot_of[index];
	struct kvm_caretaker_cell *cell;

	if (!PAYLOAD_COUNTS)
		return PAYLOAD_ENTER;
	if (unlikely(!slot))
		return payload_exit_served_first(index, server, gap);
	cell = &(t->slots - 1)[payload_hide(slot)].by[server];
	payload_exit_book(t, payload_hide(cell), server, gap);
	return PAYLOAD_ENTER;
}

/**
 * payload_exit_served_at() - the same for a reason with a fixed slot, which needs not be looked for
 * @slot:	its number, a constant
 * @server:	NATIVE or HANDLER
 *
 * Context: attached.
 * Return: PAYLOAD_ENTER.
 */
static __always_inline u32 payload_exit_served_at(u32 slot, enum kvm_caretaker_server server)
{
	struct kvm_caretaker_telemetry *t = payload_telemetry();

	if (PAYLOAD_COUNTS)
		payload_exit_book(t, &t->slots[slot].by[server], server, false);
	return PAYLOAD_ENTER;
}

#endif /* PAYLOAD_TELEMETRY_H */

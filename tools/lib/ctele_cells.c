// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* The tables of exits of one vCPU, whatever the ABI. Nothing in them is trusted. */
#include <stdio.h>
#include <string.h>

#include "ctele.h"

/**
 * ctele_timed() - does this telemetry say how long exits took?
 * @t:		telemetry
 */
bool ctele_timed(const struct kvm_caretaker_telemetry *t)
{
	return t->abi >= 2;
}

static const struct kvm_caretaker_slot *slot_of_row(const struct kvm_caretaker_telemetry *t,
						    unsigned int row)
{
	const struct kvm_caretaker_slot *slot = row == CTELE_ROW_SHARED ?
		&t->slots[KVM_CARETAKER_SLOT_SHARED] : kvm_caretaker_slot_of(t, row);

	return slot && slot->reason == row ? slot : NULL;
}

/* Had a row any exits? Most have none: this is quick. */
bool ctele_row_used(const struct kvm_caretaker_telemetry *t, unsigned int row)
{
	return t->abi == 1 ? row < KVM_CARETAKER_NR_REASONS : !!slot_of_row(t, row);
}

static void cell_of_slot(struct ctele_cell *cell, const struct kvm_caretaker_cell *from)
{
	*cell = (struct ctele_cell){
		.count = from->count, .gap_count = from->gap_count, .cycles = from->cycles,
		.gap_cycles = from->gap_cycles, .max = from->max, .hist = from->hist,
	};
}

/**
 * ctele_cell() - exits of one row by one server
 * @t:		telemetry
 * @row:	index of the reason, or CTELE_ROW_SHARED
 * @server:	enum kvm_caretaker_server
 * @cell:	out
 *
 * Return: false when there were none; @cell is all zero then.
 */
bool ctele_cell(const struct kvm_caretaker_telemetry *t, unsigned int row, unsigned int server,
		struct ctele_cell *cell)
{
	const struct ctele_tele1 *old = (const void *)t;
	const struct kvm_caretaker_slot *slot;

	memset(cell, 0, sizeof(*cell));
	if (t->abi != 1) {
		slot = slot_of_row(t, row);
		if (slot) {
			cell_of_slot(cell, &slot->by[server]);
			cell->max_old = slot->reserved >> server & 1;
		}
	} else if (row < KVM_CARETAKER_NR_REASONS) {
		cell->count = old->exits[row][server];
		cell->gap_count = old->gap_exits[row][server];
	}
	return cell->count || cell->gap_count;
}

/**
 * ctele_exits() - number of exits of one row by one server
 * @t:		telemetry
 * @row:	index of the reason, or CTELE_ROW_SHARED
 * @server:	enum kvm_caretaker_server
 * @gap:	those while detached alone
 */
uint64_t ctele_exits(const struct kvm_caretaker_telemetry *t, unsigned int row,
		     unsigned int server, bool gap)
{
	struct ctele_cell cell;

	ctele_cell(t, row, server, &cell);
	return cell.gap_count + (gap ? 0 : cell.count);
}

/* Are the exits of this reason in the row that is shared? */
bool ctele_row_shares(const struct kvm_caretaker_telemetry *t, unsigned int reason)
{
	return t->abi != 1 && t->slot_of[reason] == KVM_CARETAKER_SLOT_SHARED + 1;
}

/**
 * ctele_row_wanted() - is a row one of those that are asked for?
 * @t:		telemetry
 * @row:	index of the reason, or CTELE_ROW_SHARED, which is wanted when any in it is
 * @reasons:	by index of the reason
 */
bool ctele_row_wanted(const struct kvm_caretaker_telemetry *t, unsigned int row,
		      const bool *reasons)
{
	unsigned int r;

	if (row < KVM_CARETAKER_NR_REASONS)
		return reasons[row];
	for (r = 0; r < KVM_CARETAKER_NR_REASONS; r++)
		if (reasons[r] && ctele_row_shares(t, r))
			return true;
	return false;
}

static const char *damage_of_reason(const struct kvm_caretaker_telemetry *t, unsigned int reason)
{
	unsigned int slot = t->slot_of[reason];

	if (!slot)
		return NULL;
	if (slot > KVM_CARETAKER_NR_SLOTS)
		return "an exit reason names a slot that does not exist";
	if (slot == KVM_CARETAKER_SLOT_SHARED + 1)
		return t->slots[slot - 1].reason == CTELE_ROW_SHARED ? NULL :
		       "the shared slot belongs to one exit reason";
	return t->slots[slot - 1].reason == reason ? NULL :
	       "an exit reason names a slot of another one";
}

/**
 * ctele_damage() - do the tables contradict themselves?
 * @t:		telemetry
 *
 * The payload fills a slot before it is named, and may be doing so now: only what can be at no
 * time is damage. Counts and times are not compared: a vCPU that runs is between two of them.
 *
 * Return: what is wrong, or NULL.
 */
const char *ctele_damage(const struct kvm_caretaker_telemetry *t)
{
	const char *what = NULL;
	unsigned int r;

	if (t->abi == 1)
		return NULL;
	for (r = 0; !what && r < KVM_CARETAKER_NR_REASONS; r++)
		what = damage_of_reason(t, r);
	if (!what && t->nr_slots > KVM_CARETAKER_SLOT_SHARED)
		what = "more slots than there are";
	if (!what && t->open >= KVM_CARETAKER_NR_ACCOUNTS)
		what = "the time ledger names an account that does not exist";
	return what;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: the isolated page tables of a block: four levels of 4 KiB pages, every table from
 * the block itself.
 */
#include <linux/bitops.h>
#include <linux/string.h>

#include <asm/pgtable.h>

#include "caretaker.h"
#include "tables.h"

#define PT_LEVELS	3	/* of tables below the root */

static_assert(CARETAKER_PT_PAGES <= BITS_PER_LONG);

static u64 *pt_table(u64 entry)
{
	return __va(entry & PHYSICAL_PAGE_MASK & ~sme_me_mask);
}

static u64 *pt_entry(u64 *table, u64 va, int shift)
{
	return &table[(va >> shift) & (PTRS_PER_PTE - 1)];
}

static u64 *block_pt_next(struct caretaker_block *b, u64 *entry)
{
	unsigned int i;
	u64 *table;

	if (*entry & _PAGE_PRESENT)
		return pt_table(*entry);
	i = find_first_zero_bit(&b->pt_used, CARETAKER_PT_PAGES);
	if (i == CARETAKER_PT_PAGES)
		return NULL;
	__set_bit(i, &b->pt_used);
	table = b->pt + i * PTRS_PER_PTE;
	*entry = __sme_set(__pa(table)) | _PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED;
	return table;
}

/**
 * caretaker_pt_map - map one page in the isolated page tables
 * @b:		the block; its vCPU is not in the payload
 * @va:		where
 * @pa:		what
 * @prot:	bits of the entry, 0: nothing is mapped there any more
 *
 * Return: 0, or -E2BIG when the block has no page left for a table.
 */
int caretaker_pt_map(struct caretaker_block *b, u64 va, u64 pa, u64 prot)
{
	u64 *table = b->pt;
	int shift;

	for (shift = PGDIR_SHIFT; shift > PAGE_SHIFT; shift -= 9) {
		table = block_pt_next(b, pt_entry(table, va, shift));
		if (!table)
			return -E2BIG;
	}
	/* A device's registers are never encrypted. */
	*pt_entry(table, va, PAGE_SHIFT) = (prot & _PAGE_PCD ? pa : __sme_set(pa)) | prot;
	return 0;
}

/* Tables that are there on the way to @va, the root not among them: their entries, the last one. */
static unsigned int pt_walk(struct caretaker_block *b, u64 va, u64 **entry, u64 **table)
{
	unsigned int n = 0;
	int shift;

	*table = b->pt;
	for (shift = PGDIR_SHIFT; shift > PAGE_SHIFT; shift -= 9) {
		entry[n] = pt_entry(*table, va, shift);
		if (!(*entry[n] & _PAGE_PRESENT))
			break;
		*table = pt_table(*entry[n++]);
	}
	return n;
}

/*
 * Gives back the tables of an address that map nothing any more: sets come and go, each where the
 * kernel has room for it, and a block has few tables. That of the mailboxes stays, for a handover.
 */
static void pt_prune(struct caretaker_block *b, u64 va)
{
	u64 *entry[PT_LEVELS], *table;
	unsigned int n = pt_walk(b, va, entry, &table);

	if (!((va ^ b->va_peers) & PMD_MASK))
		return;
	while (n-- && !memchr_inv(table, 0, PAGE_SIZE)) {
		*entry[n] = 0;
		__clear_bit((table - b->pt) / PTRS_PER_PTE, &b->pt_used);
		table = PTR_ALIGN_DOWN(entry[n], PAGE_SIZE);
	}
}

/**
 * caretaker_pt_unmap - forget a range
 * @b:		the block; its vCPU is not in the payload
 * @va:		first address
 * @nr_pages:	number of pages, mapped or not
 *
 * No translation of them is kept: the payload is entered by a load of CR3 (APM volume 2, 5.5.3).
 */
void caretaker_pt_unmap(struct caretaker_block *b, u64 va, unsigned int nr_pages)
{
	u64 *entry[PT_LEVELS], *table;
	unsigned int i;

	for (i = 0; i < nr_pages; i++, va += PAGE_SIZE) {
		if (pt_walk(b, va, entry, &table) == PT_LEVELS)
			*pt_entry(table, va, PAGE_SHIFT) = 0;
		if (i + 1 == nr_pages || !((va + PAGE_SIZE) & ~PMD_MASK))
			pt_prune(b, va);
	}
}

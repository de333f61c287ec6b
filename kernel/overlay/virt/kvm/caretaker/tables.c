// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: the isolated page tables of a block: four levels of 4 KiB pages, every table from
 * the block itself.
 */
#include <asm/pgtable.h>

#include "caretaker.h"
#include "tables.h"

static u64 *block_pt_next(struct caretaker_block *b, u64 *entry)
{
	u64 *table;

	if (*entry & _PAGE_PRESENT)
		return __va(*entry & PHYSICAL_PAGE_MASK & ~sme_me_mask);
	if (b->pt_used == CARETAKER_PT_PAGES)
		return NULL;
	table = b->pt + b->pt_used++ * PTRS_PER_PTE;
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
		table = block_pt_next(b, &table[(va >> shift) & (PTRS_PER_PTE - 1)]);
		if (!table)
			return -E2BIG;
	}
	/* A device's registers are never encrypted. */
	table[(va >> PAGE_SHIFT) & (PTRS_PER_PTE - 1)] =
		(prot & _PAGE_PCD ? pa : __sme_set(pa)) | prot;
	return 0;
}

/**
 * caretaker_pt_unmap - forget a range
 * @b:		the block; its vCPU is not in the payload
 * @va:		first address
 * @nr_pages:	number of pages
 *
 * Its tables stay for the next user of these addresses.
 */
void caretaker_pt_unmap(struct caretaker_block *b, u64 va, unsigned int nr_pages)
{
	unsigned int i;

	for (i = 0; i < nr_pages; i++)
		caretaker_pt_map(b, va + i * PAGE_SIZE, 0, 0);
}

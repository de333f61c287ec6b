/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker: the isolated page tables of a block.
 */
#ifndef _VIRT_KVM_CARETAKER_TABLES_H
#define _VIRT_KVM_CARETAKER_TABLES_H

#include <linux/types.h>

#include <asm/pgtable.h>

struct caretaker_block;

#define PROT_RX	(_PAGE_PRESENT | _PAGE_ACCESSED)
#define PROT_R	(_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_NX)
#define PROT_RW	(_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_RW | _PAGE_NX)

int caretaker_pt_map(struct caretaker_block *b, u64 va, u64 pa, u64 prot);
void caretaker_pt_unmap(struct caretaker_block *b, u64 va, unsigned int nr_pages);

#endif /* _VIRT_KVM_CARETAKER_TABLES_H */

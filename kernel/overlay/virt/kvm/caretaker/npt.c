// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: the frozen nested page tables.
 *
 * In the gap a guest runs on tables of its own, built at preserve time from the memory slots:
 * KVM's tables die with the VMM's address space. All of guest memory is mapped, so that no RAM
 * access faults; everything else is not, so that it is a blocking exit. Guest memory must be
 * memfds that LUO has preserved before: only then do its pages stay where they are.
 */
#define pr_fmt(fmt) "caretaker: " fmt

#include <linux/kexec_handover.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>

#include "caretaker.h"

#define NPT_BATCH	64
#define NPT_RO		(_PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED | _PAGE_DIRTY)
#define NPT_RW		(NPT_RO | _PAGE_RW)
#define NPT_TABLE	(_PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED | _PAGE_RW)

/* Adds a preserved page to the list; the list's own pages are preserved but not on it. */
static int npt_list_add(struct caretaker_npt *npt, u64 pa)
{
	struct caretaker_list_ser *l = npt->list_pa ? phys_to_virt(npt->list_pa) : NULL;

	if (!l || l->nr == CARETAKER_LIST_ENTRIES) {
		struct page *page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);

		if (!page)
			return -ENOMEM;
		if (kho_preserve_pages(page, 1)) {
			__free_page(page);
			return -EIO;
		}
		l = page_address(page);
		l->next_pa = npt->list_pa;
		npt->list_pa = page_to_phys(page);
	}
	l->pa[l->nr++] = pa;
	return 0;
}

static u64 *npt_alloc(struct caretaker_npt *npt)
{
	struct page *page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);

	if (!page)
		return NULL;
	if (kho_preserve_pages(page, 1))
		goto err_free;
	if (npt_list_add(npt, page_to_phys(page)))
		goto err_unpreserve;
	npt->pages++;
	return page_address(page);

err_unpreserve:
	kho_unpreserve_pages(page, 1);
err_free:
	__free_page(page);
	return NULL;
}

static u64 *npt_pte(struct caretaker_npt *npt, gfn_t gfn)
{
	u64 *table = phys_to_virt(npt->root_pa);
	int shift;

	for (shift = 27; shift; shift -= 9) {
		u64 *entry = &table[(gfn >> shift) & (PTRS_PER_PTE - 1)];

		if (*entry & _PAGE_PRESENT) {
			table = __va(*entry & PHYSICAL_PAGE_MASK & ~sme_me_mask);
			continue;
		}
		table = npt_alloc(npt);
		if (!table)
			return NULL;
		*entry = __sme_set(__pa(table)) | NPT_TABLE;
	}
	return &table[gfn & (PTRS_PER_PTE - 1)];
}

/* Only pages that LUO holds in place may be mapped. */
static bool npt_page_preserved(struct page *page)
{
	struct address_space *mapping = folio_mapping(page_folio(page));

	return mapping && shmem_mapping(mapping) &&
	       SHMEM_I(mapping->host)->flags & SHMEM_F_MAPPING_FROZEN;
}

static int npt_map_batch(struct caretaker_npt *npt, gfn_t gfn, struct page **pages, long nr,
			 u64 prot)
{
	int r = 0;
	long i;

	for (i = 0; i < nr; i++) {
		u64 *pte;

		if (!r && !npt_page_preserved(pages[i]))
			r = -EOPNOTSUPP;
		pte = r ? NULL : npt_pte(npt, gfn + i);
		if (!r && !pte)
			r = -ENOMEM;
		if (!r)
			*pte = __sme_set(page_to_phys(pages[i])) | prot;
		put_page(pages[i]);
	}
	return r;
}

static int npt_map_slot(struct kvm *kvm, struct caretaker_npt *npt, struct kvm_memory_slot *slot)
{
	bool ro = slot->flags & KVM_MEM_READONLY;
	struct page *pages[NPT_BATCH];
	unsigned long done, want;
	long nr;
	int r;

	for (done = 0; done < slot->npages; done += nr) {
		want = min(slot->npages - done, (unsigned long)NPT_BATCH);
		mmap_read_lock(kvm->mm);
		nr = get_user_pages_remote(kvm->mm, slot->userspace_addr + done * PAGE_SIZE, want,
					   ro ? 0 : FOLL_WRITE, pages, NULL);
		mmap_read_unlock(kvm->mm);
		if (nr <= 0)
			return nr ? nr : -EFAULT;
		r = npt_map_batch(npt, slot->base_gfn + done, pages, nr, ro ? NPT_RO : NPT_RW);
		if (r)
			return r;
		cond_resched();
	}
	return 0;
}

static int npt_check_slot(struct kvm_memory_slot *slot)
{
	if (slot->dirty_bitmap || kvm_slot_has_gmem(slot)) {
		pr_err("memory slot %d: %s: cannot be carried\n", slot->id,
		       slot->dirty_bitmap ? "dirty logging is on" : "backed by guest_memfd");
		return -EOPNOTSUPP;
	}
	return 0;
}

/**
 * caretaker_npt_build - build and preserve the frozen NPT of a VM
 * @kvm:	the VM; its memory slots may be in use
 * @npt:	filled in
 *
 * Context: may sleep, takes slots_lock and the VMM's mmap_lock.
 * Return: 0; -EOPNOTSUPP for memory that is not a preserved memfd; -ENOMEM; errors of KHO.
 */
int caretaker_npt_build(struct kvm *kvm, struct caretaker_npt *npt)
{
	struct kvm_memory_slot *slot;
	int bkt, r = 0;
	u64 *root;

	*npt = (struct caretaker_npt){};
	root = npt_alloc(npt);
	if (!root)
		return -ENOMEM;
	npt->root_pa = __pa(root);
	mutex_lock(&kvm->slots_lock);
	kvm_for_each_memslot(slot, bkt, kvm_memslots(kvm)) {
		/* KVM's own slots (TSS, identity map) are of no use to a guest on SVM. */
		if (slot->id >= KVM_USER_MEM_SLOTS)
			continue;
		r = npt_check_slot(slot);
		if (!r)
			r = npt_map_slot(kvm, npt, slot);
		if (r) {
			pr_err("memory slot %d: error %d: guest memory must be a shared memfd that is preserved before the VM\n",
			       slot->id, r);
			break;
		}
	}
	mutex_unlock(&kvm->slots_lock);
	if (r)
		caretaker_npt_destroy(npt);
	return r;
}

/**
 * caretaker_npt_destroy - free the tables in the kernel that built them
 * @npt:	the tables; no pCPU uses them any more
 */
void caretaker_npt_destroy(struct caretaker_npt *npt)
{
	while (npt->list_pa) {
		struct caretaker_list_ser *l = phys_to_virt(npt->list_pa);

		npt->list_pa = l->next_pa;
		while (l->nr) {
			struct page *page = pfn_to_page(PHYS_PFN(l->pa[--l->nr]));

			kho_unpreserve_pages(page, 1);
			__free_page(page);
		}
		kho_unpreserve_pages(virt_to_page(l), 1);
		__free_page(virt_to_page(l));
	}
	*npt = (struct caretaker_npt){};
}

static void npt_pin_table(const u64 *table, int shift)
{
	unsigned int i;

	for (i = 0; i < PTRS_PER_PTE; i++) {
		u64 pa = table[i] & PHYSICAL_PAGE_MASK & ~sme_me_mask;

		if (!(table[i] & _PAGE_PRESENT))
			continue;
		if (shift)
			npt_pin_table(__va(pa), shift - 9);
		else
			get_page(pfn_to_page(PHYS_PFN(pa)));
	}
	cond_resched();
}

/**
 * caretaker_npt_pin - keep all guest memory for ever: a pCPU that does not answer may use it
 * @npt:	the tables
 *
 * Context: may sleep.
 */
void caretaker_npt_pin(const struct caretaker_npt *npt)
{
	npt_pin_table(phys_to_virt(npt->root_pa), 27);
}

/**
 * caretaker_npt_restore_free - free the tables in the kernel that adopted the VM
 * @npt:	the tables; no pCPU uses them any more
 */
void caretaker_npt_restore_free(struct caretaker_npt *npt)
{
	u64 pa = npt->list_pa;

	while (pa) {
		struct caretaker_list_ser *l = phys_to_virt(pa);
		struct page *self = kho_restore_pages(pa, 1);

		if (!self || l->nr > CARETAKER_LIST_ENTRIES)
			return;
		pa = l->next_pa;
		while (l->nr) {
			struct page *page = kho_restore_pages(l->pa[--l->nr], 1);

			if (page)
				__free_page(page);
		}
		__free_page(self);
	}
	*npt = (struct caretaker_npt){};
}

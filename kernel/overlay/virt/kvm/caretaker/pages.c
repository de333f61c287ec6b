// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: pages that several vCPUs preserve.
 *
 * Handler state is one set of pages for all vCPUs that use the set. KHO knows no owners: a page
 * is preserved or not, and can be restored once. So owners are counted here, on both sides.
 */
#include <linux/kexec_handover.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/xarray.h>

#include "caretaker.h"

/* By pfn: number of owners. */
static DEFINE_XARRAY(pages_outgoing);
static DEFINE_XARRAY(pages_incoming);
static DEFINE_MUTEX(pages_lock);

static unsigned long pages_owners(struct xarray *xa, unsigned long pfn)
{
	void *entry = xa_load(xa, pfn);

	return entry ? xa_to_value(entry) : 0;
}

/* Cannot fail when there was an owner already, nor for none. */
static int pages_set_owners(struct xarray *xa, unsigned long pfn, unsigned long owners)
{
	if (owners)
		return xa_err(xa_store(xa, pfn, xa_mk_value(owners), GFP_KERNEL));
	xa_erase(xa, pfn);
	return 0;
}

/**
 * caretaker_page_preserve - keep a page over a kexec, for one more owner
 * @page:	the page
 *
 * Context: may sleep.
 * Return: 0, -ENOMEM, or an error of KHO.
 */
int caretaker_page_preserve(struct page *page)
{
	unsigned long pfn = page_to_pfn(page), owners;
	int r;

	guard(mutex)(&pages_lock);
	owners = pages_owners(&pages_outgoing, pfn);
	r = pages_set_owners(&pages_outgoing, pfn, owners + 1);
	if (r || owners)
		return r;
	r = kho_preserve_pages(page, 1);
	if (r)
		pages_set_owners(&pages_outgoing, pfn, 0);
	return r;
}

/**
 * caretaker_page_unpreserve - an owner does not need it any more
 * @page:	the page
 *
 * Context: may sleep.
 */
void caretaker_page_unpreserve(struct page *page)
{
	unsigned long pfn = page_to_pfn(page), owners;

	guard(mutex)(&pages_lock);
	owners = pages_owners(&pages_outgoing, pfn);
	if (WARN_ON_ONCE(!owners))
		return;
	pages_set_owners(&pages_outgoing, pfn, owners - 1);
	if (owners == 1)
		kho_unpreserve_pages(page, 1);
}

/**
 * caretaker_page_restore - take over a page that an earlier kernel preserved
 * @pa:		its physical address
 *
 * Context: may sleep.
 * Return: 0, with a reference for the caller; -EIO when KHO has no such page; -ENOMEM.
 */
int caretaker_page_restore(u64 pa)
{
	unsigned long pfn = PHYS_PFN(pa), owners;
	int r;

	guard(mutex)(&pages_lock);
	owners = pages_owners(&pages_incoming, pfn);
	r = pages_set_owners(&pages_incoming, pfn, owners + 1);
	if (r)
		return r;
	if (owners) {
		get_page(pfn_to_page(pfn));
		return 0;
	}
	if (kho_restore_pages(pa, 1))
		return 0;
	pages_set_owners(&pages_incoming, pfn, 0);
	return -EIO;
}

/**
 * caretaker_page_release - drop the reference of caretaker_page_restore()
 * @pa:		physical address
 *
 * Context: may sleep.
 */
void caretaker_page_release(u64 pa)
{
	unsigned long pfn = PHYS_PFN(pa), owners;

	guard(mutex)(&pages_lock);
	owners = pages_owners(&pages_incoming, pfn);
	if (WARN_ON_ONCE(!owners))
		return;
	pages_set_owners(&pages_incoming, pfn, owners - 1);
	put_page(pfn_to_page(pfn));
}

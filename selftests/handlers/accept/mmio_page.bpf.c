// SPDX-License-Identifier: GPL-2.0
/* A page of registers, by accesses to memory that is not RAM */
#include "expect.bpf.h"
#include "mmio_page.h"

struct mmio_page page;

CARETAKER_HANDLER(mmio, mmio_page)
{
	__u64 at = exit->info2 - MMIO_PAGE_ADDRESS;
	int write = exit->info1 & KVM_CARETAKER_MMIO_WRITE;
	__u32 bytes = exit->mmio_size;

	if (at >= 8 * MMIO_PAGE_WORDS || at % 8 + bytes > 8) {
		page.other++;
		return KVM_CARETAKER_NEXT;
	}
	exit->mmio_value = mmio_page_access(&page.word[at / 8 % MMIO_PAGE_WORDS], at, bytes, write,
					    exit->mmio_value);
	page.served++;
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLERS(set, .mmio = (void *)mmio_page);

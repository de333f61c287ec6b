/* SPDX-License-Identifier: GPL-2.0 */
/* A device with a page of registers that are plain memory, kept by accept/mmio_page.bpf.c. */
#ifndef HANDLERS_MMIO_PAGE_H
#define HANDLERS_MMIO_PAGE_H

#include <linux/types.h>

#define MMIO_PAGE_ADDRESS	0x30000000
#define MMIO_PAGE_WORDS		32

/**
 * struct mmio_page - state of the handler
 * @served:	handler: accesses
 * @other:	handler: accesses of which it wants to know nothing
 * @word:	the registers
 */
struct mmio_page {
	__u64 served;
	__u64 other;
	__u64 word[MMIO_PAGE_WORDS];
};

/*
 * An access of @bytes at @at, which stays within a word. A read returns what follows, too: what is
 * more than @bytes of it does not count.
 */
static inline __u64 mmio_page_access(__u64 *word, __u32 at, __u32 bytes, int write, __u64 value)
{
	__u32 shift = at % 8 * 8;
	__u64 mask = ~0ULL >> (64 - 8 * bytes) << shift;

	if (write)
		*word = (*word & ~mask) | value << shift;
	return *word >> shift;
}

#endif /* HANDLERS_MMIO_PAGE_H */

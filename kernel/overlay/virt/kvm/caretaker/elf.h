/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker: parser of payload files.
 *
 * A payload is a small position-independent ELF file. The parser trusts no byte of it, touches
 * nothing but the buffer it is given, and builds in user space as well, for tests and fuzzing.
 */
#ifndef __VIRT_KVM_CARETAKER_ELF_H
#define __VIRT_KVM_CARETAKER_ELF_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;
#endif
#include <linux/kvm_caretaker_ccb.h>

/* Payload pages are 4 KiB on every host. */
#define CARETAKER_ELF_PAGE	4096UL

/* Largest file that is looked at. Debug sections may make it larger than the image. */
#define CARETAKER_ELF_FILE_MAX	(4UL << 20)

/* prot of struct caretaker_elf_segment, numbered as p_flags */
#define CARETAKER_ELF_X		(1U << 0)
#define CARETAKER_ELF_W		(1U << 1)
#define CARETAKER_ELF_R		(1U << 2)

/**
 * struct caretaker_elf_segment - one loadable segment
 * @vaddr:	first virtual address in the file's own numbering, page aligned
 * @filesz:	bytes that come from the file
 * @memsz:	bytes in memory; what lies beyond @filesz is zero
 * @offset:	where the bytes start in the file, page aligned
 * @prot:	CARETAKER_ELF_*, never W and X together
 */
struct caretaker_elf_segment {
	u64 vaddr;
	u64 filesz;
	u64 memsz;
	u64 offset;
	u32 prot;
};

/**
 * struct caretaker_elf - what the kernel needs to know about a payload file
 * @base:	lowest virtual address of a segment, page aligned
 * @span:	bytes from @base to the end of the last segment, page aligned
 * @nr_segments: used entries of @seg
 * @seg:	segments in ascending order of address; they share no page
 * @ccb:	offset of the CCB from @base, 64-byte aligned
 * @entry:	offset of the attached entry point from @base
 * @entry_detached: offset of the detached entry point from @base
 */
struct caretaker_elf {
	u64 base;
	u64 span;
	u32 nr_segments;
	struct caretaker_elf_segment seg[KVM_CARETAKER_MAX_SEGMENTS];
	u64 ccb;
	u64 entry;
	u64 entry_detached;
};

int caretaker_elf_parse(const void *buf, size_t size, struct caretaker_elf *elf,
			const char **why);
int caretaker_elf_load(const struct caretaker_elf *elf, const void *buf, void *image);
const void *caretaker_elf_section(const void *buf, size_t size, const char *name, u64 *len);

#endif /* __VIRT_KVM_CARETAKER_ELF_H */

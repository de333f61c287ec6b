/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Payload files that must be refused, as data: a good file and the edits that spoil it. Used by
 * the unit test of the parser and, through the ioctl, on a running kernel.
 */
#ifndef SELFTESTS_ELF_CASES_H
#define SELFTESTS_ELF_CASES_H

#include <stddef.h>
#include <stdint.h>

/* Length of the good file, and of the largest file that an edit makes of it */
#define ELF_GOOD_SIZE	0x3400
#define ELF_CASE_MAX	((4 << 20) + 0x1000)

/* What an edit changes; @nth picks one of several program headers */
enum elf_where {
	ELF_NOTHING,
	ELF_EHDR,	/* ELF header */
	ELF_PHDR,	/* program header @nth, see enum elf_phdr */
	ELF_CCB,	/* content of the CCB */
	ELF_DYN,	/* dynamic entry @nth */
	ELF_TEXT,	/* bytes of the executable segment */
	ELF_LOADS,	/* @val more PT_LOAD segments of one page each */
	ELF_SIZE,	/* length of the file */
};

/* Program headers of the good file */
enum elf_phdr {
	ELF_P_HEADERS,	/* PT_LOAD, R */
	ELF_P_TEXT,	/* PT_LOAD, RX */
	ELF_P_RODATA,	/* PT_LOAD, R */
	ELF_P_DATA,	/* PT_LOAD, RW */
	ELF_P_CCB,
	ELF_P_DYNAMIC,
	ELF_P_STACK,
	ELF_P_SPARE,	/* PT_NULL from here on */
	ELF_NR_PHDRS = 16,
};

struct elf_edit {
	enum elf_where where;
	unsigned int nth;
	unsigned int off;	/* byte offset in what is changed */
	unsigned int len;	/* bytes to write */
	uint64_t val;
};

struct elf_case {
	const char *name;
	int err;		/* positive errno */
	const char *why;	/* part of the reason that must be given */
	struct elf_edit edit[8];
};

extern const struct elf_case elf_cases[];
extern const unsigned int nr_elf_cases;

/* Writes the good file, ELF_GOOD_SIZE bytes. */
void elf_good_make(void *buf);

/* Makes the file of one case in @buf, ELF_CASE_MAX bytes; returns its length. */
size_t elf_case_make(const struct elf_case *c, void *buf);

#endif /* SELFTESTS_ELF_CASES_H */

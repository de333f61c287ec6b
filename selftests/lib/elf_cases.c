// SPDX-License-Identifier: GPL-2.0
/* Payload files that must be refused: one edit of the good file, or a few, per line. */
#include <elf.h>
#include <errno.h>

#include <linux/kvm_caretaker_ccb.h>

#include "elf_cases.h"

#define FIELD(type, f)	offsetof(type, f), sizeof(((type *)0)->f)
#define IDENT(i, v)	{ ELF_EHDR, 0, i, 1, v }
#define EH(f, v)	{ ELF_EHDR, 0, FIELD(Elf64_Ehdr, f), v }
#define PH(n, f, v)	{ ELF_PHDR, ELF_P_##n, FIELD(Elf64_Phdr, f), v }
#define SPARE(n, f, v)	{ ELF_PHDR, ELF_P_SPARE + (n), FIELD(Elf64_Phdr, f), v }
#define CCB(f, v)	{ ELF_CCB, 0, FIELD(struct kvm_caretaker_ccb, f), v }
#define TAG(n, v)	{ ELF_DYN, n, FIELD(Elf64_Dyn, d_tag), v }
#define VAL(n, v)	{ ELF_DYN, n, FIELD(Elf64_Dyn, d_un), v }
#define TEXT(o, v)	{ ELF_TEXT, 0, o, 1, v }
#define SIZE(v)		{ ELF_SIZE, 0, 0, 0, v }
#define LOADS(n)	{ ELF_LOADS, 0, 0, 0, n }
#define HIGH		0xffffffffffffffffULL
#define CCB_SIZE	sizeof(struct kvm_caretaker_ccb)

const struct elf_case elf_cases[] = {
	/* the file itself */
	{ "an empty file", ENOEXEC, "shorter than an ELF header", { SIZE(0) } },
	{ "a file of one byte", ENOEXEC, "shorter than an ELF header", { SIZE(1) } },
	{ "an ELF header cut by one byte", ENOEXEC, "shorter than an ELF header", { SIZE(63) } },
	{ "an ELF header alone", ENOEXEC, "headers lie outside", { SIZE(64) } },
	{ "program headers cut by one byte", ENOEXEC, "headers lie outside",
	  { SIZE(64 + 16 * 56 - 1) } },
	{ "a data segment cut by one byte", ENOEXEC, "PT_LOAD segment lies outside",
	  { SIZE(ELF_GOOD_SIZE - 1) } },
	{ "a file over the size limit", E2BIG, "larger than 4 MiB", { SIZE((4 << 20) + 1) } },

	/* e_ident */
	{ "a script", ENOEXEC, "not an ELF file", { IDENT(0, '#'), IDENT(1, '!') } },
	{ "a wrong last letter of the magic", ENOEXEC, "not an ELF file", { IDENT(3, 'G') } },
	{ "a 32-bit file", ENOEXEC, "not 64 bit", { IDENT(EI_CLASS, ELFCLASS32) } },
	{ "no ELF class", ENOEXEC, "not 64 bit", { IDENT(EI_CLASS, 0) } },
	{ "a big-endian file", ENOEXEC, "not little endian", { IDENT(EI_DATA, ELFDATA2MSB) } },
	{ "ELF version 0 in e_ident", ENOEXEC, "unknown ELF version", { IDENT(EI_VERSION, 0) } },
	{ "ELF version 2 in e_version", ENOEXEC, "unknown ELF version", { EH(e_version, 2) } },
	{ "a FreeBSD file", ENOEXEC, "another OS ABI", { IDENT(EI_OSABI, 9) } },

	/* ELF header */
	{ "an i386 file", ENOEXEC, "not x86-64", { EH(e_machine, EM_386) } },
	{ "an ARM64 file", ENOEXEC, "not x86-64", { EH(e_machine, EM_AARCH64) } },
	{ "an object file", ENOEXEC, "neither ET_DYN", { EH(e_type, ET_REL) } },
	{ "a core file", ENOEXEC, "neither ET_DYN", { EH(e_type, ET_CORE) } },
	{ "a wrong e_ehsize", ENOEXEC, "size of the ELF header", { EH(e_ehsize, 52) } },
	{ "a small e_phentsize", ENOEXEC, "size of a program header", { EH(e_phentsize, 32) } },
	{ "e_phentsize 0", ENOEXEC, "size of a program header", { EH(e_phentsize, 0) } },
	{ "a large e_phentsize", ENOEXEC, "size of a program header", { EH(e_phentsize, 0xffff) } },
	{ "no program headers", ENOEXEC, "no program headers", { EH(e_phnum, 0) } },
	{ "65 program headers", E2BIG, "more than 64", { EH(e_phnum, 65) } },
	{ "PN_XNUM program headers", E2BIG, "more than 64", { EH(e_phnum, 0xffff) } },
	{ "program headers at the end of the file", ENOEXEC, "headers lie outside",
	  { EH(e_phoff, ELF_GOOD_SIZE) } },
	{ "program headers that wrap around", ENOEXEC, "headers lie outside",
	  { EH(e_phoff, HIGH - 100) } },
	{ "program headers just beyond the file", ENOEXEC, "headers lie outside",
	  { EH(e_phoff, ELF_GOOD_SIZE - 16 * 56 + 1) } },

	/* PT_LOAD */
	{ "no PT_LOAD", ENOEXEC, "no PT_LOAD",
	  { PH(HEADERS, p_type, 0), PH(TEXT, p_type, 0), PH(RODATA, p_type, 0),
	    PH(DATA, p_type, 0) } },
	{ "an address that is not page aligned", ENOEXEC,
	  "address of a PT_LOAD segment is not page",
	  { PH(TEXT, p_vaddr, 0x1010) } },
	{ "an offset that is not page aligned", ENOEXEC, "offset of a PT_LOAD segment is not page",
	  { PH(TEXT, p_offset, 0x1010) } },
	{ "address and offset alike but not aligned", ENOEXEC, "not page aligned",
	  { PH(TEXT, p_vaddr, 0x1010), PH(TEXT, p_offset, 0x1010) } },
	{ "an alignment of 2 MiB", ENOEXEC, "not 4096", { PH(TEXT, p_align, 2 << 20) } },
	{ "an alignment of 16", ENOEXEC, "not 4096", { PH(TEXT, p_align, 16) } },
	{ "an alignment that is no power of two", ENOEXEC, "not 4096",
	  { PH(DATA, p_align, 4097) } },
	{ "an empty segment", ENOEXEC, "empty PT_LOAD",
	  { PH(RODATA, p_memsz, 0), PH(RODATA, p_filesz, 0) } },
	{ "a segment larger in the file", ENOEXEC, "larger in the file",
	  { PH(TEXT, p_filesz, 0x101) } },
	{ "a segment that starts beyond the file", ENOEXEC, "PT_LOAD segment lies outside",
	  { PH(RODATA, p_offset, 0x100000) } },
	{ "a segment whose offset wraps around", ENOEXEC, "PT_LOAD segment lies outside",
	  { PH(RODATA, p_offset, 0xfffffffffffff000ULL) } },
	{ "a segment whose file size wraps around", ENOEXEC, "PT_LOAD segment lies outside",
	  { PH(DATA, p_filesz, HIGH - 0x2fff), PH(DATA, p_memsz, HIGH) } },
	{ "a segment larger than the limit", E2BIG, "segment exceeds",
	  { PH(DATA, p_memsz, KVM_CARETAKER_IMAGE_MAX + 1) } },
	{ "a segment of nearly 2^64 bytes", E2BIG, "segment exceeds", { PH(DATA, p_memsz, HIGH) } },
	{ "an image larger than the limit", E2BIG, "image exceeds",
	  { PH(DATA, p_memsz, KVM_CARETAKER_IMAGE_MAX - 0x2fff) } },
	{ "a hole that makes the image too large", E2BIG, "image exceeds",
	  { PH(DATA, p_vaddr, KVM_CARETAKER_IMAGE_MAX) } },
	{ "a segment at the end of the address space", ENOEXEC, "wraps around",
	  { PH(DATA, p_vaddr, 0xfffffffffffff000ULL) } },
	{ "a segment that is writable and executable", ENOEXEC, "writable and executable",
	  { PH(TEXT, p_flags, PF_R | PF_W | PF_X) } },
	{ "a data segment that is executable", ENOEXEC, "writable and executable",
	  { PH(DATA, p_flags, PF_R | PF_W | PF_X) } },
	{ "a segment that cannot be read", ENOEXEC, "not readable", { PH(TEXT, p_flags, PF_X) } },
	{ "a segment without rights", ENOEXEC, "not readable", { PH(RODATA, p_flags, 0) } },
	{ "an unknown segment flag", ENOEXEC, "unknown flag",
	  { PH(RODATA, p_flags, PF_R | 0x100000) } },
	{ "two segments at one address", ENOEXEC, "overlap", { PH(RODATA, p_vaddr, 0x1000) } },
	{ "a segment that reaches into the next", ENOEXEC, "overlap",
	  { PH(TEXT, p_memsz, 0x1001) } },
	{ "segments in falling order", ENOEXEC, "not in order",
	  { PH(HEADERS, p_vaddr, 0x8000), PH(TEXT, p_vaddr, 0x7000) } },
	{ "nine segments", E2BIG, "MAX_SEGMENTS",
	  { LOADS(KVM_CARETAKER_MAX_SEGMENTS + 1 - ELF_P_CCB) } },

	/* other program headers */
	{ "an interpreter", ENOEXEC, "PT_INTERP", { SPARE(0, p_type, PT_INTERP) } },
	{ "thread-local storage", ENOEXEC, "PT_TLS", { SPARE(0, p_type, PT_TLS) } },
	{ "a shared library marker", ENOEXEC, "unknown type", { SPARE(0, p_type, PT_SHLIB) } },
	{ "an unknown program header", ENOEXEC, "unknown type",
	  { SPARE(0, p_type, 0x70000001) } },
	{ "an executable stack", ENOEXEC, "executable stack",
	  { PH(STACK, p_flags, PF_R | PF_W | PF_X) } },

	/* PT_DYNAMIC */
	{ "two PT_DYNAMIC", ENOEXEC, "more than one PT_DYNAMIC", { SPARE(0, p_type, PT_DYNAMIC) } },
	{ "PT_DYNAMIC beyond the file", ENOEXEC, "PT_DYNAMIC lies outside",
	  { PH(DYNAMIC, p_offset, ELF_GOOD_SIZE - 63) } },
	{ "PT_DYNAMIC that wraps around", ENOEXEC, "PT_DYNAMIC lies outside",
	  { PH(DYNAMIC, p_offset, HIGH - 31) } },
	{ "PT_DYNAMIC without end", ENOEXEC, "no end", { TAG(3, DT_STRSZ) } },
	{ "PT_DYNAMIC of no entries", ENOEXEC, "no end", { PH(DYNAMIC, p_filesz, 0) } },
	{ "PT_DYNAMIC cut within its end", ENOEXEC, "no end", { PH(DYNAMIC, p_filesz, 63) } },
	{ "a needed library", ENOEXEC, "shared library", { TAG(0, DT_NEEDED) } },
	{ "DT_RELA", ENOEXEC, "relocations", { TAG(0, DT_RELA) } },
	{ "DT_REL", ENOEXEC, "relocations", { TAG(1, DT_REL) } },
	{ "DT_RELR", ENOEXEC, "relocations", { TAG(1, 36) } },
	{ "DT_JMPREL", ENOEXEC, "relocations", { TAG(2, DT_JMPREL) } },
	{ "DT_TEXTREL", ENOEXEC, "relocations", { TAG(0, DT_TEXTREL) } },
	{ "DF_TEXTREL", ENOEXEC, "relocations", { VAL(1, DF_TEXTREL) } },
	{ "a constructor", ENOEXEC, "constructors", { TAG(0, DT_INIT_ARRAY) } },

	/* the place of the CCB */
	{ "no CCB", ENOEXEC, "no KVM_CARETAKER_PT_CCB", { PH(CCB, p_type, PT_NULL) } },
	{ "two CCBs", ENOEXEC, "more than one KVM_CARETAKER_PT_CCB",
	  { SPARE(0, p_type, KVM_CARETAKER_PT_CCB) } },
	{ "a CCB that is not aligned", ENOEXEC, "not 64-byte aligned",
	  { PH(CCB, p_vaddr, 0x3020), PH(CCB, p_offset, 0x3020) } },
	{ "a CCB in the executable segment", ENOEXEC, "not in a writable segment",
	  { PH(CCB, p_vaddr, 0x1000), PH(CCB, p_offset, 0x1000), PH(CCB, p_filesz, 0xc0) } },
	{ "a CCB in the read-only segment", ENOEXEC, "not in a writable segment",
	  { PH(DATA, p_flags, PF_R) } },
	{ "a CCB outside all segments", ENOEXEC, "not in a writable segment",
	  { PH(CCB, p_vaddr, 0x9000) } },
	{ "a CCB with an address that wraps around", ENOEXEC, "not in a writable segment",
	  { PH(CCB, p_vaddr, 0xffffffffffffffc0ULL) } },
	{ "a CCB below the image", ENOEXEC, "not in a writable segment",
	  { PH(HEADERS, p_type, PT_NULL), PH(CCB, p_vaddr, 0x40) } },
	{ "a CCB with too few bytes in the file", ENOEXEC, "wrong size of KVM_CARETAKER_PT_CCB",
	  { PH(CCB, p_filesz, offsetof(struct kvm_caretaker_ccb, entry_detached) + 7) } },
	{ "a CCB larger in the file", ENOEXEC, "wrong size of KVM_CARETAKER_PT_CCB",
	  { PH(CCB, p_filesz, CCB_SIZE + 1) } },
	{ "a CCB in the zero-filled part", ENOEXEC, "not in a writable segment",
	  { PH(DATA, p_filesz, 0x80) } },
	{ "a CCB that reaches beyond its segment", ENOEXEC, "beyond its segment",
	  { PH(CCB, p_memsz, 0x1401) } },
	{ "a CCB of nearly 2^64 bytes", ENOEXEC, "beyond its segment", { PH(CCB, p_memsz, HIGH) } },
	{ "a CCB with another file offset", ENOEXEC, "disagree", { PH(CCB, p_offset, 0x3040) } },

	/* the content of the CCB */
	{ "a wrong magic number", ENOEXEC, "magic number", { CCB(magic, 0x43434231) } },
	{ "ABI 0", EPROTONOSUPPORT, "another CCB ABI", { CCB(abi, 0) } },
	{ "the next ABI", EPROTONOSUPPORT, "another CCB ABI",
	  { CCB(abi, KVM_CARETAKER_CCB_ABI + 1) } },
	{ "a CCB of an older size", EPROTONOSUPPORT, "smaller than the kernel's",
	  { CCB(size, CCB_SIZE - 8) } },
	{ "a CCB larger than its segment", ENOEXEC, "larger than its segment",
	  { CCB(size, CCB_SIZE + 8) } },

	/* entry points */
	{ "an attached entry in data", ENOEXEC, "not in the file part of an executable",
	  { CCB(entry_attached, 0) } },
	{ "an attached entry in the read-only segment", ENOEXEC,
	  "not in the file part of an executable", { CCB(entry_attached, -0x1000ULL) } },
	{ "an attached entry far outside", ENOEXEC, "not in the file part of an executable",
	  { CCB(entry_attached, 0x7fffffffffffffffULL) } },
	{ "an entry cut off by the end of its segment", ENOEXEC,
	  "not in the file part of an executable", { CCB(entry_detached, -0x2000LL + 0xfd) } },
	{ "a detached entry below the image", ENOEXEC, "not in the file part of an executable",
	  { CCB(entry_detached, -0x4000ULL) } },
	{ "an attached entry without ENDBR64", ENOEXEC, "ENDBR64", { TEXT(3, 0xfb) } },
	{ "a detached entry without ENDBR64", ENOEXEC, "ENDBR64", { TEXT(0x40, 0x90) } },
	{ "e_entry at the detached entry", ENOEXEC, "e_entry", { EH(e_entry, 0x1040) } },
	{ "e_entry 0", ENOEXEC, "e_entry", { EH(e_entry, 0) } },
};

const unsigned int nr_elf_cases = sizeof(elf_cases) / sizeof(elf_cases[0]);

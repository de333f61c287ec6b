// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: parser of payload files.
 *
 * Only program headers count, but for the list of handlers: sections may be stripped, and nothing
 * is relocated. Every header is copied out of the buffer before use, so alignment in the file does
 * not matter.
 */
#ifdef __KERNEL__
#include <linux/elf.h>
#include <linux/errno.h>
#include <linux/string.h>
#else
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#endif
#include "elf.h"

#define ELF_MAX_PHDRS		64
#define ELF_TAG_FLAGS		30
#define ELF_TAG_FLAGS_TEXTREL	0x4
#define ELF_GNU_EH_FRAME	0x6474e550
#define ELF_GNU_STACK		0x6474e551
#define ELF_GNU_RELRO		0x6474e552
#define ELF_GNU_PROPERTY	0x6474e553
#define ELF_OSABI_NONE		0
#define ELF_OSABI_GNU		3

/* The part of the CCB that the payload's build fills in ends with the entry points. */
#define CCB_BUILD_SIZE	(offsetof(struct kvm_caretaker_ccb, entry_detached) + sizeof(s64))
#define CCB_ALIGN	64

/**
 * struct elf_file - a payload file while it is parsed
 * @buf:	the whole file
 * @size:	its length in bytes
 * @ehdr:	copy of the ELF header
 * @ccb:	program header of the CCB
 * @nr_ccb:	number of such headers
 * @nr_dynamic:	number of PT_DYNAMIC headers
 * @elf:	result
 * @why:	reason for a refusal
 */
struct elf_file {
	const unsigned char *buf;
	u64 size;
	Elf64_Ehdr ehdr;
	Elf64_Phdr ccb;
	u32 nr_ccb;
	u32 nr_dynamic;
	struct caretaker_elf *elf;
	const char *why;
};

static int elf_refuse(struct elf_file *f, int err, const char *why)
{
	f->why = why;
	return err;
}

/* Whether @len bytes from @start lie within @size bytes; no sum that could overflow. */
static bool elf_range_ok(u64 start, u64 len, u64 size)
{
	return start <= size && len <= size - start;
}

static u64 elf_page_up(u64 x)
{
	return (x + CARETAKER_ELF_PAGE - 1) & ~(u64)(CARETAKER_ELF_PAGE - 1);
}

static bool elf_page_aligned(u64 x)
{
	return !(x & (CARETAKER_ELF_PAGE - 1));
}

static int elf_check_ident(struct elf_file *f)
{
	const unsigned char *id = f->ehdr.e_ident;

	if (memcmp(id, ELFMAG, SELFMAG))
		return elf_refuse(f, -ENOEXEC, "not an ELF file");
	if (id[EI_CLASS] != ELFCLASS64)
		return elf_refuse(f, -ENOEXEC, "ELF class is not 64 bit");
	if (id[EI_DATA] != ELFDATA2LSB)
		return elf_refuse(f, -ENOEXEC, "ELF data is not little endian");
	if (id[EI_VERSION] != EV_CURRENT || f->ehdr.e_version != EV_CURRENT)
		return elf_refuse(f, -ENOEXEC, "unknown ELF version");
	if (id[EI_OSABI] != ELF_OSABI_NONE && id[EI_OSABI] != ELF_OSABI_GNU)
		return elf_refuse(f, -ENOEXEC, "ELF file is for another OS ABI");
	return 0;
}

static int elf_check_ehdr(struct elf_file *f)
{
	const Elf64_Ehdr *e = &f->ehdr;
	int err;

	err = elf_check_ident(f);
	if (err)
		return err;
	if (e->e_machine != EM_X86_64)
		return elf_refuse(f, -ENOEXEC, "ELF machine is not x86-64");
	if (e->e_type != ET_DYN && e->e_type != ET_EXEC)
		return elf_refuse(f, -ENOEXEC, "ELF type is neither ET_DYN nor ET_EXEC");
	if (e->e_ehsize != sizeof(Elf64_Ehdr))
		return elf_refuse(f, -ENOEXEC, "wrong size of the ELF header");
	if (e->e_phentsize != sizeof(Elf64_Phdr))
		return elf_refuse(f, -ENOEXEC, "wrong size of a program header");
	if (!e->e_phnum)
		return elf_refuse(f, -ENOEXEC, "no program headers");
	if (e->e_phnum > ELF_MAX_PHDRS)
		return elf_refuse(f, -E2BIG, "more than 64 program headers");
	if (!elf_range_ok(e->e_phoff, e->e_phnum * sizeof(Elf64_Phdr), f->size))
		return elf_refuse(f, -ENOEXEC, "program headers lie outside the file");
	return 0;
}

static int elf_check_prot(struct elf_file *f, u32 flags)
{
	if (flags & ~(PF_R | PF_W | PF_X))
		return elf_refuse(f, -ENOEXEC, "unknown flag of a PT_LOAD segment");
	if (!(flags & PF_R))
		return elf_refuse(f, -ENOEXEC, "a PT_LOAD segment is not readable");
	if ((flags & PF_W) && (flags & PF_X))
		return elf_refuse(f, -ENOEXEC, "a PT_LOAD segment is writable and executable");
	return 0;
}

static int elf_check_load(struct elf_file *f, const Elf64_Phdr *p)
{
	if (!elf_page_aligned(p->p_vaddr))
		return elf_refuse(f, -ENOEXEC, "address of a PT_LOAD segment is not page aligned");
	if (!elf_page_aligned(p->p_offset))
		return elf_refuse(f, -ENOEXEC,
				  "file offset of a PT_LOAD segment is not page aligned");
	if (p->p_align != CARETAKER_ELF_PAGE)
		return elf_refuse(f, -ENOEXEC, "alignment of a PT_LOAD segment is not 4096");
	if (!p->p_memsz)
		return elf_refuse(f, -ENOEXEC, "empty PT_LOAD segment");
	if (p->p_filesz > p->p_memsz)
		return elf_refuse(f, -ENOEXEC,
				  "a PT_LOAD segment is larger in the file than in memory");
	if (!elf_range_ok(p->p_offset, p->p_filesz, f->size))
		return elf_refuse(f, -ENOEXEC, "a PT_LOAD segment lies outside the file");
	if (p->p_memsz > KVM_CARETAKER_IMAGE_MAX)
		return elf_refuse(f, -E2BIG, "a PT_LOAD segment exceeds KVM_CARETAKER_IMAGE_MAX");
	if (p->p_vaddr > ~0ULL - 2 * KVM_CARETAKER_IMAGE_MAX)
		return elf_refuse(f, -ENOEXEC, "a PT_LOAD segment wraps around");
	return elf_check_prot(f, p->p_flags);
}

static int elf_add_load(struct elf_file *f, const Elf64_Phdr *p)
{
	struct caretaker_elf *elf = f->elf;
	struct caretaker_elf_segment *seg;
	int err;

	err = elf_check_load(f, p);
	if (err)
		return err;
	if (elf->nr_segments == KVM_CARETAKER_MAX_SEGMENTS)
		return elf_refuse(f, -E2BIG, "more than KVM_CARETAKER_MAX_SEGMENTS segments");
	if (!elf->nr_segments)
		elf->base = p->p_vaddr;
	else if (p->p_vaddr < elf->base + elf->span)
		return elf_refuse(f, -ENOEXEC, "PT_LOAD segments overlap or are not in order");
	if (p->p_vaddr - elf->base > KVM_CARETAKER_IMAGE_MAX - elf_page_up(p->p_memsz))
		return elf_refuse(f, -E2BIG, "the image exceeds KVM_CARETAKER_IMAGE_MAX");
	elf->span = p->p_vaddr - elf->base + elf_page_up(p->p_memsz);
	seg = &elf->seg[elf->nr_segments++];
	seg->vaddr = p->p_vaddr;
	seg->filesz = p->p_filesz;
	seg->memsz = p->p_memsz;
	seg->offset = p->p_offset;
	seg->prot = p->p_flags;
	return 0;
}

/* Refuses what only a run-time linker could satisfy. */
static int elf_check_dyn(struct elf_file *f, const Elf64_Dyn *d)
{
	switch (d->d_tag) {
	case DT_NEEDED:
		return elf_refuse(f, -ENOEXEC, "PT_DYNAMIC asks for a shared library");
	case DT_REL:
	case DT_RELSZ:
	case DT_RELA:
	case DT_RELASZ:
	case DT_JMPREL:
	case DT_PLTRELSZ:
	case DT_TEXTREL:
	case 35:	/* DT_RELRSZ */
	case 36:	/* DT_RELR */
		return elf_refuse(f, -ENOEXEC, "PT_DYNAMIC has relocations");
	case ELF_TAG_FLAGS:
		if (d->d_un.d_val & ELF_TAG_FLAGS_TEXTREL)
			return elf_refuse(f, -ENOEXEC, "PT_DYNAMIC has relocations");
		return 0;
	case DT_INIT:
	case DT_FINI:
	case 25:	/* DT_INIT_ARRAY */
	case 26:	/* DT_FINI_ARRAY */
	case 32:	/* DT_PREINIT_ARRAY */
		return elf_refuse(f, -ENOEXEC, "PT_DYNAMIC has constructors or destructors");
	}
	return 0;
}

static int elf_check_dynamic(struct elf_file *f, const Elf64_Phdr *p)
{
	Elf64_Dyn d;
	u64 off;
	int err;

	if (f->nr_dynamic++)
		return elf_refuse(f, -ENOEXEC, "more than one PT_DYNAMIC");
	if (!elf_range_ok(p->p_offset, p->p_filesz, f->size))
		return elf_refuse(f, -ENOEXEC, "PT_DYNAMIC lies outside the file");
	for (off = 0; elf_range_ok(off, sizeof(d), p->p_filesz); off += sizeof(d)) {
		memcpy(&d, f->buf + p->p_offset + off, sizeof(d));
		if (d.d_tag == DT_NULL)
			return 0;
		err = elf_check_dyn(f, &d);
		if (err)
			return err;
	}
	return elf_refuse(f, -ENOEXEC, "PT_DYNAMIC has no end");
}

static int elf_check_phdr(struct elf_file *f, const Elf64_Phdr *p)
{
	switch (p->p_type) {
	case PT_LOAD:
		return elf_add_load(f, p);
	case PT_DYNAMIC:
		return elf_check_dynamic(f, p);
	case KVM_CARETAKER_PT_CCB:
		f->ccb = *p;
		if (f->nr_ccb++)
			return elf_refuse(f, -ENOEXEC, "more than one KVM_CARETAKER_PT_CCB");
		return 0;
	case ELF_GNU_STACK:
		if (p->p_flags & PF_X)
			return elf_refuse(f, -ENOEXEC, "asks for an executable stack");
		return 0;
	case PT_INTERP:
		return elf_refuse(f, -ENOEXEC, "asks for an interpreter (PT_INTERP)");
	case PT_TLS:
		return elf_refuse(f, -ENOEXEC, "has thread-local storage (PT_TLS)");
	case PT_NULL:
	case PT_NOTE:
	case PT_PHDR:
	case ELF_GNU_EH_FRAME:
	case ELF_GNU_RELRO:
	case ELF_GNU_PROPERTY:
		return 0;
	}
	return elf_refuse(f, -ENOEXEC, "program header of an unknown type");
}

static int elf_check_phdrs(struct elf_file *f)
{
	Elf64_Phdr p;
	u64 off = f->ehdr.e_phoff;
	int i, err;

	for (i = 0; i < f->ehdr.e_phnum; i++, off += sizeof(p)) {
		memcpy(&p, f->buf + off, sizeof(p));
		err = elf_check_phdr(f, &p);
		if (err)
			return err;
	}
	if (!f->elf->nr_segments)
		return elf_refuse(f, -ENOEXEC, "no PT_LOAD segment");
	if (!f->nr_ccb)
		return elf_refuse(f, -ENOEXEC, "no KVM_CARETAKER_PT_CCB");
	return 0;
}

/* The segment whose bytes from the file hold all of [vaddr, vaddr + len), or NULL. */
static const struct caretaker_elf_segment *elf_find(const struct caretaker_elf *elf, u64 vaddr,
						    u64 len)
{
	u32 i;

	for (i = 0; i < elf->nr_segments; i++) {
		const struct caretaker_elf_segment *seg = &elf->seg[i];

		if (vaddr >= seg->vaddr && elf_range_ok(vaddr - seg->vaddr, len, seg->filesz))
			return seg;
	}
	return NULL;
}

static const unsigned char *elf_at(const struct elf_file *f,
				   const struct caretaker_elf_segment *seg, u64 vaddr)
{
	return f->buf + seg->offset + (vaddr - seg->vaddr);
}

static int elf_check_entry(struct elf_file *f, s64 from_ccb, u64 *entry)
{
	static const unsigned char endbr64[4] = { 0xf3, 0x0f, 0x1e, 0xfa };
	const struct caretaker_elf_segment *seg;
	u64 vaddr = f->ccb.p_vaddr + (u64)from_ccb;

	seg = elf_find(f->elf, vaddr, sizeof(endbr64));
	if (!seg || !(seg->prot & CARETAKER_ELF_X))
		return elf_refuse(f, -ENOEXEC,
				  "an entry point is not in the file part of an executable segment");
	if (memcmp(elf_at(f, seg, vaddr), endbr64, sizeof(endbr64)))
		return elf_refuse(f, -ENOEXEC, "an entry point does not start with ENDBR64");
	*entry = vaddr - f->elf->base;
	return 0;
}

static int elf_check_ccb_place(struct elf_file *f, const struct caretaker_elf_segment **segp)
{
	const struct caretaker_elf_segment *seg;

	if (f->ccb.p_filesz < CCB_BUILD_SIZE || f->ccb.p_filesz > f->ccb.p_memsz)
		return elf_refuse(f, -ENOEXEC, "wrong size of KVM_CARETAKER_PT_CCB in the file");
	if (f->ccb.p_vaddr % CCB_ALIGN)
		return elf_refuse(f, -ENOEXEC, "the CCB is not 64-byte aligned");
	seg = elf_find(f->elf, f->ccb.p_vaddr, f->ccb.p_filesz);
	if (!seg || !(seg->prot & CARETAKER_ELF_W))
		return elf_refuse(f, -ENOEXEC, "the CCB is not in a writable segment");
	if (!elf_range_ok(f->ccb.p_vaddr - seg->vaddr, f->ccb.p_memsz, seg->memsz))
		return elf_refuse(f, -ENOEXEC, "the CCB reaches beyond its segment");
	if (f->ccb.p_offset - seg->offset != f->ccb.p_vaddr - seg->vaddr)
		return elf_refuse(f, -ENOEXEC, "file offset and address of the CCB disagree");
	*segp = seg;
	return 0;
}

static int elf_check_ccb(struct elf_file *f)
{
	const struct caretaker_elf_segment *seg;
	struct kvm_caretaker_ccb ccb = {};
	int err;

	err = elf_check_ccb_place(f, &seg);
	if (err)
		return err;
	memcpy(&ccb, elf_at(f, seg, f->ccb.p_vaddr), CCB_BUILD_SIZE);
	if (ccb.magic != KVM_CARETAKER_CCB_MAGIC)
		return elf_refuse(f, -ENOEXEC, "wrong magic number in the CCB");
	if (ccb.abi != KVM_CARETAKER_CCB_ABI)
		return elf_refuse(f, -EPROTONOSUPPORT, "the payload speaks another CCB ABI");
	if (ccb.size < sizeof(ccb))
		return elf_refuse(f, -EPROTONOSUPPORT,
				  "the payload's CCB is smaller than the kernel's");
	if (ccb.size > f->ccb.p_memsz)
		return elf_refuse(f, -ENOEXEC, "the CCB says that it is larger than its segment");
	f->elf->ccb = f->ccb.p_vaddr - f->elf->base;
	err = elf_check_entry(f, ccb.entry_attached, &f->elf->entry);
	if (err)
		return err;
	err = elf_check_entry(f, ccb.entry_detached, &f->elf->entry_detached);
	if (err)
		return err;
	if (f->ehdr.e_entry - f->elf->base != f->elf->entry)
		return elf_refuse(f, -ENOEXEC, "e_entry is not the attached entry point");
	return 0;
}

static int elf_parse(struct elf_file *f)
{
	int err;

	if (f->size > CARETAKER_ELF_FILE_MAX)
		return elf_refuse(f, -E2BIG, "the file is larger than 4 MiB");
	if (f->size < sizeof(f->ehdr))
		return elf_refuse(f, -ENOEXEC, "the file is shorter than an ELF header");
	memcpy(&f->ehdr, f->buf, sizeof(f->ehdr));
	err = elf_check_ehdr(f);
	if (err)
		return err;
	err = elf_check_phdrs(f);
	if (err)
		return err;
	return elf_check_ccb(f);
}

/**
 * caretaker_elf_parse - check a payload file and say how to load it
 * @buf:	the whole file; needs no alignment; must not change during the call
 * @size:	its length in bytes
 * @elf:	result; all zero after a refusal
 * @why:	on a refusal: text without end of line that says what is wrong; else untouched
 *
 * Any context, does not sleep, allocates nothing.
 *
 * Return: 0, -ENOEXEC (not an acceptable ELF file), -E2BIG (file, image, number of program
 * headers or segments over the limit) or -EPROTONOSUPPORT (CCB of another ABI).
 */
int caretaker_elf_parse(const void *buf, size_t size, struct caretaker_elf *elf,
			const char **why)
{
	struct elf_file f = { .buf = buf, .size = size, .elf = elf };
	int err;

	memset(elf, 0, sizeof(*elf));
	err = elf_parse(&f);
	if (err) {
		memset(elf, 0, sizeof(*elf));
		*why = f.why;
	}
	return err;
}

/**
 * caretaker_elf_load - copy the segments of a parsed payload into place
 * @elf:	result of caretaker_elf_parse()
 * @buf:	the file that @elf came from, unchanged since
 * @image:	elf->span bytes, zeroed by the caller
 *
 * Any context, does not sleep.
 *
 * Return: 0, or -ENOEXEC when @elf is not the result of a successful parse.
 */
int caretaker_elf_load(const struct caretaker_elf *elf, const void *buf, void *image)
{
	const unsigned char *from = buf;
	unsigned char *to = image;
	u32 i;

	if (!elf->nr_segments || elf->nr_segments > KVM_CARETAKER_MAX_SEGMENTS)
		return -ENOEXEC;
	for (i = 0; i < elf->nr_segments; i++) {
		const struct caretaker_elf_segment *seg = &elf->seg[i];

		if (!elf_range_ok(seg->vaddr - elf->base, seg->filesz, elf->span))
			return -ENOEXEC;
		memcpy(to + (seg->vaddr - elf->base), from + seg->offset, seg->filesz);
	}
	return 0;
}

static bool elf_section(const struct elf_file *f, u32 i, Elf64_Shdr *sh)
{
	if (i >= f->ehdr.e_shnum)
		return false;
	memcpy(sh, f->buf + f->ehdr.e_shoff + i * sizeof(*sh), sizeof(*sh));
	return sh->sh_type != SHT_NOBITS && elf_range_ok(sh->sh_offset, sh->sh_size, f->size);
}

static bool elf_section_is(const struct elf_file *f, const Elf64_Shdr *names,
			   const Elf64_Shdr *sh, const char *name)
{
	size_t len = strlen(name) + 1;

	return elf_range_ok(sh->sh_name, len, names->sh_size) &&
	       !memcmp(f->buf + names->sh_offset + sh->sh_name, name, len);
}

/**
 * caretaker_elf_section - find a section of a payload file
 * @buf:	the whole file; needs no alignment; must not change during the call
 * @size:	its length in bytes
 * @name:	of the section
 * @len:	its bytes
 *
 * Any context, does not sleep, allocates nothing.
 *
 * Return: the first section with this name, or NULL when there is none that lies in the file.
 */
const void *caretaker_elf_section(const void *buf, size_t size, const char *name, u64 *len)
{
	struct elf_file f = { .buf = buf, .size = size };
	Elf64_Shdr names, sh;
	u32 i;

	if (size < sizeof(f.ehdr))
		return NULL;
	memcpy(&f.ehdr, buf, sizeof(f.ehdr));
	if (f.ehdr.e_shentsize != sizeof(sh) ||
	    !elf_range_ok(f.ehdr.e_shoff, f.ehdr.e_shnum * sizeof(sh), size) ||
	    !elf_section(&f, f.ehdr.e_shstrndx, &names))
		return NULL;
	for (i = 0; i < f.ehdr.e_shnum; i++) {
		if (!elf_section(&f, i, &sh) || !elf_section_is(&f, &names, &sh, name))
			continue;
		*len = sh.sh_size;
		return f.buf + sh.sh_offset;
	}
	return NULL;
}

// SPDX-License-Identifier: GPL-2.0
/* What must hold after every call of the payload parser, whatever the file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "elf.h"
#include "elf_check.h"

static const char *check_refusal(int err, const char *why, const struct caretaker_elf *elf)
{
	static const struct caretaker_elf zero;

	if (err != -ENOEXEC && err != -E2BIG && err != -EPROTONOSUPPORT)
		return "an undocumented errno";
	if (!why || !*why)
		return "a refusal without a reason";
	if (memcmp(elf, &zero, sizeof(zero)))
		return "a result after a refusal";
	return NULL;
}

static const char *check_segment(const struct caretaker_elf *elf, unsigned int i, size_t size)
{
	const struct caretaker_elf_segment *s = &elf->seg[i];
	unsigned long page = CARETAKER_ELF_PAGE;

	if (s->vaddr % page || s->offset % page || s->vaddr < elf->base)
		return "a segment out of place";
	if (!s->memsz || s->filesz > s->memsz || s->memsz > elf->span ||
	    s->vaddr - elf->base > elf->span - s->memsz)
		return "a segment that leaves the image";
	if (s->filesz && (s->offset > size || s->filesz > size - s->offset))
		return "a segment that leaves the file";
	if ((s->prot & CARETAKER_ELF_W) && (s->prot & CARETAKER_ELF_X))
		return "a segment that is writable and executable";
	if (i && (s[-1].vaddr + s[-1].memsz - 1) / page >= s->vaddr / page)
		return "segments that share a page";
	return NULL;
}

/* The rights of the segment that holds @len bytes at @off from the base, 0 for none */
static unsigned int prot_at(const struct caretaker_elf *elf, unsigned long off, unsigned long len)
{
	unsigned int i;

	for (i = 0; i < elf->nr_segments; i++) {
		unsigned long start = elf->seg[i].vaddr - elf->base;

		if (off >= start && off + len <= start + elf->seg[i].memsz)
			return elf->seg[i].prot;
	}
	return 0;
}

static const char *check_accepted(const struct caretaker_elf *elf, size_t size)
{
	const char *wrong;
	unsigned int i;

	if (!elf->nr_segments || elf->nr_segments > KVM_CARETAKER_MAX_SEGMENTS)
		return "a wrong number of segments";
	if (!elf->span || elf->span > KVM_CARETAKER_IMAGE_MAX || elf->span % CARETAKER_ELF_PAGE)
		return "a wrong span";
	for (i = 0; i < elf->nr_segments; i++) {
		wrong = check_segment(elf, i, size);
		if (wrong)
			return wrong;
	}
	if (elf->ccb % 64 ||
	    !(prot_at(elf, elf->ccb, sizeof(struct kvm_caretaker_ccb)) & CARETAKER_ELF_W))
		return "a CCB out of place";
	if (!(prot_at(elf, elf->entry, 4) & CARETAKER_ELF_X) ||
	    !(prot_at(elf, elf->entry_detached, 4) & CARETAKER_ELF_X))
		return "an entry point out of place";
	return NULL;
}

/* The image has exactly the promised size, so that a sanitizer sees every byte beyond it. */
static const char *check_load(const struct caretaker_elf *elf, const void *file)
{
	static const unsigned char endbr64[4] = { 0xf3, 0x0f, 0x1e, 0xfa };
	struct kvm_caretaker_ccb ccb;
	const char *wrong = NULL;
	unsigned char *image;

	image = calloc(1, elf->span);
	if (!image)
		return "no memory for the image";
	if (caretaker_elf_load(elf, file, image))
		wrong = "a load that failed after a good parse";
	memcpy(&ccb, image + elf->ccb, sizeof(ccb));
	if (!wrong && (ccb.magic != KVM_CARETAKER_CCB_MAGIC || ccb.abi != KVM_CARETAKER_CCB_ABI))
		wrong = "no CCB in the image";
	if (!wrong && (memcmp(image + elf->entry, endbr64, 4) ||
		       memcmp(image + elf->entry_detached, endbr64, 4)))
		wrong = "no entry point in the image";
	if (!wrong && elf->ccb + ccb.entry_attached != elf->entry)
		wrong = "another attached entry point than the CCB's";
	free(image);
	return wrong;
}

/* A section lies within the file, whatever else is wrong with it. */
static const char *check_section(const void *file, size_t size)
{
	static const char * const names[] = { KVM_CARETAKER_SECTION_HANDLERS, ".text", "" };
	const char *section;
	unsigned int i;
	u64 len;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		section = caretaker_elf_section(file, size, names[i], &len);
		if (section && (section < (const char *)file || len > size ||
				section > (const char *)file + (size - len)))
			return "a section outside the file";
	}
	return NULL;
}

const char *elf_check(const void *file, size_t size, int *err, const char **why)
{
	struct caretaker_elf elf;
	const char *wrong;

	memset(&elf, 0xa5, sizeof(elf));
	*why = NULL;
	*err = caretaker_elf_parse(file, size, &elf, why);
	wrong = check_section(file, size);
	if (wrong)
		return wrong;
	if (*err)
		return check_refusal(*err, *why, &elf);
	wrong = check_accepted(&elf, size);
	return wrong ? wrong : check_load(&elf, file);
}

// SPDX-License-Identifier: GPL-2.0
/* A small payload file that the kernel accepts, and the edits that make others of it. */
#include <elf.h>
#include <string.h>

#include <linux/kvm_caretaker_ccb.h>

#include "elf_cases.h"

#define PAGE		0x1000
#define TEXT_OFF	(1 * PAGE)
#define RODATA_OFF	(2 * PAGE)
#define DATA_OFF	(3 * PAGE)
#define TEXT_SIZE	0x100
#define DETACHED_OFF	0x40
#define RODATA_SIZE	0x100
#define DATA_SIZE	(ELF_GOOD_SIZE - DATA_OFF)

static void good_phdr(Elf64_Phdr *p, uint32_t type, uint32_t flags, uint64_t off, uint64_t filesz,
		      uint64_t memsz)
{
	*p = (Elf64_Phdr){
		.p_type = type, .p_flags = flags, .p_offset = off, .p_vaddr = off, .p_paddr = off,
		.p_filesz = filesz, .p_memsz = memsz, .p_align = type == PT_LOAD ? PAGE : 64,
	};
}

static void good_phdrs(Elf64_Phdr *p)
{
	size_t hdr = sizeof(Elf64_Ehdr) + ELF_NR_PHDRS * sizeof(Elf64_Phdr);

	good_phdr(&p[ELF_P_HEADERS], PT_LOAD, PF_R, 0, hdr, hdr);
	good_phdr(&p[ELF_P_TEXT], PT_LOAD, PF_R | PF_X, TEXT_OFF, TEXT_SIZE, TEXT_SIZE);
	good_phdr(&p[ELF_P_RODATA], PT_LOAD, PF_R, RODATA_OFF, RODATA_SIZE, RODATA_SIZE);
	good_phdr(&p[ELF_P_DATA], PT_LOAD, PF_R | PF_W, DATA_OFF, DATA_SIZE, DATA_SIZE + PAGE);
	good_phdr(&p[ELF_P_CCB], KVM_CARETAKER_PT_CCB, PF_R | PF_W, DATA_OFF,
		  sizeof(struct kvm_caretaker_ccb), sizeof(struct kvm_caretaker_ccb));
	good_phdr(&p[ELF_P_DYNAMIC], PT_DYNAMIC, PF_R, RODATA_OFF, 4 * sizeof(Elf64_Dyn),
		  4 * sizeof(Elf64_Dyn));
	good_phdr(&p[ELF_P_STACK], PT_GNU_STACK, PF_R | PF_W, 0, 0, 0);
}

static void good_ehdr(Elf64_Ehdr *e)
{
	memcpy(e->e_ident, ELFMAG, SELFMAG);
	e->e_ident[EI_CLASS] = ELFCLASS64;
	e->e_ident[EI_DATA] = ELFDATA2LSB;
	e->e_ident[EI_VERSION] = EV_CURRENT;
	e->e_type = ET_DYN;
	e->e_machine = EM_X86_64;
	e->e_version = EV_CURRENT;
	e->e_entry = TEXT_OFF;
	e->e_phoff = sizeof(Elf64_Ehdr);
	e->e_ehsize = sizeof(Elf64_Ehdr);
	e->e_phentsize = sizeof(Elf64_Phdr);
	e->e_phnum = ELF_NR_PHDRS;
}

void elf_good_make(void *buf)
{
	/* endbr64; 1: cli; hlt; jmp 1b */
	static const unsigned char text[] = {
		0xf3, 0x0f, 0x1e, 0xfa, 0xfa, 0xf4, 0xeb, 0xfc,
	};
	static const Elf64_Dyn dyn[4] = {
		{ .d_tag = DT_STRSZ, .d_un.d_val = 1 },
		{ .d_tag = DT_FLAGS, .d_un.d_val = DF_BIND_NOW },
		{ .d_tag = DT_SYMENT, .d_un.d_val = sizeof(Elf64_Sym) },
		{ .d_tag = DT_NULL },
	};
	struct kvm_caretaker_ccb ccb = {
		.magic = KVM_CARETAKER_CCB_MAGIC,
		.abi = KVM_CARETAKER_CCB_ABI,
		.size = sizeof(ccb),
		.entry_attached = TEXT_OFF - DATA_OFF,
		.entry_detached = TEXT_OFF + DETACHED_OFF - DATA_OFF,
	};
	unsigned char *file = buf;

	memset(file, 0, ELF_GOOD_SIZE);
	good_ehdr(buf);
	good_phdrs((Elf64_Phdr *)(file + sizeof(Elf64_Ehdr)));
	memcpy(file + TEXT_OFF, text, sizeof(text));
	memcpy(file + TEXT_OFF + DETACHED_OFF, text, sizeof(text));
	memcpy(file + RODATA_OFF, dyn, sizeof(dyn));
	memcpy(file + DATA_OFF, &ccb, sizeof(ccb));
}

static unsigned char *edit_place(unsigned char *file, const struct elf_edit *e)
{
	switch (e->where) {
	case ELF_PHDR:
		return file + sizeof(Elf64_Ehdr) + e->nth * sizeof(Elf64_Phdr) + e->off;
	case ELF_CCB:
		return file + DATA_OFF + e->off;
	case ELF_DYN:
		return file + RODATA_OFF + e->nth * sizeof(Elf64_Dyn) + e->off;
	case ELF_TEXT:
		return file + TEXT_OFF + e->off;
	default:
		return file + e->off;
	}
}

static void edit_loads(unsigned char *file, unsigned int n)
{
	Elf64_Phdr *p = (Elf64_Phdr *)(file + sizeof(Elf64_Ehdr)) + ELF_P_SPARE;
	unsigned int i;

	for (i = 0; i < n; i++) {
		good_phdr(&p[i], PT_LOAD, PF_R, 0, PAGE, PAGE);
		p[i].p_vaddr = (8 + i) * PAGE;
	}
}

size_t elf_case_make(const struct elf_case *c, void *buf)
{
	size_t size = ELF_GOOD_SIZE;
	unsigned int i;

	memset(buf, 0, ELF_CASE_MAX);
	elf_good_make(buf);
	for (i = 0; i < sizeof(c->edit) / sizeof(c->edit[0]); i++) {
		const struct elf_edit *e = &c->edit[i];

		if (e->where == ELF_SIZE)
			size = e->val;
		else if (e->where == ELF_LOADS)
			edit_loads(buf, e->val);
		else if (e->where != ELF_NOTHING)
			memcpy(edit_place(buf, e), &e->val, e->len);
	}
	return size;
}

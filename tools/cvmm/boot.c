// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Puts a bzImage into guest memory and starts it by the 64-bit boot protocol
 * (Documentation/arch/x86/boot.rst of Linux): no firmware.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <asm/bootparam.h>

#include "cvmm.h"

#define SETUP_MAGIC	0x53726448	/* "HdrS" */
#define VERSION_MIN	0x020c		/* 64-bit entry with xloadflags */
#define XLF_64		1
#define E820_USED	1
#define E820_RESERVED	2
#define EBDA_START	0x9fc00ULL

static int file_read(int fd, const char *path, uint64_t off, void *buf, uint64_t len)
{
	uint64_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pread(fd, (char *)buf + done, len - done, off + done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err("%s: read: %s", path, n ? strerror(errno) : "file is too short");
			return -EIO;
		}
		done += n;
	}
	return 0;
}

/* Opens a regular file; its size goes to @size. */
static int file_open(const char *path, uint64_t *size)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st)) {
		err("%s: open: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -ENOENT;
	}
	if (!S_ISREG(st.st_mode)) {
		err("%s: not a regular file", path);
		close(fd);
		return -EINVAL;
	}
	*size = st.st_size;
	return fd;
}

static int header_check(const struct setup_header *h, const char *path)
{
	if (h->boot_flag != 0xaa55 || h->header != SETUP_MAGIC)
		err("%s: not a Linux bzImage: give the kernel's bzImage or vmlinuz", path);
	else if (h->version < VERSION_MIN || !(h->xloadflags & XLF_64))
		err("%s: boot protocol %#x has no 64-bit entry: give a 64-bit kernel", path,
		    h->version);
	else
		return 0;
	return -ENOEXEC;
}

static void e820_add(struct boot_params *bp, uint64_t start, uint64_t end, uint32_t type)
{
	struct boot_e820_entry *e = &bp->e820_table[bp->e820_entries++];

	e->addr = start;
	e->size = end - start;
	e->type = type;
}

static void e820_fill(struct vm *vm, struct boot_params *bp)
{
	uint64_t box = vm->ram_size - MAILBOX_BYTES;

	e820_add(bp, 0, EBDA_START, E820_USED);
	e820_add(bp, EBDA_START, 0xa0000, E820_RESERVED);
	e820_add(bp, 0xe0000, 0x100000, E820_RESERVED);
	e820_add(bp, 0x100000, box, E820_USED);
	e820_add(bp, box, vm->ram_size, E820_RESERVED);
}

static int kernel_load(struct vm *vm, struct boot_params *bp, const char *path)
{
	uint64_t size, off;
	int fd = file_open(path, &size), ret;

	if (fd < 0)
		return fd;
	ret = file_read(fd, path, offsetof(struct boot_params, hdr), &bp->hdr, sizeof(bp->hdr));
	if (!ret)
		ret = header_check(&bp->hdr, path);
	if (ret)
		goto out;
	off = ((bp->hdr.setup_sects ?: 4) + 1) * 512ULL;
	ret = -ENOEXEC;
	if (off >= size) {
		err("%s: file is too short", path);
		goto out;
	}
	ret = -ENOMEM;
	if (GPA_KERNEL + bp->hdr.init_size + MAILBOX_BYTES > vm->ram_size ||
	    GPA_KERNEL + size - off > vm->ram_size) {
		err("%s: does not fit into %llu MiB of guest memory: raise --mem", path,
		    (unsigned long long)vm->ram_size >> 20);
		goto out;
	}
	ret = file_read(fd, path, off, vm->ram + GPA_KERNEL, size - off);
out:
	close(fd);
	return ret;
}

static int initrd_load(struct vm *vm, struct boot_params *bp, const char *path)
{
	uint64_t size, top = vm->ram_size - MAILBOX_BYTES, at;
	int fd = file_open(path, &size), ret;

	if (fd < 0)
		return fd;
	at = (top - size) & ~0xfffULL;
	if (size >= top || at < GPA_KERNEL + bp->hdr.init_size) {
		err("%s: does not fit into guest memory beside the kernel: raise --mem", path);
		ret = -ENOMEM;
	} else {
		ret = file_read(fd, path, 0, vm->ram + at, size);
		bp->hdr.ramdisk_image = at;
		bp->hdr.ramdisk_size = size;
	}
	close(fd);
	return ret;
}

/* Identity map of the first GiB, in 2 MiB pages: PML4, PDPT, PD. */
static void tables_write(struct vm *vm)
{
	uint64_t *pml4 = (uint64_t *)(vm->ram + GPA_BOOT_TABLES);
	uint64_t *pdpt = pml4 + 512, *pd = pdpt + 512;
	int i;

	pml4[0] = (GPA_BOOT_TABLES + 0x1000) | 3;
	pdpt[0] = (GPA_BOOT_TABLES + 0x2000) | 3;
	for (i = 0; i < 512; i++)
		pd[i] = ((uint64_t)i << 21) | 0x83;
}

/* The selectors that the boot protocol wants: __BOOT_CS 0x10, __BOOT_DS 0x18. */
static void gdt_write(struct vm *vm)
{
	uint64_t *gdt = (uint64_t *)(vm->ram + GPA_BOOT_GDT);

	gdt[0] = 0;
	gdt[1] = 0;
	gdt[2] = 0x00af9b000000ffffULL;
	gdt[3] = 0x00cf93000000ffffULL;
	gdt[4] = 0x008f8b000000ffffULL;
}

/**
 * boot_load() - write kernel, initramfs, command line, tables and boot parameters
 * @vm: VM with mapped, zeroed guest memory
 * @kernel: path of a bzImage
 * @initrd: path of an initramfs or NULL
 * @cmdline: kernel command line, shorter than CMDLINE_MAX
 *
 * Return: 0 or a negative errno; the reason is on stderr.
 */
int boot_load(struct vm *vm, const char *kernel, const char *initrd, const char *cmdline)
{
	struct boot_params *bp = (void *)(vm->ram + GPA_BOOT_PARAMS);
	int ret;

	ret = kernel_load(vm, bp, kernel);
	if (!ret && initrd)
		ret = initrd_load(vm, bp, initrd);
	if (ret)
		return ret;
	if (strlen(cmdline) >= CMDLINE_MAX || strlen(cmdline) > bp->hdr.cmdline_size) {
		err("the guest's command line is too long (%zu bytes)", strlen(cmdline));
		return -E2BIG;
	}
	strcpy((char *)vm->ram + GPA_CMDLINE, cmdline);
	bp->hdr.cmd_line_ptr = GPA_CMDLINE;
	bp->hdr.type_of_loader = 0xff;
	bp->hdr.loadflags |= LOADED_HIGH;
	bp->acpi_rsdp_addr = acpi_write(vm);
	e820_fill(vm, bp);
	gdt_write(vm);
	tables_write(vm);
	return 0;
}

static void segment_set(struct kvm_segment *s, uint16_t selector, uint8_t type, bool code)
{
	memset(s, 0, sizeof(*s));
	s->limit = 0xffffffff;
	s->selector = selector;
	s->type = type;
	s->present = 1;
	s->s = type != 11 || code;
	s->l = code;
	s->db = !code;
	s->g = 1;
}

/**
 * boot_sregs() - 64-bit mode on the identity map
 * @sregs: as KVM_GET_SREGS returned them; changed
 */
void boot_sregs(struct kvm_sregs *sregs)
{
	segment_set(&sregs->cs, 0x10, 11, true);
	segment_set(&sregs->ds, 0x18, 3, false);
	sregs->es = sregs->ds;
	sregs->fs = sregs->ds;
	sregs->gs = sregs->ds;
	sregs->ss = sregs->ds;
	segment_set(&sregs->tr, 0x20, 11, false);
	sregs->tr.db = 0;
	sregs->gdt.base = GPA_BOOT_GDT;
	sregs->gdt.limit = 5 * 8 - 1;
	sregs->idt.base = 0;
	sregs->idt.limit = 0;
	sregs->cr0 = 0x80050033;	/* PG AM WP NE ET MP PE */
	sregs->cr3 = GPA_BOOT_TABLES;
	sregs->cr4 = 0x20;		/* PAE */
	sregs->efer = 0x500;		/* LMA LME */
}

/**
 * boot_regs() - registers at the kernel's 64-bit entry
 * @regs: written
 */
void boot_regs(struct kvm_regs *regs)
{
	memset(regs, 0, sizeof(*regs));
	regs->rip = GPA_KERNEL + 0x200;
	regs->rsi = GPA_BOOT_PARAMS;
	regs->rsp = GPA_BOOT_STACK;
	regs->rflags = 2;
}

// SPDX-License-Identifier: GPL-2.0
/* A tiny guest: creation, running, looking at it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ktap.h"
#include "kvm_guest.h"

#define CR0_PE		(1UL << 0)
#define CR0_MP		(1UL << 1)
#define CR0_ET		(1UL << 4)
#define CR0_NE		(1UL << 5)
#define CR0_WP		(1UL << 16)
#define CR0_PG		(1UL << 31)
#define CR4_PAE		(1UL << 5)
#define CR4_OSFXSR	(1UL << 9)
#define CR4_OSXMMEXCPT	(1UL << 10)
#define EFER_LME	(1UL << 8)
#define EFER_LMA	(1UL << 10)
#define APIC_BASE_EXTD	(1UL << 10)

#define PTE_PRESENT	(1UL << 0)
#define PTE_WRITE	(1UL << 1)
#define PTE_LARGE	(1UL << 7)

#define GDT_CODE64	0x00af9b000000ffffUL
#define GDT_DATA	0x00cf93000000ffffUL

static int guest_fail(const char *what)
{
	int err = errno;

	ktap_diag("%s: %s", what, strerror(err));
	return -err;
}

static void put64(struct kvm_guest *g, size_t off, uint64_t val)
{
	memcpy(g->ram + off, &val, sizeof(val));
}

/* An interrupt gate of the 64-bit IDT */
static void guest_gate(struct kvm_guest *g, unsigned int vector, uint64_t addr)
{
	put64(g, GUEST_IDT + 16 * vector, (addr & 0xffff) | 8UL << 16 | 0x8eUL << 40 |
	      (addr & 0xffff0000) << 32);
	put64(g, GUEST_IDT + 16 * vector + 8, addr >> 32);
}

static uint64_t code_addr(const struct guest_code *code, const void *p)
{
	return GUEST_CODE + ((const char *)p - (const char *)code->start);
}

/* GDT, IDT, and 1 GiB of identity-mapped 2 MiB pages */
static void guest_tables(struct kvm_guest *g, const struct guest_code *code)
{
	unsigned int i;

	put64(g, GUEST_GDT + 8, GDT_CODE64);
	put64(g, GUEST_GDT + 16, GDT_DATA);
	put64(g, GUEST_PML4, (GUEST_PML4 + 0x1000) | PTE_PRESENT | PTE_WRITE);
	put64(g, GUEST_PML4 + 0x1000, (GUEST_PML4 + 0x2000) | PTE_PRESENT | PTE_WRITE);
	for (i = 0; i < 512; i++)
		put64(g, GUEST_PML4 + 0x2000 + 8 * i,
		      ((uint64_t)i << 21) | PTE_PRESENT | PTE_WRITE | PTE_LARGE);
	if (code->db)
		guest_gate(g, 1, code_addr(code, code->db));
	if (code->gp)
		guest_gate(g, 13, code_addr(code, code->gp));
	if (code->irq)
		guest_gate(g, GUEST_IRQ_VECTOR, code_addr(code, code->irq));
	for (i = 0; i < code->nr_vectors; i++)
		guest_gate(g, code->vectors[i].vector, code_addr(code, code->vectors[i].handler));
	memcpy(g->ram + GUEST_CODE, code->start,
	       (const char *)code->end - (const char *)code->start);
}

static void sregs_long_mode(struct kvm_sregs *s)
{
	struct kvm_segment code = {
		.base = 0, .limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .s = 1,
		.l = 1, .g = 1,
	};
	struct kvm_segment data = {
		.base = 0, .limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .s = 1,
		.db = 1, .g = 1,
	};

	s->cs = code;
	s->ds = data;
	s->es = data;
	s->ss = data;
	s->fs = data;
	s->gs = data;
	s->gdt.base = GUEST_GDT;
	s->gdt.limit = 3 * 8 - 1;
	s->idt.base = GUEST_IDT;
	s->idt.limit = 256 * 16 - 1;
	s->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	s->cr3 = GUEST_PML4;
	s->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	s->efer = EFER_LME | EFER_LMA;
	s->apic_base |= APIC_BASE_EXTD;
}

int guest_set_regs(struct kvm_guest *g, uint64_t rip, uint64_t rsp, uint64_t rdi)
{
	struct kvm_regs regs = { .rip = rip, .rsp = rsp, .rdi = rdi, .rflags = 2 };
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct kvm_sregs sregs;

	if (ioctl(g->vcpu_fd, KVM_GET_SREGS, &sregs))
		return guest_fail("KVM_GET_SREGS");
	sregs_long_mode(&sregs);
	if (ioctl(g->vcpu_fd, KVM_SET_SREGS, &sregs))
		return guest_fail("KVM_SET_SREGS");
	if (ioctl(g->vcpu_fd, KVM_SET_REGS, &regs))
		return guest_fail("KVM_SET_REGS");
	if (ioctl(g->vcpu_fd, KVM_SET_MP_STATE, &mp))
		return guest_fail("KVM_SET_MP_STATE");
	return 0;
}

int guest_map_ram(struct kvm_guest *g)
{
	g->ram = mmap(NULL, GUEST_RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, g->mem_fd, 0);
	if (g->ram != MAP_FAILED)
		return 0;
	g->ram = NULL;
	return guest_fail("mmap of the guest's RAM");
}

int guest_set_slot(struct kvm_guest *g)
{
	struct kvm_userspace_memory_region slot = {
		.guest_phys_addr = 0,
		.memory_size = GUEST_RAM_SIZE,
		.userspace_addr = (unsigned long)g->ram,
	};

	if (ioctl(g->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot))
		return guest_fail("KVM_SET_USER_MEMORY_REGION");
	return 0;
}

int guest_map_run(struct kvm_guest *g)
{
	int size = ioctl(g->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (size < 0)
		return guest_fail("KVM_GET_VCPU_MMAP_SIZE");
	g->run_size = size;
	g->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, g->vcpu_fd, 0);
	if (g->run != MAP_FAILED)
		return 0;
	g->run = NULL;
	return guest_fail("mmap of the vCPU");
}

int guest_set_cpuid2(struct kvm_guest *g)
{
	if (ioctl(g->vcpu_fd, KVM_SET_CPUID2, g->cpuid))
		return guest_fail("KVM_SET_CPUID2");
	return 0;
}

/*
 * What KVM leaves to user space: it has the TSC-deadline timer always, and in the fields for the
 * APIC id it reports the host CPU that the ioctl ran on.
 */
static void cpuid_for_vcpu(struct kvm_cpuid2 *cpuid, unsigned int id)
{
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		switch (e->function) {
		case 0x1:
			e->ebx = (e->ebx & 0x00ffffff) | id << 24;
			e->ecx |= 1U << 24;
			break;
		case 0xb:
		case 0x1f:
		case 0x80000026:
			e->edx = id;
			break;
		case 0x8000001e:
			e->eax = id;
			break;
		}
	}
}

static int guest_set_cpuid(struct kvm_guest *g, unsigned int id)
{
	g->cpuid = calloc(1, sizeof(*g->cpuid) + GUEST_MAX_CPUID * sizeof(g->cpuid->entries[0]));
	if (!g->cpuid)
		return guest_fail("calloc");
	g->cpuid->nent = GUEST_MAX_CPUID;
	if (ioctl(g->kvm_fd, KVM_GET_SUPPORTED_CPUID, g->cpuid))
		return guest_fail("KVM_GET_SUPPORTED_CPUID");
	cpuid_for_vcpu(g->cpuid, id);
	return guest_set_cpuid2(g);
}

static int guest_create_vm(struct kvm_guest *g)
{
	g->vm_fd = ioctl(g->kvm_fd, KVM_CREATE_VM, 0);
	if (g->vm_fd < 0)
		return guest_fail("KVM_CREATE_VM");
	if (ioctl(g->vm_fd, KVM_CREATE_IRQCHIP, 0))
		return guest_fail("KVM_CREATE_IRQCHIP");
	g->mem_fd = memfd_create("guest-ram", MFD_CLOEXEC);
	if (g->mem_fd < 0)
		return guest_fail("memfd_create");
	if (ftruncate(g->mem_fd, GUEST_RAM_SIZE))
		return guest_fail("ftruncate");
	return 0;
}

int guest_create_vcpu(struct kvm_guest *g, unsigned int id)
{
	int err;

	g->vcpu_fd = ioctl(g->vm_fd, KVM_CREATE_VCPU, id);
	if (g->vcpu_fd < 0)
		return guest_fail("KVM_CREATE_VCPU");
	err = guest_map_run(g);
	return err ? err : guest_set_cpuid(g, id);
}

static int guest_create_all(struct kvm_guest *g, const struct guest_code *code,
			    int (*prepare)(struct kvm_guest *g))
{
	int err;

	g->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (g->kvm_fd < 0)
		return guest_fail("/dev/kvm");
	err = guest_create_vm(g);
	if (!err && prepare)
		err = prepare(g);
	if (!err)
		err = guest_map_ram(g);
	if (!err)
		err = guest_set_slot(g);
	if (!err)
		err = guest_create_vcpu(g, 0);
	return err ? err : guest_reset(g, code);
}

int guest_create_prepared(struct kvm_guest *g, const struct guest_code *code,
			  int (*prepare)(struct kvm_guest *g))
{
	int err;

	*g = (struct kvm_guest){ .kvm_fd = -1, .vm_fd = -1, .vcpu_fd = -1, .mem_fd = -1 };
	err = guest_create_all(g, code, prepare);
	if (err)
		guest_destroy(g);
	return err;
}

int guest_create(struct kvm_guest *g, const struct guest_code *code)
{
	return guest_create_prepared(g, code, NULL);
}

int guest_reset(struct kvm_guest *g, const struct guest_code *code)
{
	memset(guest_area(g), 0, GUEST_RAM_SIZE - GUEST_AREA);
	guest_tables(g, code);
	return guest_set_regs(g, GUEST_CODE, GUEST_STACK, 0);
}

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void guest_destroy(struct kvm_guest *g)
{
	if (g->run)
		munmap(g->run, g->run_size);
	if (g->ram)
		munmap(g->ram, GUEST_RAM_SIZE);
	free(g->cpuid);
	fd_close(&g->vcpu_fd);
	fd_close(&g->vm_fd);
	fd_close(&g->mem_fd);
	fd_close(&g->kvm_fd);
	g->run = NULL;
	g->ram = NULL;
	g->cpuid = NULL;
}

int guest_run(struct kvm_guest *g)
{
	if (ioctl(g->vcpu_fd, KVM_RUN, 0))
		return -errno;
	return g->run->exit_reason;
}

bool guest_serve_io(struct kvm_guest *g)
{
	unsigned char *data = (unsigned char *)g->run + g->run->io.data_offset;

	if (g->run->io.direction == KVM_EXIT_IO_OUT)
		return g->run->io.port == GUEST_PORT_DONE;
	memset(data, GUEST_IN_VALUE, g->run->io.size * g->run->io.count);
	return false;
}

/* KVM finishes an I/O exit in the next KVM_RUN; a vCPU with one pending cannot be disturbed. */
static int guest_finish_io(struct kvm_guest *g)
{
	int reason;

	g->run->immediate_exit = 1;
	reason = guest_run(g);
	g->run->immediate_exit = 0;
	return reason == -EINTR ? 0 : -EPROTO;
}

int guest_run_done(struct kvm_guest *g)
{
	int reason;

	for (;;) {
		reason = guest_run(g);
		if (reason == -EINTR || reason == -EAGAIN)
			continue;
		if (reason != KVM_EXIT_IO) {
			guest_describe(g, "the guest did not get to its end");
			return reason < 0 ? reason : -EPROTO;
		}
		if (guest_serve_io(g))
			return guest_finish_io(g);
	}
}

void guest_describe(struct kvm_guest *g, const char *what)
{
	struct kvm_regs r = {};

	ioctl(g->vcpu_fd, KVM_GET_REGS, &r);
	ktap_diag("%s: exit %u suberror %u rip %#llx rsp %#llx rax %#llx rflags %#llx", what,
		  g->run->exit_reason, g->run->internal.suberror, r.rip, r.rsp, r.rax, r.rflags);
}

int guest_msi(struct kvm_guest *g, unsigned int vector)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = vector };

	if (ioctl(g->vm_fd, KVM_SIGNAL_MSI, &msi) < 0)
		return guest_fail("KVM_SIGNAL_MSI");
	return 0;
}

static int64_t stat_read(int fd, const char *name)
{
	struct kvm_stats_header h;
	char buf[sizeof(struct kvm_stats_desc) + 256];
	struct kvm_stats_desc *d = (void *)buf;
	uint64_t val;
	size_t size;
	unsigned int i;

	if (pread(fd, &h, sizeof(h), 0) != sizeof(h) || h.name_size > 256)
		return -EIO;
	size = sizeof(*d) + h.name_size;
	for (i = 0; i < h.num_desc; i++) {
		if (pread(fd, buf, size, h.desc_offset + i * size) != (ssize_t)size)
			return -EIO;
		if (strcmp(d->name, name))
			continue;
		if (pread(fd, &val, sizeof(val), h.data_offset + d->offset) != sizeof(val))
			return -EIO;
		return val;
	}
	return -ENOENT;
}

int64_t guest_stat(struct kvm_guest *g, const char *name)
{
	int fd = ioctl(g->vcpu_fd, KVM_GET_STATS_FD, NULL);
	int64_t val;

	if (fd < 0)
		return -errno;
	val = stat_read(fd, name);
	close(fd);
	return val;
}

int guest_tsc_offset_set(struct kvm_guest *g, int64_t offset)
{
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET,
		.addr = (unsigned long)&offset,
	};

	return ioctl(g->vcpu_fd, KVM_SET_DEVICE_ATTR, &attr) ? -errno : 0;
}

const char *decode_assists_missing(void)
{
	char line[4096];
	bool found = false;
	FILE *f = fopen("/proc/cpuinfo", "r");

	while (f && !found && fgets(line, sizeof(line), f))
		found = !strncmp(line, "flags", 5) && strstr(line, " decodeassists");
	if (f)
		fclose(f);
	return found ? NULL : "the host's CPU has no decode assists";
}

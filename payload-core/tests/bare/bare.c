// SPDX-License-Identifier: GPL-2.0
/*
 * Bare-metal test of the payload core.
 *
 * Boots on an emulator with SVM and three processors and plays the kernel: loads the built ELF
 * files, runs tiny guests attached (shared and isolated page tables, two load addresses) and
 * detached (the other processors: arm, run, NMI kick, park, INIT, again). Prints KTAP to port 0xe9.
 */
#include "test.h"

#define LAPIC_PAGE	0xfee00000ULL
#define LAPIC_SVR	((u32 *)0xfee000f0)
#define PTE_P		1ULL
#define PTE_W		2ULL
#define PTE_UNCACHED	0x18ULL
#define PTE_PS		0x80ULL
#define PTE_NX		(1ULL << 63)
#define GUEST_CS	0x029b
#define GUEST_DATA	0x0c93

/* Intercept bits by exit code, as in the VMCB */
#define INTERCEPT(vmcb, code) ((vmcb)->intercepts[(code) / 32] |= 1U << ((code) % 32))

struct kvm_caretaker_ccb *test_ccb;
u32 test_vcpu;
u32 test_events;

static struct kvm_caretaker_ccb *test_ccbs[NR_VCPUS];

/* Isolated tables. Never cleared: a pCPU that is halted in a payload still needs them for NMIs. */
static u64 pml4[512] __aligned(4096), pdpt[512] __aligned(4096);
static u64 pd[512] __aligned(4096), pt[512] __aligned(4096), pd_lapic[512] __aligned(4096);

static u32 nr_tests, nr_failed;

struct elf_header {
	u8  ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum;
};

struct elf_segment {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

static void put_char(char c)
{
	asm volatile("outb %0, $0xe9" : : "a" (c));
}

void put(const char *text)
{
	while (*text)
		put_char(*text++);
}

void put_number(u64 value, u32 base)
{
	if (value >= base)
		put_number(value / base, base);
	put_char("0123456789abcdef"[value % base]);
}

void report(const char *name, bool ok)
{
	put(ok ? "ok " : "not ok ");
	put_number(++nr_tests, 10);
	put(" bare: ");
	put(name);
	put_char('\n');
	if (!ok)
		nr_failed++;
}

void skip(const char *name, const char *why)
{
	put("ok ");
	put_number(++nr_tests, 10);
	put(" bare: ");
	put(name);
	put(" # SKIP ");
	put(why);
	put_char('\n');
}

/* A command for the emulator: bare/run passes it on. */
void monitor(const char *command)
{
	put("monitor: ");
	put(command);
	put_char('\n');
}

bool check(const char *what, u64 got, u64 wanted)
{
	if (got == wanted)
		return true;
	put("# ");
	put(what);
	put(": got 0x");
	put_number(got, 16);
	put(" wanted 0x");
	put_number(wanted, 16);
	put_char('\n');
	return false;
}

/* The device ends QEMU with twice the value plus one: a status that it has for nothing else */
static void __noreturn finish(void)
{
	put("1..");
	put_number(nr_tests, 10);
	put_char('\n');
	asm volatile("outl %0, %w1" : : "a" (nr_failed ? 43 : 42), "Nd" (0xf4));
	for (;;)
		asm volatile("cli; hlt");
}

void copy(void *to, const void *from, u64 size)
{
	u64 i;

	for (i = 0; i < size; i++)
		((u8 *)to)[i] = ((const u8 *)from)[i];
}

static void zero(void *to, u64 size)
{
	u64 i;

	for (i = 0; i < size; i++)
		((u8 *)to)[i] = 0;
}

/* Isolated tables: the image by segment, the arenas as a whole, the LAPIC, nothing else. */
static void map_isolated(u64 base, const struct elf_segment *segment)
{
	u64 address, flags = PTE_P;

	flags |= segment->flags & 2 ? PTE_W : 0;
	flags |= segment->flags & 1 ? 0 : PTE_NX;
	for (address = segment->vaddr; address < segment->vaddr + segment->memsz; address += PAGE)
		pt[(base + address) / PAGE % 512] = (base + address) | flags;
}

static void isolated_init(void)
{
	pml4[0] = (u64)pdpt | PTE_P | PTE_W;
	pdpt[0] = (u64)pd | PTE_P | PTE_W;
	pd[IMAGE_BASE >> 21] = (u64)pt | PTE_P | PTE_W;
	pdpt[LAPIC_PAGE >> 30] = (u64)pd_lapic | PTE_P | PTE_W;
	pd_lapic[LAPIC_PAGE >> 21 & 511] = LAPIC_PAGE | PTE_P | PTE_W | PTE_PS | PTE_UNCACHED;
	pd[ARENA_BASE >> 21] = ARENA_BASE | PTE_P | PTE_W | PTE_PS;
}

static void image_load(const u8 *image, u64 base)
{
	const struct elf_header *elf = (const void *)image;
	const struct elf_segment *segment = (const void *)(image + elf->phoff);
	u32 i;

	zero((void *)base, KVM_CARETAKER_IMAGE_MAX);
	for (i = 0; i < elf->phnum; i++, segment++) {
		if (segment->type == KVM_CARETAKER_PT_CCB)
			test_ccb = (void *)(base + segment->vaddr);
		if (segment->type != 1)
			continue;
		copy((void *)(base + segment->vaddr), image + segment->offset, segment->filesz);
		map_isolated(base, segment);
	}
}

static void segment_set(struct vmcb *vmcb, u32 nr, u16 selector, u16 attributes)
{
	u8 *at = (u8 *)vmcb + 0x400 + nr * 16;

	*(u16 *)at = selector;
	*(u16 *)(at + 2) = attributes;
	*(u32 *)(at + 4) = 0xffffffff;
}

void vmcb_init(struct vmcb *vmcb, const u8 *guest)
{
	u32 i;

	zero(vmcb, sizeof(*vmcb));
	for (i = 0; i < 6; i++)
		segment_set(vmcb, i, i == 1 ? 0x10 : 0x18, i == 1 ? GUEST_CS : GUEST_DATA);
	INTERCEPT(vmcb, VMEXIT_NMI);
	INTERCEPT(vmcb, VMEXIT_INTR);
	INTERCEPT(vmcb, VMEXIT_CPUID);
	INTERCEPT(vmcb, VMEXIT_PAUSE);
	INTERCEPT(vmcb, VMEXIT_HLT);
	INTERCEPT(vmcb, VMEXIT_IOIO);
	INTERCEPT(vmcb, VMEXIT_MSR);
	INTERCEPT(vmcb, VMEXIT_SHUTDOWN);
	INTERCEPT(vmcb, VMEXIT_INIT);
	INTERCEPT(vmcb, VMEXIT_EXCP_MC);
	INTERCEPT(vmcb, 0x80);	/* VMRUN: has to be intercepted */
	INTERCEPT(vmcb, VMEXIT_VMMCALL);
	*(u64 *)((u8 *)vmcb + 0x40) = (u64)arena->iopm;
	*(u64 *)((u8 *)vmcb + 0x48) = (u64)arena->msrpm;
	vmcb->asid = 1;
	vmcb->flush = 1;
	vmcb->int_ctl = 1 << 24;
	*(u64 *)((u8 *)vmcb + 0x4d0) = cpu_rdmsr(MSR_EFER) | EFER_SVME;
	vmcb->cr0 = cpu_read(cr0);
	vmcb->cr3 = (u64)host_pml4;
	vmcb->cr4 = cpu_read(cr4) | CPU_CR4_MCE;
	vmcb->dr7 = CPU_DR7_RESET;
	vmcb->dr6 = 0xffff0ff0;
	vmcb->rflags = 2;
	vmcb->rip = (u64)guest;
	vmcb->rsp = 0x9000 + test_vcpu * 0x2000;
}

void cpuid_add(u32 function, u32 eax)
{
	struct kvm_caretaker_cpuid *table = arena->meta.cpuid;
	u32 slot = KVM_CARETAKER_CPUID_HASH(function);

	while (table[slot].flags)
		slot = (slot + 1) % KVM_CARETAKER_CPUID_SLOTS;
	table[slot] = (struct kvm_caretaker_cpuid){
		.function = function, .flags = KVM_CARETAKER_CPUID_USED,
		.eax = eax, .ebx = eax + 1, .ecx = eax + 2, .edx = eax + 3,
	};
}

/* C, arena and the pCPU that is kicked are those of this vCPU from now on. */
void vcpu_select(u32 vcpu)
{
	test_ccbs[test_vcpu] = test_ccb;
	test_vcpu = vcpu;
	test_ccb = test_ccbs[vcpu];
}

/* A fresh payload with a guest that is about to run; GPR n holds 0x100 + n. */
void setup(const u8 *image, u64 base, const u8 *guest, u32 flags)
{
	u32 i;

	zero(arena, sizeof(*arena));
	isolated_init();
	for (i = 0; i < sizeof(arena->msrpm); i++)
		arena->msrpm[i] = 0xff;
	for (i = 0; i < sizeof(arena->iopm); i++)
		arena->iopm[i] = 0xff;
	image_load(image, base);
	copy(arena->code, handler_start, handler_end - handler_start);
	cpuid_add(1, 0x1000);
	cpuid_add(0x40000000, 0x2000);
	arena->meta.msrs[0] = (struct kvm_caretaker_msr){ 0x8b, KVM_CARETAKER_MSR_READ,
							  0x1122334455667788 };
	arena->meta.nr_msrs = 1;
	vmcb_init(&arena->kvm_vmcb, guest);
	C.flags = flags;
	C.state = KVM_CARETAKER_ATTACHED;
	C.handlers = (u64)&arena->handlers;
	C.meta = (u64)&arena->meta;
	C.telemetry = (u64)&arena->telemetry;
	C.ring = (u64)&arena->ring;
	C.events = test_events;
	arena->telemetry.tsc_first = now();
	arena->telemetry.tsc_last = arena->telemetry.tsc_first;
	arena->telemetry.open = KVM_CARETAKER_TIME_KVM;
	kvm_caretaker_slots_begin(&arena->telemetry);
	C.vmcb = (u64)&arena->kvm_vmcb;
	C.vmcb_pa = C.vmcb;
	C.cr3 = (u64)pml4;
	C.gap_vmcb = (u64)&arena->gap_vmcb;
	C.gap_vmcb_pa = C.gap_vmcb;
	C.hsave_pa = (u64)arena->gap_hsave;
	C.host_vmsave_pa = (u64)arena->gap_vmsave;
	C.lapic = (u64)arena->lapic;
	C.fpu = (u64)arena->fpu;
	C.fpu_size = PAGE;
	C.xcr0_host = 3;
	C.xcr0_guest = 3;
	for (i = 0; i < NR_GPRS; i++)
		C.exit.gpr[i] = 0x100 + i;
	guest_counter = 0;
	guest_ticked = 0;
	guest_woken = 0;
}

void handler_install(u32 class, const u8 *handler)
{
	arena->handlers.entry[class] = (u64)arena->code + (handler - handler_start);
	arena->handlers.fuel[class] = 999;
}

/* The command line (multiboot information, offset 16) ends with "bench". */
static bool bench_wanted(void)
{
	const u32 *info = (const u32 *)(u64)boot_info;
	const char *line = (const char *)(u64)info[4];

	if (!(info[0] & 4))
		return false;
	while (*line)
		line++;
	return line[-5] == 'b' && line[-1] == 'h';
}

void bare_bsp(void)
{
	if (bench_wanted()) {
		bench_all();
		finish();
	}
	put("KTAP version 1\n");
	copy((void *)AP_TRAMPOLINE, ap_trampoline, ap_trampoline_end - ap_trampoline);
	__atomic_store_n(LAPIC_SVR, 0x1ff, __ATOMIC_RELAXED);
	test_attached();
	test_detached();
	test_timers();
	test_peers();
	/* By then all processors have been in a payload, and take NMIs that are for all. */
	test_stray();
	finish();
}

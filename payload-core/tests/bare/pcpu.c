// SPDX-License-Identifier: GPL-2.0
/*
 * Bare-metal test of the payload core: what the kernel does with pCPUs, and waiting for them.
 */
#include "test.h"

#define LAPIC		0xfee00000ULL
#define APIC_BASE_EXTD	(1ULL << 10)
#define APIC_BASE_EN	(1ULL << 11)
#define CALIBRATION_NS	20000000U

/* Where the pCPU of each vCPU goes after the next SIPI; its APIC ID is one more than the index. */
static struct { u64 entry; struct kvm_caretaker_ccb *ccb; } starts[NR_VCPUS];

static bool x2apic_wanted;

u32 lapic_read(u32 reg)
{
	return __atomic_load_n((u32 *)(LAPIC + reg), __ATOMIC_RELAXED);
}

void lapic_write(u32 reg, u32 value)
{
	__atomic_store_n((u32 *)(LAPIC + reg), value, __ATOMIC_RELAXED);
}

u64 now(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a" (low), "=d" (high));
	return low | (u64)high << 32;
}

void delay(u64 tsc)
{
	u64 start = now();

	while (now() - start < tsc)
		cpu_pause();
}

/* TSC frequency by the LAPIC timer, which runs at 1 GHz in QEMU. */
u32 tsc_khz(void)
{
	static u32 khz;
	u64 start;
	u32 left;

	if (khz)
		return khz;
	lapic_write(0x3e0, 0xb);
	lapic_write(0x320, 0x10000);
	lapic_write(0x380, 0xffffffff);
	start = now();
	do
		left = lapic_read(0x390);
	while (left > 0xffffffff - CALIBRATION_NS);
	khz = (now() - start) * 1000000 / (0xffffffff - left);
	lapic_write(0x380, 0);
	return khz;
}

void ipi_to(u32 apic_id, u32 command)
{
	lapic_write(0x310, apic_id << 24);
	lapic_write(0x300, command);
	while (lapic_read(0x300) & (1 << 12))
		cpu_pause();
}

/* To the pCPU of the vCPU under test */
void ipi(u32 command)
{
	ipi_to(test_vcpu + 1, command);
}

void kick(void)
{
	ipi(0x4400);
}

bool wait_for(const char *what, const u32 *word, u32 value)
{
	u64 start = now();

	while (load_acquire(word) != value) {
		if (now() - start > TIMEOUT_TSC)
			return check(what, load_acquire(word), value);
		cpu_pause();
	}
	return true;
}

bool wait_value(const char *what, const u64 *word, u64 value)
{
	u64 start = now();

	while (load_acquire(word) < value) {
		if (now() - start > TIMEOUT_TSC)
			return check(what, load_acquire(word), value);
		cpu_pause();
	}
	return true;
}

bool wait_stray(u64 value)
{
	return wait_value("stray events", (u64 *)&arena->telemetry.stray, value) &&
	       check("stray events", arena->telemetry.stray, value);
}

bool wait_counter(u64 value)
{
	return wait_value("guest counter", &guest_counter, value);
}

void x2apic_set(bool on)
{
	x2apic_wanted = on;
}

/* From x2APIC to xAPIC mode the way is through off (AMD64 APM volume 2, 16.9). */
static void ap_lapic_mode(void)
{
	u64 base = cpu_rdmsr(MSR_APIC_BASE);

	if (base & APIC_BASE_EXTD && !x2apic_wanted) {
		cpu_wrmsr(MSR_APIC_BASE, base & ~(APIC_BASE_EXTD | APIC_BASE_EN));
		cpu_wrmsr(MSR_APIC_BASE, (base & ~APIC_BASE_EXTD) | APIC_BASE_EN);
	}
	if (!(base & APIC_BASE_EXTD) && x2apic_wanted)
		cpu_wrmsr(MSR_APIC_BASE, base | APIC_BASE_EXTD);
	if (x2apic_wanted)
		cpu_wrmsr(0x80f, 0xff);		/* soft-disabled, as after CPU offlining */
	else
		lapic_write(0xf0, 0xff);
}

void bare_ap(u32 apic_id)
{
	struct kvm_caretaker_ccb *ccb = load_acquire(&starts[apic_id - 1].ccb);

	ap_lapic_mode();
	((void (*)(struct kvm_caretaker_ccb *))starts[apic_id - 1].entry)(ccb);
}

/*
 * INIT, SIPI, and the payload is on its way. An emulator may see the SIPI before it did the INIT:
 * it is sent until it worked; one too many is ignored.
 */
bool arm(void)
{
	u32 i;

	C.pcpu = KVM_CARETAKER_PCPU_COMING;
	C.host_apic = x2apic_wanted ? 0 : LAPIC;
	starts[test_vcpu].entry = (u64)test_ccb + C.entry_detached;
	store_release(&starts[test_vcpu].ccb, test_ccb);
	ipi(0x4500);
	for (i = 0; i < 1000 && load_acquire(&C.pcpu) == KVM_CARETAKER_PCPU_COMING; i++) {
		delay(2000000);
		ipi(0x4600 | AP_TRAMPOLINE / PAGE);
	}
	return wait_pcpu(ARMED);
}

/*
 * Each run has the other of two places than the one before it: the pCPU is still halted in its
 * image, with its IDT, and an NMI may still be on its way to it. When a place comes round again
 * the pCPU has seen an INIT since.
 */
void setup_detached(const u8 *guest, u32 flags)
{
	static u64 turns[NR_VCPUS];
	u64 base = turns[test_vcpu]++ % 2 ? IMAGE_BASE2 : IMAGE_BASE;

	setup(image_payload, base + test_vcpu * IMAGE_STEP, guest,
	      flags | KVM_CARETAKER_CCB_XSAVE);
	vmcb_init(&arena->gap_vmcb, guest);
	C.tsc_khz = tsc_khz();
	C.host_apic_khz = 1000000;
	C.apic_cycle_ns = 1;
	*(u32 *)(arena->lapic + 0xf0) = 0x1ff;
	*(u32 *)(arena->lapic + 0xd0) = 1 << test_vcpu;
	*(u16 *)(arena->fpu + 0) = 0x37f;
	*(u32 *)(arena->fpu + 24) = 0x1f80;
}

/* One NMI, as long as no wake-up may get lost. */
void ring(u32 bell)
{
	store_release(&C.doorbell, bell);
	kick();
}

void run(void)
{
	C.state = KVM_CARETAKER_DETACHING;
	ring(KVM_CARETAKER_BELL_RUN);
}

bool detach(const u8 *guest, u32 flags)
{
	setup_detached(guest, flags);
	if (!arm())
		return false;
	run();
	return true;
}

/* Between edges, and without a gap to the clock that this side reads */
bool ledger_adds_up(void)
{
	const struct kvm_caretaker_telemetry *t = &arena->telemetry;
	u64 at = now(), sum = 0;
	bool ok;
	u32 i;

	ok = check("ledger", kvm_caretaker_ledger_sum(t), t->tsc_last - t->tsc_first);
	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++)
		sum += kvm_caretaker_ledger_at(t, i, at);
	return ok & check("ledger until now", sum, at - t->tsc_first);
}

/* The vCPU is doing what it does since @since at least: some time later that account has it all. */
bool ledger_has(u32 account, u64 since)
{
	u64 until;

	delay(2000000);
	until = now();
	return adopt_any() && check("account has the time",
				    arena->telemetry.ledger[account] >= until - since, 1);
}

bool adopt(u32 from)
{
	if (!__atomic_compare_exchange_n(&C.state, &from, KVM_CARETAKER_ADOPTING, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return check("state before adoption", from, KVM_CARETAKER_RUNNING);
	kick();
	return wait_state(PARKED) && wait_pcpu(HALTED) && ledger_adds_up() &&
	       check("tsc_park is the last edge", arena->telemetry.tsc_last,
		     arena->telemetry.tsc_park);
}

/* The kernel's half of the race: the guest may stall between the look and the move. */
bool adopt_any(void)
{
	u32 from;

	do {
		from = load_acquire(&C.state);
		if (from != KVM_CARETAKER_RUNNING && from != KVM_CARETAKER_STALLED)
			return check("state before adoption", from, KVM_CARETAKER_RUNNING);
	} while (!__atomic_compare_exchange_n(&C.state, &from, KVM_CARETAKER_ADOPTING, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	kick();
	return wait_state(PARKED) && wait_pcpu(HALTED) && ledger_adds_up() &&
	       check("tsc_park is the last edge", arena->telemetry.tsc_last,
		     arena->telemetry.tsc_park);
}

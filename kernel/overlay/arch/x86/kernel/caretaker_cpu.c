// SPDX-License-Identifier: GPL-2.0
/*
 * Caretaker: pCPUs that leave the host and come back.
 *
 * A claimed CPU goes offline in the ordinary way (remove_cpu()), but its play_dead step jumps
 * into a payload instead of halting. kexec stops online CPUs only, so that such a CPU lives on.
 * It must never get INIT or SIPI until the Caretaker has halted it: native_kick_ap() asks
 * caretaker_owns_apic_id(), which knows this kernel's own such CPUs and those that an earlier
 * kernel left behind.
 */
#define pr_fmt(fmt) "caretaker: " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/device.h>
#include <linux/init.h>
#include <linux/mutex.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include <asm/apic.h>
#include <asm/caretaker.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/processor.h>
#include <asm/smp.h>
#include <asm/tlbflush.h>

#define CARETAKER_NR_OWNED	256

struct caretaker_cpu {
	void *owner;
	bool divert;
	struct caretaker_cpu_entry to;
};

static DEFINE_PER_CPU(struct caretaker_cpu, caretaker_cpu);
static DEFINE_MUTEX(caretaker_cpu_mutex);

/* APIC ids that run a Caretaker; read in hotplug context, hence a lock that never sleeps. */
static DEFINE_RAW_SPINLOCK(caretaker_owned_lock);
static u32 caretaker_owned[CARETAKER_NR_OWNED];
static unsigned int caretaker_nr_owned;
static bool caretaker_incoming_read;

static void (*caretaker_old_play_dead)(void);

/**
 * caretaker_cpu_claim - reserve a CPU for one Caretaker
 * @cpu:	logical CPU number
 * @owner:	who claims it, any pointer
 *
 * Context: may sleep.
 * Return: 0; -ENODEV for the boot CPU or one that is not present; -EBUSY when another owner
 *	   has it.
 */
int caretaker_cpu_claim(unsigned int cpu, void *owner)
{
	struct caretaker_cpu *c;

	if (cpu >= nr_cpu_ids || !cpu_present(cpu) || !cpu)
		return -ENODEV;

	guard(mutex)(&caretaker_cpu_mutex);
	c = per_cpu_ptr(&caretaker_cpu, cpu);
	if (c->owner && c->owner != owner)
		return -EBUSY;
	c->owner = owner;
	return 0;
}

/**
 * caretaker_cpu_unclaim - give a CPU free again
 * @cpu:	logical CPU number
 * @owner:	who claimed it; the call does nothing for anyone else
 *
 * Context: may sleep.
 */
void caretaker_cpu_unclaim(unsigned int cpu, void *owner)
{
	guard(mutex)(&caretaker_cpu_mutex);
	if (per_cpu(caretaker_cpu, cpu).owner == owner)
		per_cpu(caretaker_cpu, cpu).owner = NULL;
}

u32 caretaker_cpu_apic_id(unsigned int cpu)
{
	return cpu_physical_id(cpu);
}

/**
 * caretaker_cpu_by_apic_id - find a present CPU by its physical APIC id
 * @apic_id:	physical APIC id
 *
 * Return: logical CPU number or -ENODEV.
 */
int caretaker_cpu_by_apic_id(u32 apic_id)
{
	unsigned int cpu;

	for_each_present_cpu(cpu)
		if (cpu_physical_id(cpu) == apic_id)
			return cpu;
	return -ENODEV;
}

/**
 * caretaker_cpu_own - no INIT or SIPI for this CPU from now on
 * @apic_id:	physical APIC id
 */
void caretaker_cpu_own(u32 apic_id)
{
	guard(raw_spinlock_irqsave)(&caretaker_owned_lock);
	if (!WARN_ON_ONCE(caretaker_nr_owned == CARETAKER_NR_OWNED))
		caretaker_owned[caretaker_nr_owned++] = apic_id;
}

/**
 * caretaker_cpu_disown - the Caretaker has halted this CPU, it can be started again
 * @apic_id:	physical APIC id
 */
void caretaker_cpu_disown(u32 apic_id)
{
	unsigned int i;

	guard(raw_spinlock_irqsave)(&caretaker_owned_lock);
	for (i = 0; i < caretaker_nr_owned; i++) {
		if (caretaker_owned[i] != apic_id)
			continue;
		caretaker_owned[i] = caretaker_owned[--caretaker_nr_owned];
		return;
	}
}

/* The set that the last kernel left; read once, before the first secondary CPU is started. */
static void caretaker_read_incoming(void)
{
	static u32 ids[CARETAKER_NR_OWNED];
	int i, nr;

	guard(mutex)(&caretaker_cpu_mutex);
	if (caretaker_incoming_read)
		return;
	nr = caretaker_incoming_cpus(ids, ARRAY_SIZE(ids));
	for (i = 0; i < nr; i++)
		caretaker_cpu_own(ids[i]);
	if (nr > 0)
		pr_info("%d CPU(s) run a Caretaker since before this kernel: left alone\n", nr);
	else if (nr < 0 && nr != -ENODATA && nr != -ENOENT && nr != -EOPNOTSUPP)
		pr_err("the preserved CPU set cannot be read: error %d\n", nr);
	WRITE_ONCE(caretaker_incoming_read, true);
}

bool caretaker_owns_apic_id(u32 apic_id)
{
	unsigned int i;

	if (!READ_ONCE(caretaker_incoming_read))
		caretaker_read_incoming();

	guard(raw_spinlock_irqsave)(&caretaker_owned_lock);
	for (i = 0; i < caretaker_nr_owned; i++)
		if (caretaker_owned[i] == apic_id)
			return true;
	return false;
}

/**
 * caretaker_cpus_owned - list the CPUs that run a Caretaker, or are on their way out or back
 * @apic_ids:	filled in with physical APIC ids
 * @max:	entries of it
 *
 * Return: number of entries used.
 */
int caretaker_cpus_owned(u32 *apic_ids, unsigned int max)
{
	unsigned int nr;

	if (!READ_ONCE(caretaker_incoming_read))
		caretaker_read_incoming();

	guard(raw_spinlock_irqsave)(&caretaker_owned_lock);
	nr = min(max, caretaker_nr_owned);
	memcpy(apic_ids, caretaker_owned, nr * sizeof(*apic_ids));
	return nr;
}

/*
 * The last steps of a CPU as part of the host. Its kernel stack, per-CPU data and page tables
 * may be gone at any time after cpuhp_ap_report_dead(), so get out to the payload at once.
 * CR4.PCIDE and PGE go off because the payload loads a CR3 without PCID and must not see global
 * entries of the host; CET goes off because its IDT and stacks are its own.
 */
static void __noreturn noinstr caretaker_cpu_enter(const struct caretaker_cpu_entry *to)
{
	u64 entry = to->entry, ccb = to->ccb;
	unsigned long cr4;

	if (boot_cpu_has(X86_FEATURE_XSAVES))
		native_wrmsrq(MSR_IA32_XSS, 0);
	cr4 = native_read_cr4() & ~(X86_CR4_PCIDE | X86_CR4_PGE | X86_CR4_CET);
	asm volatile("mov %0, %%cr4\n\t"
		     "xor %%ebp, %%ebp\n\t"
		     ANNOTATE_RETPOLINE_SAFE "\n\t"
		     "jmp *%1"
		     : : "r" (cr4), "a" (entry), "D" (ccb) : "memory");
	for (;;)
		cpu_relax();
}

static void __noreturn caretaker_play_dead(void)
{
	struct caretaker_cpu *c = this_cpu_ptr(&caretaker_cpu);

	if (!READ_ONCE(c->divert)) {
		caretaker_old_play_dead();
		for (;;)
			cpu_relax();
	}
	WRITE_ONCE(c->divert, false);
	play_dead_common();
	caretaker_cpu_enter(&c->to);
}

/**
 * caretaker_cpu_offline - take a claimed CPU out of the host, into a payload
 * @cpu:	logical CPU number, claimed by the caller
 * @to:		where it goes
 *
 * The caller waits for the payload's own sign of life and then owns the CPU.
 *
 * Context: may sleep; takes the CPU hotplug locks, so hold none that a hotplug callback takes.
 * Return: 0, or the error of the hotplug core; then the CPU is still online.
 */
int caretaker_cpu_offline(unsigned int cpu, const struct caretaker_cpu_entry *to)
{
	struct caretaker_cpu *c = per_cpu_ptr(&caretaker_cpu, cpu);
	u32 apic_id = cpu_physical_id(cpu);
	int r;

	if (!cpu_online(cpu))
		return -ENODEV;
	c->to = *to;
	WRITE_ONCE(c->divert, true);
	caretaker_cpu_own(apic_id);
	r = remove_cpu(cpu);
	if (r) {
		caretaker_cpu_disown(apic_id);
		WRITE_ONCE(c->divert, false);
	}
	return r;
}

/**
 * caretaker_cpu_online - make a CPU part of the host again
 * @cpu:	logical CPU number; the payload must have halted it
 *
 * Context: may sleep, takes the CPU hotplug locks.
 * Return: 0 or the error of the hotplug core.
 */
int caretaker_cpu_online(unsigned int cpu)
{
	caretaker_cpu_disown(cpu_physical_id(cpu));
	return cpu_online(cpu) ? 0 : add_cpu(cpu);
}

/**
 * caretaker_cpu_kick - make a CPU in a Caretaker look at its CCB
 * @apic_id:	physical APIC id
 *
 * An NMI: it comes through whatever the payload is doing, also while its LAPIC is off. Physical
 * destination: a logical one means nothing to a CPU that the host does not manage.
 */
void caretaker_cpu_kick(u32 apic_id)
{
	unsigned long flags;

	local_irq_save(flags);
	safe_apic_wait_icr_idle();
	apic_icr_write(APIC_DM_NMI | APIC_DEST_PHYSICAL, apic_id);
	local_irq_restore(flags);
}

static int __init caretaker_cpu_init(void)
{
	caretaker_old_play_dead = smp_ops.play_dead;
	smp_ops.play_dead = caretaker_play_dead;
	return 0;
}
early_initcall(caretaker_cpu_init);

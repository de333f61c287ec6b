// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: debugfs, for when BPF is not up.
 *
 * Beside the other files of a vCPU: "caretaker" is text for people, "caretaker_telemetry" is
 * struct kvm_caretaker_telemetry for tools.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include <asm/msr.h>

#include "caretaker.h"

static const char * const state_names[KVM_CARETAKER_NR_STATES] = {
	[KVM_CARETAKER_EMPTY] = "empty",
	[KVM_CARETAKER_ATTACHED] = "attached",
	[KVM_CARETAKER_DETACHING] = "detaching",
	[KVM_CARETAKER_RUNNING] = "detached, running",
	[KVM_CARETAKER_STALLED] = "detached, stalled",
	[KVM_CARETAKER_ADOPTING] = "adopting",
	[KVM_CARETAKER_PARKED] = "parked",
	[KVM_CARETAKER_FAULTED] = "faulted",
};

static const char * const account_names[KVM_CARETAKER_NR_ACCOUNTS] = {
	[KVM_CARETAKER_TIME_GUEST] = "guest",
	[KVM_CARETAKER_TIME_NATIVE] = "native",
	[KVM_CARETAKER_TIME_HANDLER] = "handler",
	[KVM_CARETAKER_TIME_KVM] = "kvm",
	[KVM_CARETAKER_TIME_BLOCKED] = "blocked",
	[KVM_CARETAKER_TIME_HALTED] = "halted",
	[KVM_CARETAKER_TIME_HANDOVER] = "handover",
};

static const char * const class_names[KVM_CARETAKER_NR_CLASSES] = {
	[KVM_CARETAKER_CLASS_HLT] = "hlt",
	[KVM_CARETAKER_CLASS_CPUID] = "cpuid",
	[KVM_CARETAKER_CLASS_RDMSR] = "rdmsr",
	[KVM_CARETAKER_CLASS_WRMSR] = "wrmsr",
	[KVM_CARETAKER_CLASS_IO] = "io",
	[KVM_CARETAKER_CLASS_MMIO] = "mmio",
	[KVM_CARETAKER_CLASS_HYPERCALL] = "hypercall",
	[KVM_CARETAKER_CLASS_IPI] = "ipi",
	[KVM_CARETAKER_CLASS_TIMER] = "timer",
	[KVM_CARETAKER_CLASS_PAUSE] = "pause",
	[KVM_CARETAKER_CLASS_OTHER] = "other",
};

static u64 cell_count(const struct kvm_caretaker_cell *c, bool gap)
{
	return gap ? c->gap_count : c->count;
}

/* Exit code of a reason; 0xfff: all that have no index of their own, or no slot */
static unsigned int slot_code(const struct kvm_caretaker_slot *s)
{
	if (s->reason >= KVM_CARETAKER_REASON_OTHER)
		return 0xfff;
	return s->reason < KVM_CARETAKER_REASON_NPF ? s->reason : s->reason + 0x320;
}

static void show_exits(struct seq_file *m, const char *title,
		       const struct kvm_caretaker_telemetry *t, bool gap)
{
	unsigned int i;

	seq_printf(m, "%s:\n  reason     native    handler        kvm    blocked\n", title);
	for (i = 0; i < KVM_CARETAKER_NR_SLOTS; i++) {
		const struct kvm_caretaker_slot *s = &t->slots[i];
		u64 n[KVM_CARETAKER_NR_SERVERS], all = 0;
		unsigned int server;

		for (server = 0; server < KVM_CARETAKER_NR_SERVERS; server++)
			all |= n[server] = cell_count(&s->by[server], gap);
		if (all)
			seq_printf(m, "  0x%03x %10llu %10llu %10llu %10llu\n", slot_code(s),
				   n[0], n[1], n[2], n[3]);
	}
}

/* In TSC cycles, up to now */
static void show_ledger(struct seq_file *m, const struct kvm_caretaker_telemetry *t)
{
	u64 now = rdtsc();
	unsigned int i;

	seq_puts(m, "time:\n");
	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++)
		seq_printf(m, "  %-8s %20llu\n", account_names[i],
			   kvm_caretaker_ledger_at(t, i, now));
	seq_printf(m, "  elapsed  %20llu\n", now - t->tsc_first);
}

static void show_classes(struct seq_file *m, const struct kvm_caretaker_telemetry *t)
{
	unsigned int i;

	for (i = 0; i < KVM_CARETAKER_NR_CLASSES; i++)
		if (t->classes[i].calls)
			seq_printf(m, "handler of %s: calls %llu, cycles %llu\n", class_names[i],
				   t->classes[i].calls, t->classes[i].cycles);
}

static void show_stalls(struct seq_file *m, struct kvm_caretaker_telemetry *t)
{
	u64 i = t->nr_stalls > KVM_CARETAKER_NR_STALLS ? t->nr_stalls - KVM_CARETAKER_NR_STALLS : 0;

	for (; i < t->nr_stalls; i++) {
		struct kvm_caretaker_stall *s = &t->stalls[i % KVM_CARETAKER_NR_STALLS];

		seq_printf(m, "stall %llu: reason 0x%llx info1 0x%llx info2 0x%llx rip 0x%llx start %llu end %llu\n",
			   i, s->reason, s->info1, s->info2, s->rip, s->tsc_start, s->tsc_end);
	}
}

/* A set without a name has handlers all the same: its digest follows. */
static void show_handlers(struct seq_file *m, const struct caretaker_block *b)
{
	char name[CARETAKER_HANDLERS_NAME];
	u8 digest[32];
	bool none = !b->handlers && (b->va || !b->ser->nr_handler_pages);

	caretaker_handlers_identity(b, name, digest);
	seq_printf(m, "handlers: %s\n", none ? "none" : name);
	if (!none)
		seq_printf(m, "digest: %*phN\n", (int)sizeof(digest), digest);
}

static int caretaker_show(struct seq_file *m, void *v)
{
	struct kvm_caretaker *ct = caretaker_of(m->private);
	struct kvm_caretaker_telemetry *t;
	u32 state;

	if (!ct)
		goto none;
	guard(mutex)(&ct->lock);
	if (!ct->block)
		goto none;
	t = ct->block->telemetry;
	state = READ_ONCE(ct->block->ccb->state);
	seq_printf(m, "state: %s\n", state < ARRAY_SIZE(state_names) ? state_names[state] : "?");
	seq_printf(m, "vm_id: %016llx\nvcpu: %u\napic_id: %u\npcpu: %d\ntsc_khz: %u\n", t->vm_id,
		   t->vcpu, ct->block->apic_id, (int)ct->block->pcpu, t->tsc_khz);
	show_handlers(m, ct->block);
	seq_printf(m, "tsc_stop: %llu\ntsc_run: %llu\ntsc_kick: %llu\ntsc_park: %llu\ntsc_adopt: %llu\n",
		   t->tsc_stop, t->tsc_run, t->tsc_kick, t->tsc_park, t->tsc_adopt);
	seq_printf(m, "stray: %llu\nfault: %llu\nfault_rip: 0x%llx\nfault_addr: 0x%llx\nidle_tsc: %llu\n",
		   t->stray, t->fault, t->fault_rip, t->fault_addr, t->idle_tsc);
	seq_printf(m, "machine_checks: %llu\nmc_status: 0x%llx\nmc_bank: %d\nmc_addr: 0x%llx\nmcg_status: 0x%x\n",
		   t->machine_checks, t->mc_status, (int)t->mc_bank, t->mc_addr, t->mcg_status);
	show_ledger(m, t);
	show_classes(m, t);
	show_exits(m, "exits attached", t, false);
	show_exits(m, "exits in the gap", t, true);
	show_stalls(m, t);
	return 0;

none:
	seq_puts(m, "none\n");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(caretaker);

static ssize_t telemetry_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct kvm_caretaker *ct = caretaker_of(file_inode(file)->i_private);

	if (!ct)
		return 0;
	guard(mutex)(&ct->lock);
	if (!ct->block)
		return 0;
	return simple_read_from_buffer(buf, len, pos, ct->block->telemetry,
				       sizeof(*ct->block->telemetry));
}

static const struct file_operations telemetry_fops = {
	.owner = THIS_MODULE,
	.read = telemetry_read,
	.llseek = default_llseek,
};

void kvm_caretaker_create_debugfs(struct kvm_vcpu *vcpu, struct dentry *dir)
{
	debugfs_create_file("caretaker", 0400, dir, vcpu, &caretaker_fops);
	debugfs_create_file("caretaker_telemetry", 0400, dir, vcpu, &telemetry_fops);
}

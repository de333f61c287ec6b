/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * KVM Caretaker: telemetry. Written by the payload, read by kernel and tools, live and after
 * the gap. One struct per vCPU. It has one writer at a time: the payload while the vCPU is in it,
 * else the kernel, at install and in a handover. Counters only grow, wrap never (but for those of
 * 32 bits in histograms, see there) and are aligned, so a reader needs no lock.
 */
#ifndef _UAPI_LINUX_KVM_CARETAKER_TELEMETRY_H
#define _UAPI_LINUX_KVM_CARETAKER_TELEMETRY_H

#include <linux/types.h>

#define KVM_CARETAKER_TELEMETRY_ABI	2

/* Who served an exit. */
enum kvm_caretaker_server {
	KVM_CARETAKER_NATIVE	= 0,	/* the payload core */
	KVM_CARETAKER_HANDLER	= 1,	/* an exit handler */
	KVM_CARETAKER_KVM	= 2,	/* forwarded to KVM (attached) */
	KVM_CARETAKER_BLOCKED	= 3,	/* nobody: the vCPU stalled until adoption */
	KVM_CARETAKER_NR_SERVERS = 4,
};

/*
 * The time ledger: what a vCPU's time was spent on, in TSC cycles. An edge is a reading of the TSC
 * where the vCPU changes hands: #VMEXIT, VMRUN, the ends of a halt, a stall and a handover. Each
 * edge books the time since the edge before it to one account, so that the accounts always add up
 * to tsc_last - tsc_first. The account of a server is KVM_CARETAKER_ACCOUNT_OF(server).
 */
enum kvm_caretaker_account {
	KVM_CARETAKER_TIME_GUEST    = 0, /* from VMRUN to #VMEXIT */
	KVM_CARETAKER_TIME_NATIVE   = 1, /* from #VMEXIT to VMRUN, served by the payload core */
	KVM_CARETAKER_TIME_HANDLER  = 2, /* #VMEXIT to VMRUN, or to a verdict but HANDLED */
	KVM_CARETAKER_TIME_KVM	    = 3, /* attached: out of the payload, in KVM, VMM or idle */
	KVM_CARETAKER_TIME_BLOCKED  = 4, /* from #VMEXIT to the end of the stall */
	KVM_CARETAKER_TIME_HALTED   = 5, /* in the gap: the pCPU halts with a guest in HLT */
	KVM_CARETAKER_TIME_HANDOVER = 6, /* tsc_stop to tsc_run, last exit to tsc_adopt */
	KVM_CARETAKER_NR_ACCOUNTS   = 7,
};

#define KVM_CARETAKER_ACCOUNT_OF(server)	((server) + KVM_CARETAKER_TIME_NATIVE)

/*
 * Index of an exit reason in the tables. SVM exit codes 0 to 0xdf are their own index, 0x400 to
 * 0x41e become 0xe0 to 0xfe, all else (VMEXIT_INVALID among it) shares 0xff.
 */
#define KVM_CARETAKER_NR_REASONS	256
#define KVM_CARETAKER_REASON_CPUID	0x72
#define KVM_CARETAKER_REASON_MSR	0x7c
#define KVM_CARETAKER_REASON_NPF	0xe0
#define KVM_CARETAKER_REASON_OTHER	0xff

/*
 * Reasons get a slot at their first exit, but for CPUID and MSR, which have theirs from the start:
 * their exits are the ones that have to be short. The last slot is shared by those that find none
 * free.
 */
#define KVM_CARETAKER_NR_SLOTS		32
#define KVM_CARETAKER_SLOT_CPUID	0
#define KVM_CARETAKER_SLOT_MSR		1
#define KVM_CARETAKER_NR_SLOTS_FIXED	2
#define KVM_CARETAKER_SLOT_SHARED	(KVM_CARETAKER_NR_SLOTS - 1)
#define KVM_CARETAKER_REASON_SHARED	256

/* Bucket 0: less than 32 cycles; bucket i: from 2^(4+i) to less than 2^(5+i); the last is open. */
#define KVM_CARETAKER_NR_BUCKETS	32

/* Room for the exit classes of struct kvm_caretaker_ops, in their order. */
#define KVM_CARETAKER_NR_CLASS_USES	16

#define KVM_CARETAKER_NR_STALLS		64

/**
 * struct kvm_caretaker_cell - exits of one reason that one server served
 * @count:	payload, attached: exits
 * @cycles:	payload, attached: TSC cycles that they took; for those that went to KVM also
 *		kernel, at preserve
 * @gap_count:	payload, detached: exits
 * @gap_cycles:	payload, detached: TSC cycles that they took
 * @max:	writer of the cycles: the longest of all these exits
 * @hist:	writer of the cycles: all these exits by length. Modulo 2^32: differences are exact
 *		as long as a reader looks once in 2^32 exits, and all buckets add up to the counts
 *		modulo 2^32
 *
 * Exits that go to KVM, block or halt are counted when they begin, and timed when they are
 * over: between them the cell that @pending of struct kvm_caretaker_telemetry names has one more
 * exit counted than is in its histogram.
 */
struct kvm_caretaker_cell {
	__u64 count;
	__u64 cycles;
	__u64 gap_count;
	__u64 gap_cycles;
	__u64 max;
	__u32 hist[KVM_CARETAKER_NR_BUCKETS];
};

/**
 * struct kvm_caretaker_slot - exits of one reason
 * @reason:	kernel, at the first install, for the fixed slots; payload, at the first exit: index
 *		of the reason, or KVM_CARETAKER_REASON_SHARED
 * @reserved:	zero
 * @by:		see there; by enum kvm_caretaker_server
 */
struct kvm_caretaker_slot {
	__u32 reason;
	__u32 reserved;
	struct kvm_caretaker_cell by[KVM_CARETAKER_NR_SERVERS];
};

/**
 * struct kvm_caretaker_class_use - what the handler of one exit class was used for
 * @calls:	payload, at each call: calls, whatever the verdict
 * @cycles:	payload, before that VMRUN, or after that verdict: TSC cycles from #VMEXIT to VMRUN,
 *		or to a verdict other than HANDLED. The sum over all classes is the ledger's
 *		KVM_CARETAKER_TIME_HANDLER
 */
struct kvm_caretaker_class_use {
	__u64 calls;
	__u64 cycles;
};

/**
 * struct kvm_caretaker_stall - one halt in a blocking exit
 * @reason:	payload, at the start: exit code
 * @info1:	payload, at the start: SVM EXITINFO1
 * @info2:	payload, at the start: SVM EXITINFO2
 * @rip:	payload, at the start: guest RIP
 * @tsc_start:	payload, at the start: host TSC
 * @tsc_end:	payload, when a kernel has asked for the vCPU: host TSC; at the start: 0
 */
struct kvm_caretaker_stall {
	__u64 reason;
	__u64 info1;
	__u64 info2;
	__u64 rip;
	__u64 tsc_start;
	__u64 tsc_end;
};

/**
 * struct kvm_caretaker_telemetry - all telemetry of one vCPU
 * @size:	kernel, at install: sizeof(struct kvm_caretaker_telemetry)
 * @abi:	kernel, at install: KVM_CARETAKER_TELEMETRY_ABI
 * @vcpu:	kernel, at install: vCPU id
 * @tsc_khz:	kernel, at install: frequency of all TSC stamps here in kHz
 * @vm_id:	kernel, at install: identity of the VM, survives kexec
 * @tsc_stop:	kernel, when the vCPU leaves KVM for a handover or an update, and at preserve: when
 *		it left KVM
 * @tsc_run:	kernel, before the doorbell: 0; payload, before the first VMRUN or halt after it:
 *		when it took over
 * @tsc_kick:	kernel, at cancel or adopt: the pCPU was told to stop
 * @tsc_park:	payload, before it moves to PARKED: state of the vCPU saved
 * @tsc_adopt:	kernel, at cancel or adopt: the vCPU continues in KVM
 * @nr_stalls:	payload, when one has begun: stalls so far; record i lives in stalls[i % NR_STALLS]
 * @stray:	payload, at each: stray NMIs, interrupts, machine checks and INITs survived while
 *		detached
 * @fault:	payload, before it moves to FAULTED: vector of the exception that made it park
 *		FAULTED, plus one; 0 for none
 * @fault_rip:	payload, with @fault: its RIP
 * @fault_addr:	payload, with @fault: its CR2 or error code; #MC: @mc_addr
 * @idle_tsc:	payload, at the end of each halt: TSC cycles spent halted while detached, as the
 *		ledger has them
 * @fuel_out:	payload, at each verdict FUEL: handler calls cut off by fuel
 * @stray_vector: payload, before @stray: vector of the last stray event (2: NMI, 18: #MC, 30: INIT)
 * @stray_tsc:	payload, before @stray: host TSC at the last stray event
 * @timer_fired: payload, at each: expiries of the guest's LAPIC timer while detached
 * @timer_irqs:	payload, at each: interrupts of the pCPU's own timer
 * @ipi_sent:	payload, when it sent them: interrupts to vCPUs of the VM, itself included, per
 *		destination
 * @ipi_received: payload, each time: times it found something in its mailbox
 * @ipi_kicks:	payload, before each: kicks sent to pCPUs of other vCPUs
 * @injected:	payload, before the VMRUN: interrupts and NMIs injected into the guest while
 *		detached
 * @halts:	payload, before each: times the pCPU went to halt because the guest was in HLT
 * @tsc_first:	kernel, at the first install for this vCPU: where the ledger begins
 * @open:	payload, when it leaves to KVM, halts, stalls, runs the guest again and parks;
 *		kernel, at preserve and when it takes the vCPU back: enum kvm_caretaker_account to
 *		which the time since @tsc_last will go. KVM_CARETAKER_TIME_GUEST also while the
 *		payload serves an exit that takes no longer than that
 * @pending:	payload, when an exit goes to KVM, blocks or halts, zeroed when it is over;
 *		kernel, at preserve: zeroed. The cell of that exit:
 *		slot * KVM_CARETAKER_NR_SERVERS + server + 1; 0 for none
 * @nr_slots:	kernel, at the first install: the fixed ones; payload, at the first exit of a
 *		reason: slots in use, the shared one not counted
 * @reserved32:	zero
 * @machine_checks: payload, at each: machine checks (#MC) on the pCPU, whether survived or not
 * @mc_status:	payload, before @machine_checks: MCi_STATUS of the worst error bank at the last
 *		one, 0 when no bank had an error
 * @mc_addr:	payload, before @machine_checks: MCi_ADDR of it, if it has one
 * @mc_bank:	payload, before @machine_checks: number of that bank, all ones for none
 * @mcg_status:	payload, before @machine_checks: MCG_STATUS at the last one
 * @mc_tsc:	payload, before @machine_checks: host TSC at the last one
 * @tsc_last:	payload and kernel, at each edge: when it was
 * @ledger:	payload, at each edge; kernel, at preserve (until @tsc_stop) and when it takes the
 *		vCPU back (until @tsc_adopt): TSC cycles by enum kvm_caretaker_account
 * @classes:	see there; by exit class
 * @slot_of:	kernel, at the first install, for the fixed slots; payload, at the first exit of a
 *		reason, after its slot: by reason index, the slot plus one; 0 for none
 * @slots:	see there
 * @stalls:	see there; the last ones
 */
struct kvm_caretaker_telemetry {
	__u32 size;
	__u32 abi;
	__u32 vcpu;
	__u32 tsc_khz;
	__u64 vm_id;
	__u64 tsc_stop;
	__u64 tsc_run;
	__u64 tsc_kick;
	__u64 tsc_park;
	__u64 tsc_adopt;
	__u64 nr_stalls;
	__u64 stray;
	__u64 fault;
	__u64 fault_rip;
	__u64 fault_addr;
	__u64 idle_tsc;
	__u64 fuel_out;
	__u64 stray_vector;
	__u64 stray_tsc;
	__u64 timer_fired;
	__u64 timer_irqs;
	__u64 ipi_sent;
	__u64 ipi_received;
	__u64 ipi_kicks;
	__u64 injected;
	__u64 halts;
	__u64 tsc_first;
	__u32 open;
	__u32 pending;
	__u32 nr_slots;
	__u32 reserved32;
	__u64 machine_checks;
	__u64 mc_status;
	__u64 mc_addr;
	__u32 mc_bank;
	__u32 mcg_status;
	__u64 mc_tsc;
	__u64 tsc_last;
	__u64 ledger[KVM_CARETAKER_NR_ACCOUNTS];
	struct kvm_caretaker_class_use classes[KVM_CARETAKER_NR_CLASS_USES];
	__u8 slot_of[KVM_CARETAKER_NR_REASONS];
	struct kvm_caretaker_slot slots[KVM_CARETAKER_NR_SLOTS];
	struct kvm_caretaker_stall stalls[KVM_CARETAKER_NR_STALLS];
};

/* The fixed slots of new telemetry */
static inline void kvm_caretaker_slots_begin(struct kvm_caretaker_telemetry *t)
{
	t->slots[KVM_CARETAKER_SLOT_CPUID].reason = KVM_CARETAKER_REASON_CPUID;
	t->slot_of[KVM_CARETAKER_REASON_CPUID] = KVM_CARETAKER_SLOT_CPUID + 1;
	t->slots[KVM_CARETAKER_SLOT_MSR].reason = KVM_CARETAKER_REASON_MSR;
	t->slot_of[KVM_CARETAKER_REASON_MSR] = KVM_CARETAKER_SLOT_MSR + 1;
	t->nr_slots = KVM_CARETAKER_NR_SLOTS_FIXED;
}

/* What both writers do; the one who has the vCPU calls it. */

/* Bucket of a histogram for an exit of @cycles */
static inline __u32 kvm_caretaker_bucket(__u64 cycles)
{
	__u32 bucket = (63 ^ __builtin_clzll(cycles | 31)) - 4;

	if (__builtin_expect(bucket >= KVM_CARETAKER_NR_BUCKETS, 0))
		return KVM_CARETAKER_NR_BUCKETS - 1;
	return bucket;
}

/* An edge at @now: books the time since the last one, and returns it */
static inline __u64
kvm_caretaker_book(struct kvm_caretaker_telemetry *t, __u32 account, __u64 now)
{
	__u64 cycles = now - t->tsc_last;

	t->ledger[account] += cycles;
	t->tsc_last = now;
	return cycles;
}

/* An exit is over that took @cycles */
static inline void kvm_caretaker_time(struct kvm_caretaker_cell *cell, __u64 cycles)
{
	if (cycles > cell->max)
		cell->max = cycles;
	cell->hist[kvm_caretaker_bucket(cycles)]++;
}

/* For readers, who need not trust what they read. */

/* Fewest cycles of an exit in a bucket */
static inline __u64 kvm_caretaker_bucket_from(__u32 bucket)
{
	return bucket ? 1ULL << (4 + bucket) : 0;
}

/* The slot that holds the exits of a reason, perhaps with those of others; or NULL */
static inline const struct kvm_caretaker_slot *
kvm_caretaker_slot_of(const struct kvm_caretaker_telemetry *t, __u32 reason)
{
	__u32 slot = reason < KVM_CARETAKER_NR_REASONS ? t->slot_of[reason] : 0;

	return slot && slot <= KVM_CARETAKER_NR_SLOTS ? &t->slots[slot - 1] : 0;
}

/* Exits of one reason, and of no other, by one server; or NULL */
static inline const struct kvm_caretaker_cell *
kvm_caretaker_cell_of(const struct kvm_caretaker_telemetry *t, __u32 reason, __u32 server)
{
	const struct kvm_caretaker_slot *slot = kvm_caretaker_slot_of(t, reason);

	return slot && slot->reason == reason && server < KVM_CARETAKER_NR_SERVERS ?
	       &slot->by[server] : 0;
}

/* Attached exits of one reason by one server */
static inline __u64
kvm_caretaker_exits(const struct kvm_caretaker_telemetry *t, __u32 reason, __u32 server)
{
	const struct kvm_caretaker_cell *cell = kvm_caretaker_cell_of(t, reason, server);

	return cell ? cell->count : 0;
}

/* Exits in gaps of one reason by one server */
static inline __u64
kvm_caretaker_gap_exits(const struct kvm_caretaker_telemetry *t, __u32 reason, __u32 server)
{
	const struct kvm_caretaker_cell *cell = kvm_caretaker_cell_of(t, reason, server);

	return cell ? cell->gap_count : 0;
}

/* All accounts; a reading in the middle of an edge differs from tsc_last - tsc_first: read again */
static inline __u64 kvm_caretaker_ledger_sum(const struct kvm_caretaker_telemetry *t)
{
	__u64 sum = 0;
	__u32 i;

	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++)
		sum += t->ledger[i];
	return sum;
}

/* An account at TSC @now, with the time since the latest edge */
static inline __u64
kvm_caretaker_ledger_at(const struct kvm_caretaker_telemetry *t, __u32 account, __u64 now)
{
	__u64 since = account == t->open && now > t->tsc_last ? now - t->tsc_last : 0;

	return t->ledger[account] + since;
}

#endif /* _UAPI_LINUX_KVM_CARETAKER_TELEMETRY_H */

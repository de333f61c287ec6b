/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * KVM Caretaker: interface between the kernel and the payload.
 *
 * The payload is an ELF file. The kernel loads it at a virtual address of its own choice, which
 * is mapped to the same pages in the host's page tables and in the Caretaker's isolated ones.
 * The Caretaker Control Block (CCB) is the start of the segment that holds section .ccb. All
 * pointers below are such virtual addresses; names that end in _pa are physical addresses.
 *
 * Only old kernel -> next kernel must stay stable (linux/kho/abi/kvm_caretaker.h). That header
 * names the version of this one, and a next kernel talks to a running payload through it.
 */
#ifndef _UAPI_LINUX_KVM_CARETAKER_CCB_H
#define _UAPI_LINUX_KVM_CARETAKER_CCB_H

#include <linux/types.h>
#include <linux/kvm_caretaker_assert.h>
#include <linux/kvm_caretaker_bpf.h>
#include <linux/kvm_caretaker_ring.h>
#include <linux/kvm_caretaker_telemetry.h>

/* Version of everything in this header. */
#define KVM_CARETAKER_CCB_ABI		5
#define KVM_CARETAKER_CCB_MAGIC		0x31424343	/* "CCB1" */

/* Program header type of the segment that starts with the CCB (sections can be stripped). */
#define KVM_CARETAKER_PT_CCB		0x60434342	/* PT_LOOS + "CCB" */

/*
 * Section of a signed payload: digests of handler sets, 32 bytes each, that may go with it when the
 * kernel is locked down. At most KVM_CARETAKER_MAX_LISTED of them.
 */
#define KVM_CARETAKER_SECTION_HANDLERS	".caretaker_handlers"
#define KVM_CARETAKER_MAX_LISTED	256

/* Limits of a payload image. */
#define KVM_CARETAKER_IMAGE_MAX		(96 * 1024)
#define KVM_CARETAKER_MAX_SEGMENTS	8

/*
 * State of a vCPU's Caretaker. Each move has one writer, made by compare-and-exchange on
 * ccb.state with release on success and acquire on reading.
 */
enum kvm_caretaker_state {
	KVM_CARETAKER_EMPTY	= 0,	/* no vCPU in it */
	KVM_CARETAKER_ATTACHED	= 1,	/* KVM runs the vCPU through the payload */
	KVM_CARETAKER_DETACHING	= 2,	/* pCPU armed, vCPU stopped, state being copied */
	KVM_CARETAKER_RUNNING	= 3,	/* detached, guest runs */
	KVM_CARETAKER_STALLED	= 4,	/* detached, halts in a blocking exit */
	KVM_CARETAKER_ADOPTING	= 5,	/* a kernel asked for the vCPU */
	KVM_CARETAKER_PARKED	= 6,	/* payload saved the vCPU and let go of it */
	KVM_CARETAKER_FAULTED	= 7,	/* payload hit an exception it cannot survive */
	KVM_CARETAKER_NR_STATES	= 8,
};

/* Who makes a move. */
#define KVM_CARETAKER_BY_KERNEL		(1U << 0)
#define KVM_CARETAKER_BY_PAYLOAD	(1U << 1)

/*
 * X(from, to, who, when): the whole table, the only place where it is written.
 */
#define KVM_CARETAKER_MOVES(X)								\
	X(EMPTY,     ATTACHED,  KERNEL,  "KVM_SET_CARETAKER installs")			\
	X(ATTACHED,  EMPTY,     KERNEL,  "removed, or the vCPU goes away")		\
	X(ATTACHED,  DETACHING, KERNEL,  "preserve: the pCPU is armed, the vCPU stopped")	\
	X(DETACHING, ATTACHED,  KERNEL,  "preserve failed before the doorbell")		\
	X(DETACHING, RUNNING,   PAYLOAD, "doorbell RUN taken")				\
	X(RUNNING,   STALLED,   PAYLOAD, "blocking exit")				\
	X(RUNNING,   ADOPTING,  KERNEL,  "cancel or adopt")				\
	X(STALLED,   ADOPTING,  KERNEL,  "cancel or adopt")				\
	X(ADOPTING,  PARKED,    PAYLOAD, "vCPU state saved")				\
	X(PARKED,    ATTACHED,  KERNEL,  "cancel: back in KVM, same payload")		\
	X(PARKED,    EMPTY,     KERNEL,  "adopted by the next kernel")			\
	X(DETACHING, FAULTED,   PAYLOAD, "exception in the payload")			\
	X(RUNNING,   FAULTED,   PAYLOAD, "exception in the payload, #MC, shutdown")	\
	X(STALLED,   FAULTED,   PAYLOAD, "exception in the payload, #MC")		\
	X(ADOPTING,  FAULTED,   PAYLOAD, "exception in the payload, #MC")		\
	X(FAULTED,   EMPTY,     KERNEL,  "record read, vCPU given up")

/* Bit from * 8 + to is set in the mask of the side that may make the move. */
#define KVM_CARETAKER_MOVE_BIT(from, to)						\
	(1ULL << (KVM_CARETAKER_##from * 8 + KVM_CARETAKER_##to))
#define KVM_CARETAKER_MOVE_KERNEL(from, to, who, when)					\
	| (KVM_CARETAKER_BY_##who == KVM_CARETAKER_BY_KERNEL ?				\
	   KVM_CARETAKER_MOVE_BIT(from, to) : 0)
#define KVM_CARETAKER_MOVE_PAYLOAD(from, to, who, when)					\
	| (KVM_CARETAKER_BY_##who == KVM_CARETAKER_BY_PAYLOAD ?				\
	   KVM_CARETAKER_MOVE_BIT(from, to) : 0)
#define KVM_CARETAKER_KERNEL_MOVES	(0ULL KVM_CARETAKER_MOVES(KVM_CARETAKER_MOVE_KERNEL))
#define KVM_CARETAKER_PAYLOAD_MOVES	(0ULL KVM_CARETAKER_MOVES(KVM_CARETAKER_MOVE_PAYLOAD))

/* Whether the side with the mask @moves may move from state @f to state @t. */
#define KVM_CARETAKER_MAY_MOVE(moves, f, t)	(((moves) >> ((f) * 8 + (t))) & 1)

/*
 * State of the pCPU that belongs to the Caretaker (ccb.pcpu), beside the vCPU's state.
 */
enum kvm_caretaker_pcpu {
	KVM_CARETAKER_PCPU_NONE	  = 0,	/* kernel: the pCPU is a CPU of the host */
	KVM_CARETAKER_PCPU_COMING = 1,	/* kernel: on its way out of the host */
	KVM_CARETAKER_PCPU_ARMED  = 2,	/* payload: in the payload, waits for the doorbell */
	KVM_CARETAKER_PCPU_GUEST  = 3,	/* payload: serves the vCPU */
	KVM_CARETAKER_PCPU_HALTED = 4,	/* payload: GIF=1, SVME=0, cli;hlt: ready for INIT */
};

/* ccb.doorbell, written by the kernel, read by the payload. */
enum kvm_caretaker_doorbell {
	KVM_CARETAKER_BELL_NONE	= 0,
	KVM_CARETAKER_BELL_RUN	= 1,	/* with state DETACHING: run the guest */
	KVM_CARETAKER_BELL_HALT	= 2,	/* armed pCPU: go to HALTED, no guest was run */
};

/**
 * struct kvm_caretaker_cpuid - one CPUID leaf in the metadata (all written by the kernel, with
 *	@cpuid of struct kvm_caretaker_meta)
 * @function:	EAX input
 * @index:	ECX input, 0 when it does not matter
 * @flags:	KVM_CARETAKER_CPUID_*
 * @eax:	result
 * @ebx:	result
 * @ecx:	result
 * @edx:	result
 * @pad:	zero
 */
struct kvm_caretaker_cpuid {
	__u32 function;
	__u32 index;
	__u32 flags;
	__u32 eax;
	__u32 ebx;
	__u32 ecx;
	__u32 edx;
	__u32 pad;
};

#define KVM_CARETAKER_CPUID_USED	(1U << 0)	/* the slot holds a leaf */
#define KVM_CARETAKER_CPUID_INDEXED	(1U << 1)	/* ECX input matters */

/*
 * CPUID table: open addressing, linear probing from the hash of the function alone, so that a
 * lookup ends at the first unused slot. The kernel fills at most 3/4 of it. The hash scatters
 * consecutive leaves: side by side, one with many subleaves would displace all that follow.
 */
#define KVM_CARETAKER_CPUID_SLOTS	128
#define KVM_CARETAKER_CPUID_HASH(fn)	((__u32)((fn) * 0x9e3779b1U) >> 25)

/**
 * struct kvm_caretaker_msr - one MSR in the metadata (all written by the kernel, with @msrs of
 *	struct kvm_caretaker_meta)
 * @msr:	MSR number
 * @flags:	KVM_CARETAKER_MSR_*
 * @value:	what RDMSR returns
 */
struct kvm_caretaker_msr {
	__u32 msr;
	__u32 flags;
	__u64 value;
};

#define KVM_CARETAKER_MSR_READ		(1U << 0)	/* RDMSR: attached and detached */
#define KVM_CARETAKER_MSR_READ_GAP	(1U << 1)	/* RDMSR: detached only */
#define KVM_CARETAKER_NR_MSRS		64

/**
 * struct kvm_caretaker_meta - shared configuration metadata of one vCPU
 * @size:	kernel, at install: sizeof(struct kvm_caretaker_meta)
 * @nr_msrs:	kernel, with @msrs: used entries of it
 * @reserved:	zero
 * @cpuid:	kernel, before the first attached entry and each after which CPUID or MSRs may have
 *		changed, and at detach: CPUID table
 * @msrs:	kernel, as @cpuid: MSR policy
 *
 * Never written while the vCPU is in the payload.
 */
struct kvm_caretaker_meta {
	__u32 size;
	__u32 nr_msrs;
	__u64 reserved[7];
	struct kvm_caretaker_cpuid cpuid[KVM_CARETAKER_CPUID_SLOTS];
	struct kvm_caretaker_msr msrs[KVM_CARETAKER_NR_MSRS];
};

/**
 * struct kvm_caretaker_handlers - the installed handler set
 * @entry:	kernel, when the set is installed: address of the compiled handler of each class, 0
 *		for none
 * @fuel:	kernel, when the set is installed: value of R12 when the handler is called
 *		(docs/abi)
 * @generation:	kernel, when the set is installed: changes with each set
 *
 * Never written after it was published through ccb.handlers: a new set is a new table.
 * Calling convention of a handler: System V, RDI = address of one __u64 that holds the address
 * of ccb.exit, R12 = fuel; returns a verdict in EAX. Direction flag clear. It may change
 * every register but RSP; the caller saves what it needs (RBX, RBP, R12 to R15 included).
 */
struct kvm_caretaker_handlers {
	__u64 entry[KVM_CARETAKER_NR_CLASSES];
	__u32 fuel[KVM_CARETAKER_NR_CLASSES];
	__u32 generation;
};

/* What waits in a mailbox (kvm_caretaker_mailbox.pending). */
#define KVM_CARETAKER_PEND_IRQ		(1U << 0)	/* bits in irr[] */
#define KVM_CARETAKER_PEND_NMI		(1U << 1)	/* an NMI for the guest */
#define KVM_CARETAKER_PEND_UNHALT	(1U << 2)	/* KVM_HC_KICK_CPU: leave HLT */

/**
 * struct kvm_caretaker_mailbox - where the vCPUs of a VM leave interrupts for one of them
 * @x2apic_id:	kernel, at detach: x2APIC ID of the vCPU
 * @host_apic_id: kernel, at detach: physical APIC ID of its pCPU
 * @open:	kernel, at detach, before the doorbell: 1; when the vCPU is imported: 0
 * @pending:	kernel, at detach: 0; senders (payloads), when they send: KVM_CARETAKER_PEND_*, set
 *		by a locked OR after the bits in @irr; owner's payload, when it finds something:
 *		exchanged with 0 before it reads @irr, and at park an UNHALT that is not used up;
 *		kernel, when all payloads of the VM are parked: takes what is left
 * @irr:	kernel, at detach: 0; senders, when they send: fixed interrupts that wait, by
 *		vector, set by a locked OR; owner's payload: exchanged with 0; kernel, as for
 *		@pending
 * @reserved:	zero
 *
 * No wake-up is lost: a sender that finds a bit of @pending set need not kick, because the owner
 * reads @irr after it has cleared @pending; one that sets it sends KVM_CARETAKER_VECTOR_KICK to
 * the pCPU of the owner. A sender that finds a destination not open does not send to any: its
 * exit blocks.
 */
struct kvm_caretaker_mailbox {
	__u32 x2apic_id;
	__u32 host_apic_id;
	__u32 open;
	__u32 pending;
	__u32 irr[8];
	__u32 reserved[4];
};

#define KVM_CARETAKER_NR_PEERS		63

/**
 * struct kvm_caretaker_peers - one page that the Caretakers of all vCPUs of a VM share
 * @size:	kernel, at preserve of the VM: sizeof(struct kvm_caretaker_peers)
 * @nr:		kernel, at preserve of the VM: used entries of @box, one per vCPU of the VM
 * @reserved:	zero
 * @box:	see there; in the order of the vCPUs
 */
struct kvm_caretaker_peers {
	__u32 size;
	__u32 nr;
	__u64 reserved[7];
	struct kvm_caretaker_mailbox box[KVM_CARETAKER_NR_PEERS];
};

/*
 * Vectors that the payload uses on its pCPU's LAPIC while detached. Everything else that comes
 * there is stray: counted, acknowledged, survived.
 */
#define KVM_CARETAKER_VECTOR_TIMER	0xf0
#define KVM_CARETAKER_VECTOR_KICK	0xf1
#define KVM_CARETAKER_VECTOR_SPURIOUS	0xff

/*
 * flags of the CCB. Kernel, at install (ISOLATE), whenever it attaches (NRIPS, DECODES), or at
 * detach (all others); those that say "both" also the payload, when they change while detached.
 * When it attaches the kernel clears HALTED.
 */
#define KVM_CARETAKER_CCB_ISOLATE	(1U << 0)	/* kernel: attached on isolated tables */
#define KVM_CARETAKER_CCB_TSC_AUX	(1U << 1)	/* kernel: CPU has RDTSCP/RDPID */
#define KVM_CARETAKER_CCB_XSAVE		(1U << 2)	/* kernel: FPU image in XSAVE form */
#define KVM_CARETAKER_CCB_NRIPS		(1U << 3)	/* kernel: CPU writes next_rip */
#define KVM_CARETAKER_CCB_PKU		(1U << 4)	/* reserved, zero */
#define KVM_CARETAKER_CCB_HALTED	(1U << 5)	/* both: in HLT */
#define KVM_CARETAKER_CCB_X2APIC	(1U << 6)	/* kernel: guest uses x2APIC mode */
#define KVM_CARETAKER_CCB_NMI_MASKED	(1U << 7)	/* both: NMI in progress */
#define KVM_CARETAKER_CCB_NMI_PENDING	(1U << 8)	/* both: an NMI waits */
#define KVM_CARETAKER_CCB_DECODES	(1U << 9)	/* kernel: CPU has decode assists */
#define KVM_CARETAKER_CCB_MCE		(1U << 10)	/* kernel: the guest has set CR4.MCE */

/**
 * struct kvm_caretaker_ccb - Caretaker Control Block
 * @magic:	 payload, at build: KVM_CARETAKER_CCB_MAGIC
 * @abi:	 payload, at build: KVM_CARETAKER_CCB_ABI
 * @size:	 payload, at build: sizeof(struct kvm_caretaker_ccb)
 * @flags:	 KVM_CARETAKER_CCB_*, writer and moment named there
 * @state:	 see KVM_CARETAKER_MOVES
 * @pcpu:	 enum kvm_caretaker_pcpu, writer named there
 * @doorbell:	 kernel, when it arms the pCPU and when it attaches (NONE), at detach (RUN), when it
 *		 sends an armed pCPU back (HALT): enum kvm_caretaker_doorbell
 * @kicked:	 payload's NMI and interrupt handlers, when one came while detached: 1; main loop,
 *		 before it looks for work, and kernel, when it arms the pCPU: 0
 * @handlers:	 kernel, at install and with each set: struct kvm_caretaker_handlers, never 0,
 *		 replaced by one release-store
 * @reserved0:	 zero
 * @meta:	 kernel, at install, when it attaches, before each attached entry and at detach:
 *		 struct kvm_caretaker_meta, or an empty one while KVM has not settled what CPUID
 *		 says
 * @telemetry:	 kernel, at install: struct kvm_caretaker_telemetry
 * @vmcb:	 kernel, when it attaches: KVM's VMCB; payload, when it takes the vCPU: @gap_vmcb.
 *		 The VMCB now in use
 * @vmcb_pa:	 as @vmcb: its physical address
 * @route_kvm:	 kernel, when it attaches: routing pointer, address in the kernel where forwarded
 *		 exits go
 * @host_rsp:	 payload, at each attached entry: the kernel's stack pointer
 * @host_cr3:	 payload, at each attached entry with ISOLATE: the kernel's CR3
 * @cr3:	 kernel, at install: isolated page tables (CR3 value, PCID 0)
 * @seen:	 payload, at each attached return: generation of the handler set it used last
 * @events:	 kernel, at any time: events that the payload writes to its ring, bit 1 << enum
 *		 kvm_caretaker_event each; 0 while there is no ring
 * @entry_attached: payload, at build: offset of the attached entry point from the CCB
 * @entry_detached: payload, at build: offset of the detached entry point from the CCB
 * @gap_vmcb:	 kernel, at install: the Caretaker's own VMCB
 * @gap_vmcb_pa: kernel, at install: its physical address
 * @hsave_pa:	 kernel, at install: page for MSR_VM_HSAVE_PA while detached
 * @host_vmsave_pa: kernel, at install: page for VMSAVE/VMLOAD of the Caretaker's own FS/GS/TR state
 * @lapic:	 kernel, at install: LAPIC registers, KVM's layout; these: kernel, at detach and,
 *		 from PARKED on, at import; payload, while detached
 * @fpu:	 kernel, at install: XSAVE image, 64-byte aligned, standard form; this: kernel, at
 *		 detach, payload, at park
 * @fpu_size:	 kernel, at install: bytes usable at @fpu
 * @tsc_aux:	 kernel, at detach, payload, at park: guest TSC_AUX
 * @xcr0_host:	 kernel, at detach: XCR0 to be used for XSAVE and XRSTOR
 * @xcr0_guest:	 kernel, at detach: XCR0 while the guest runs
 * @dr:		 kernel, at detach, payload, at park: guest DR0 to DR3
 * @tsc_deadline: kernel, at detach, payload, when the guest writes it or the timer fires or stops
 *		 while detached: guest TSC_DEADLINE, what KVM gets at adoption if @timer_expiry is
 *		 not 0
 * @apic_base:	 kernel, at detach: guest APIC_BASE
 * @timer_expiry: kernel, at detach, payload, when it changes while detached: host TSC at which the
 *		 guest's LAPIC timer fires, 0 when it is not running; for a deadline that is past,
 *		 or that the host's TSC does not reach, any value that says so. Read by the kernel
 *		 that adopts
 * @timer_period: kernel, at detach, payload, when it changes while detached: TSC cycles from one
 *		 expiry to the next, 0 when the timer is not periodic
 * @host_apic:	 kernel, at install: the pCPU's LAPIC registers (uncached, in the isolated tables
 *		 only), 0 when it is in x2APIC mode
 * @host_apic_khz: kernel, when it attaches: frequency of the pCPU's LAPIC timer before its divider
 *		 in kHz, 0 when it has TSC-deadline mode
 * @tsc_khz:	 kernel, when it attaches: TSC frequency in kHz
 * @apic_cycle_ns: kernel, at detach: ns per tick of the guest's LAPIC timer before its divider
 * @self:	 kernel, at detach: index of the vCPU's own mailbox
 * @peers:	 kernel, at detach: struct kvm_caretaker_peers (in the isolated tables only); 0
 *		 before, and when the vCPU is not preserved any more
 * @reserved:	 zero
 * @ring:	 kernel, at install: struct kvm_caretaker_ring, 0 for none
 * @exit:	 see there; GPRs of the vCPU live here between VMRUNs
 *
 * The kernel attaches at install, after a cancel and after a handover that failed. At detach is
 * before the doorbell RUN; at park is before the move to PARKED.
 *
 * While attached the kernel copies the GPRs into exit.gpr before it calls the payload and out of
 * it afterwards (RAX and RSP are in the VMCB).
 */
struct kvm_caretaker_ccb {
	__u32 magic;
	__u32 abi;
	__u32 size;
	__u32 flags;
	__u32 state;
	__u32 pcpu;
	__u32 doorbell;
	__u32 kicked;
	__u64 handlers;
	__u64 reserved0;
	__u64 meta;
	__u64 telemetry;
	__u64 vmcb;
	__u64 vmcb_pa;
	__u64 route_kvm;
	__u64 host_rsp;
	__u64 host_cr3;
	__u64 cr3;
	__u32 seen;
	__u32 events;
	__s64 entry_attached;
	__s64 entry_detached;
	__u64 gap_vmcb;
	__u64 gap_vmcb_pa;
	__u64 hsave_pa;
	__u64 host_vmsave_pa;
	__u64 lapic;
	__u64 fpu;
	__u64 fpu_size;
	__u64 tsc_aux;
	__u64 xcr0_host;
	__u64 xcr0_guest;
	__u64 dr[4];
	__u64 tsc_deadline;
	__u64 apic_base;
	__u64 timer_expiry;
	__u64 timer_period;
	__u64 host_apic;
	__u32 host_apic_khz;
	__u32 tsc_khz;
	__u32 apic_cycle_ns;
	__u32 self;
	__u64 peers;
	__u64 reserved[5];
	__u64 ring;
	struct kvm_caretaker_exit exit;
};

/*
 * Entry points (addresses: CCB + entry_*).
 *
 * Attached: called by KVM's stub with IF=1, GIF=0, guest FS/GS/TR/... loaded (VMLOAD done),
 * RFLAGS.DF clear, any stack. It switches to its own stack (and, with ISOLATE, to @cr3), loads
 * the GPRs, VMRUNs, serves what it may and VMRUNs again. For a forwarded exit it stores the GPRs,
 * restores host CR3 and host RSP and jumps to @route_kvm. All other registers are undefined then.
 *
 * Detached: jumped to by the kernel on the pCPU, IF=0, GIF=1, CR4.PCIDE=0, CR4.PGE=0, with RDI =
 * CCB. Loads its own CR3, GDT, IDT, TSS and stack, then ARMED. Never returns.
 */

#ifndef __ASSEMBLER__
KVM_CARETAKER_AT(kvm_caretaker_ccb, state, 0x10);
KVM_CARETAKER_AT(kvm_caretaker_ccb, handlers, 0x20);
KVM_CARETAKER_AT(kvm_caretaker_ccb, vmcb_pa, 0x48);
KVM_CARETAKER_AT(kvm_caretaker_ccb, route_kvm, 0x50);
KVM_CARETAKER_AT(kvm_caretaker_ccb, host_rsp, 0x58);
KVM_CARETAKER_AT(kvm_caretaker_ccb, host_cr3, 0x60);
KVM_CARETAKER_AT(kvm_caretaker_ccb, cr3, 0x68);
KVM_CARETAKER_AT(kvm_caretaker_ccb, events, 0x74);
KVM_CARETAKER_AT(kvm_caretaker_ccb, ring, 0x160);
KVM_CARETAKER_AT(kvm_caretaker_ccb, exit, 0x168);
KVM_CARETAKER_AT(kvm_caretaker_exit, flags, 0x10);
KVM_CARETAKER_AT(kvm_caretaker_exit, gpr, 0x38);
KVM_CARETAKER_AT(kvm_caretaker_exit, cr4, 0xb8);
KVM_CARETAKER_AT(kvm_caretaker_exit, requests, 0xc8);
KVM_CARETAKER_AT(kvm_caretaker_exit, irr, 0xd0);
KVM_CARETAKER_AT(kvm_caretaker_exit, emit, 0x100);
KVM_CARETAKER_AT(kvm_caretaker_exit, mmio_value, 0x140);
KVM_CARETAKER_ASSERT("event of a handler", KVM_CARETAKER_EMIT_SIZE <= KVM_CARETAKER_EVENT_BYTES);
KVM_CARETAKER_ASSERT("exit size", sizeof(struct kvm_caretaker_exit) == 0x150);
KVM_CARETAKER_ASSERT("ccb size", sizeof(struct kvm_caretaker_ccb) == 0x2b8);
KVM_CARETAKER_AT(kvm_caretaker_ccb, peers, 0x130);
KVM_CARETAKER_AT(kvm_caretaker_mailbox, pending, 0x0c);
KVM_CARETAKER_AT(kvm_caretaker_mailbox, irr, 0x10);
KVM_CARETAKER_ASSERT("mailbox size", sizeof(struct kvm_caretaker_mailbox) == 64);
KVM_CARETAKER_ASSERT("peers size", sizeof(struct kvm_caretaker_peers) == 4096);
KVM_CARETAKER_ASSERT("meta size", sizeof(struct kvm_caretaker_meta) == 0x40 + 0x1000 + 0x400);
KVM_CARETAKER_AT(kvm_caretaker_telemetry, tsc_first, 0xc0);
KVM_CARETAKER_AT(kvm_caretaker_telemetry, tsc_last, 0x100);
KVM_CARETAKER_AT(kvm_caretaker_telemetry, slot_of, 0x240);
KVM_CARETAKER_AT(kvm_caretaker_telemetry, slots, 0x340);
KVM_CARETAKER_ASSERT("telemetry size",
		     sizeof(struct kvm_caretaker_telemetry) == 0x340 + 32 * 680 + 64 * 48);
KVM_CARETAKER_ASSERT("class uses", KVM_CARETAKER_NR_CLASSES <= KVM_CARETAKER_NR_CLASS_USES);
KVM_CARETAKER_AT(kvm_caretaker_ring, begun, 0x20);
KVM_CARETAKER_AT(kvm_caretaker_ring, read, 0x40);
KVM_CARETAKER_AT(kvm_caretaker_ring, slot, 0x80);
KVM_CARETAKER_AT(kvm_caretaker_ring, subbuf, KVM_CARETAKER_RING_SUBBUF);
KVM_CARETAKER_AT(kvm_caretaker_ring_subbuf, data, 16);
KVM_CARETAKER_ASSERT("ring size", sizeof(struct kvm_caretaker_ring) == KVM_CARETAKER_RING_BYTES);
KVM_CARETAKER_ASSERT("sub-buffer size",
		     sizeof(struct kvm_caretaker_ring_subbuf) == KVM_CARETAKER_RING_SUBBUF);
KVM_CARETAKER_ASSERT("exit event size", sizeof(struct kvm_caretaker_event_exit) == 28);
KVM_CARETAKER_ASSERT("other event size", sizeof(struct kvm_caretaker_event_at) == 24);
KVM_CARETAKER_ASSERT("handler event size",
		     sizeof(struct kvm_caretaker_event_bytes) == 8 + KVM_CARETAKER_EVENT_BYTES);
KVM_CARETAKER_ASSERT("cpuid slots", KVM_CARETAKER_CPUID_SLOTS == 1 << (32 - 25));
#endif

#endif /* _UAPI_LINUX_KVM_CARETAKER_CCB_H */

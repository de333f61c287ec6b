/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * KVM Caretaker: telemetry. Written by the payload, read by kernel and tools, live and after
 * the gap. One struct per vCPU; the payload of that vCPU is its only writer, but for the fields
 * that say "kernel". Counters only grow, wrap never, and are aligned, so a reader needs no lock.
 */
#ifndef _UAPI_LINUX_KVM_CARETAKER_TELEMETRY_H
#define _UAPI_LINUX_KVM_CARETAKER_TELEMETRY_H

#include <linux/types.h>

#define KVM_CARETAKER_TELEMETRY_ABI	1

/* Who served an exit. */
enum kvm_caretaker_server {
	KVM_CARETAKER_NATIVE	= 0,	/* the payload core */
	KVM_CARETAKER_HANDLER	= 1,	/* an exit handler */
	KVM_CARETAKER_KVM	= 2,	/* forwarded to KVM (attached) */
	KVM_CARETAKER_BLOCKED	= 3,	/* nobody: the vCPU stalled until adoption */
	KVM_CARETAKER_NR_SERVERS = 4,
};

/*
 * Index of an exit reason in the tables. SVM exit codes 0 to 0xdf are their own index, 0x400 to
 * 0x41e become 0xe0 to 0xfe, all else (VMEXIT_INVALID among it) shares 0xff.
 */
#define KVM_CARETAKER_NR_REASONS	256
#define KVM_CARETAKER_REASON_NPF	0xe0
#define KVM_CARETAKER_REASON_OTHER	0xff

#define KVM_CARETAKER_NR_STALLS		64

/**
 * struct kvm_caretaker_stall - one stay in the spin-wait loop
 * @reason:	payload, at the start: exit code
 * @info1:	payload, at the start: SVM EXITINFO1
 * @info2:	payload, at the start: SVM EXITINFO2
 * @rip:	payload, at the start: guest RIP
 * @tsc_start:	payload, at the start: host TSC
 * @tsc_end:	payload, when it leaves the loop: host TSC; 0 while it is in there
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
 * @tsc_stop:	kernel, at preserve: the vCPU left KVM for the handover
 * @tsc_run:	payload: first VMRUN after the doorbell
 * @tsc_kick:	kernel, at cancel or adopt: the pCPU was told to stop
 * @tsc_park:	payload: state of the vCPU saved
 * @tsc_adopt:	kernel, at cancel or adopt: the vCPU continues in KVM
 * @nr_stalls:	payload: stalls so far; record i lives in stalls[i % NR_STALLS]
 * @stray:	payload: stray NMIs and interrupts survived while detached
 * @fault:	payload: vector of the exception that made it park FAULTED, plus one; 0 for none
 * @fault_rip:	payload: its RIP
 * @fault_addr:	payload: its CR2 or error code
 * @idle_tsc:	payload: TSC cycles spent halted while detached
 * @fuel_out:	payload: handler calls cut off by fuel
 * @stray_vector: payload: vector of the last stray event (2: NMI)
 * @stray_tsc:	payload: host TSC at the last stray event
 * @timer_fired: payload: expiries of the guest's LAPIC timer while detached
 * @timer_irqs:	payload: interrupts of the pCPU's own timer
 * @ipi_sent:	payload: interrupts sent to vCPUs of the VM, itself included, per destination
 * @ipi_received: payload: times it found something in its mailbox
 * @ipi_kicks:	payload: kicks sent to pCPUs of other vCPUs
 * @injected:	payload: interrupts and NMIs injected into the guest while detached
 * @halts:	payload: times the pCPU went to halt because the guest was in HLT
 * @reserved:	zero
 * @exits:	payload, at every exit: by reason index and server
 * @gap_exits:	payload, at every exit while detached: by reason index and server
 * @stalls:	payload: the last stalls
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
	__u64 reserved[8];
	__u64 exits[KVM_CARETAKER_NR_REASONS][KVM_CARETAKER_NR_SERVERS];
	__u64 gap_exits[KVM_CARETAKER_NR_REASONS][KVM_CARETAKER_NR_SERVERS];
	struct kvm_caretaker_stall stalls[KVM_CARETAKER_NR_STALLS];
};

#endif /* _UAPI_LINUX_KVM_CARETAKER_TELEMETRY_H */

/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * KVM Caretaker: interface between the Caretaker and exit handlers.
 *
 * An exit handler gets one flat struct kvm_caretaker_exit: fixed offsets, no pointers, no CO-RE
 * needed. The same struct is the last part of the CCB, so that calling a handler copies nothing.
 */
#ifndef _UAPI_LINUX_KVM_CARETAKER_BPF_H
#define _UAPI_LINUX_KVM_CARETAKER_BPF_H

#include <linux/types.h>

/* Version of struct kvm_caretaker_exit, the verdicts and the exit classes. */
#define KVM_CARETAKER_BPF_ABI		1

/* Exit classes: one member of struct kvm_caretaker_ops each, in this order. */
enum kvm_caretaker_class {
	KVM_CARETAKER_CLASS_HLT		= 0,
	KVM_CARETAKER_CLASS_CPUID	= 1,
	KVM_CARETAKER_CLASS_RDMSR	= 2,
	KVM_CARETAKER_CLASS_WRMSR	= 3,
	KVM_CARETAKER_CLASS_IO		= 4,
	KVM_CARETAKER_CLASS_MMIO	= 5,	/* NPF / EPT violation */
	KVM_CARETAKER_CLASS_HYPERCALL	= 6,
	KVM_CARETAKER_CLASS_IPI		= 7,	/* reserved */
	KVM_CARETAKER_CLASS_TIMER	= 8,	/* reserved */
	KVM_CARETAKER_CLASS_PAUSE	= 9,
	KVM_CARETAKER_CLASS_OTHER	= 10,
	KVM_CARETAKER_NR_CLASSES	= 11,
};

/* Verdicts. Any other value counts as BLOCK. */
enum kvm_caretaker_verdict {
	KVM_CARETAKER_HANDLED	= 0,	/* done: advance RIP, re-enter the guest */
	KVM_CARETAKER_NEXT	= 1,	/* not mine: let the native code try */
	KVM_CARETAKER_FORWARD	= 2,	/* attached: to KVM; detached: block */
	KVM_CARETAKER_BLOCK	= 3,	/* attached: to KVM; detached: block */
	KVM_CARETAKER_FUEL	= 4,	/* compiled code ran out of fuel: as BLOCK */
};

/* flags of struct kvm_caretaker_exit */
#define KVM_CARETAKER_EXIT_DETACHED	(1ULL << 0)	/* no kernel serves this vCPU now */

/* requests of struct kvm_caretaker_exit: what a handler asked for by a kfunc */
#define KVM_CARETAKER_REQUEST_IRQ	(1U << 0)	/* bits in irr[] */
#define KVM_CARETAKER_REQUEST_EMIT	(1U << 1)	/* an event in emit[] */
#define KVM_CARETAKER_REQUEST_MMIO	(1U << 31)	/* payload's own: mmio_size is not 0 */

/* Most bytes of an event by bpf_caretaker_emit(). */
#define KVM_CARETAKER_EMIT_SIZE		64

/* Memory of bpf_caretaker_scratch(): so many slots of so many bytes, for each vCPU its own. */
#define KVM_CARETAKER_SCRATCH_SLOTS	16
#define KVM_CARETAKER_SCRATCH_SIZE	256

/* Order of gpr[]: the encoding order of the architecture, as in KVM. */
#define KVM_CARETAKER_RAX	0
#define KVM_CARETAKER_RCX	1
#define KVM_CARETAKER_RDX	2
#define KVM_CARETAKER_RBX	3
#define KVM_CARETAKER_RSP	4
#define KVM_CARETAKER_RBP	5
#define KVM_CARETAKER_RSI	6
#define KVM_CARETAKER_RDI	7

/**
 * struct kvm_caretaker_exit - one VM exit, as a handler sees it
 * @size:	kernel, at install: sizeof(struct kvm_caretaker_exit)
 * @abi:	kernel, at install: KVM_CARETAKER_BPF_ABI
 * @reason:	payload, before a handler is called: exit code of the hardware (SVM: EXITCODE)
 * @vcpu:	kernel, at install: vCPU id
 * @flags:	payload, when it takes and when it parks the vCPU, kernel, when KVM runs it again:
 *		KVM_CARETAKER_EXIT_*
 * @info1:	payload, before a handler is called: SVM EXITINFO1
 * @info2:	payload, before a handler is called: SVM EXITINFO2
 * @rip:	payload, before a handler is called: guest RIP of the exiting instruction
 * @rflags:	payload, before a handler is called: guest RFLAGS
 * @gpr:	kernel, before each attached entry (not RAX and RSP) and at detach; payload, at
 *		every exit (RAX and RSP: only before a handler is called) and when it serves one; a
 *		handler may write all but RSP, and what it wrote counts only with HANDLED
 * @cr4:	payload, before a handler is called: guest CR4
 * @tsc_offset:	payload, before a handler is called: guest's TSC - bpf_caretaker_time()
 * @requests:	kfuncs, in a handler: KVM_CARETAKER_REQUEST_*; payload, before a handler of class
 *		mmio is called: MMIO; payload, when the handler returned, and attached the kernel,
 *		for interrupts: 0
 * @emit_size:	bpf_caretaker_emit(), in a handler: bytes in @emit
 * @irr:	bpf_caretaker_inject(), in a handler: interrupts for the guest, by vector; zeroed
 *		with @requests
 * @tsc:	payload, before a handler is called: the TSC at the #VMEXIT
 * @guest_tsc:	payload, before a handler is called: TSC cycles that the vCPU spent in the guest up
 *		to this exit, from its first Caretaker on: telemetry's TIME_GUEST
 * @emit:	bpf_caretaker_emit(), in a handler: an event for the ring
 * @mmio_value:	payload, before a handler of class mmio is called: what a write writes, upper bytes
 *		0; of a read 0. A handler may write it: what a read reads, the lower @mmio_size
 *		bytes, and it counts only with HANDLED
 * @mmio_size:	payload, before a handler of class mmio is called: bytes of the access, 1, 2, 4 or
 *		8; when that handler returned: 0
 * @reserved:	zero
 */
struct kvm_caretaker_exit {
	__u32 size;
	__u32 abi;
	__u32 reason;
	__u32 vcpu;
	__u64 flags;
	__u64 info1;
	__u64 info2;
	__u64 rip;
	__u64 rflags;
	__u64 gpr[16];
	__u64 cr4;
	__u64 tsc_offset;
	__u32 requests;
	__u32 emit_size;
	__u32 irr[8];
	__u64 tsc;
	__u64 guest_tsc;
	__u64 emit[KVM_CARETAKER_EMIT_SIZE / 8];
	__u64 mmio_value;
	__u32 mmio_size;
	__u32 reserved;
};

/* SVM EXITINFO1 of a port I/O exit (APM volume 2, 15.10.2) */
#define KVM_CARETAKER_IO_IN		(1U << 0)
#define KVM_CARETAKER_IO_STR		(1U << 2)
#define KVM_CARETAKER_IO_REP		(1U << 3)
#define KVM_CARETAKER_IO_SIZE(info1)	(((info1) >> 4) & 7)
#define KVM_CARETAKER_IO_PORT(info1)	(((info1) >> 16) & 0xffff)

/* SVM EXITINFO1 of an access to memory (APM volume 2, 15.25.6); EXITINFO2 is its address */
#define KVM_CARETAKER_MMIO_WRITE	(1U << 1)

#endif /* _UAPI_LINUX_KVM_CARETAKER_BPF_H */

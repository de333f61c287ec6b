/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an exit handler includes. Needs no vmlinux.h and no libbpf headers: the exit context has
 * fixed offsets, and a handler may call nothing but its own functions and those below.
 */
#ifndef CARETAKER_BPF_H
#define CARETAKER_BPF_H

#include <linux/kvm_caretaker_bpf.h>

#define SEC(name) __attribute__((section(name), used))

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* Keeps the compiler from moving memory accesses across; the CPU keeps stores in order. */
#define barrier() asm volatile("" ::: "memory")

/*
 * The kernel functions that a handler may call: the only ones that are there when no kernel is.
 *
 * bpf_caretaker_time():    TSC of the pCPU, now. Goes on over a kexec and is what telemetry counts
 *			    in; plus exit->tsc_offset it is the guest's TSC.
 * bpf_caretaker_scratch(): one of KVM_CARETAKER_SCRATCH_SLOTS pieces of memory of this vCPU alone,
 *			    zero at install; @rdwr_buf_size is a constant, at most
 *			    KVM_CARETAKER_SCRATCH_SIZE. NULL when there is no such piece. Unlike the
 *			    exit context it can be indexed by a variable.
 * bpf_caretaker_inject():  makes interrupt @vector, 16 to 255, pending for this vCPU when the
 *			    handler returns, with any verdict. Returns 0 or -22 (EINVAL).
 * bpf_caretaker_emit():    an event of 8, 16 ... KVM_CARETAKER_EMIT_SIZE bytes for the ring,
 *			    written when the handler returns, if events of handlers are switched
 *			    on. Returns 0, -22 (EINVAL) for other sizes, -16 (EBUSY) for more than
 *			    one per exit.
 */
#define CARETAKER_KSYM extern __attribute__((section(".ksyms")))

CARETAKER_KSYM __u64 bpf_caretaker_time(const struct kvm_caretaker_exit *exit);
CARETAKER_KSYM __u8 *bpf_caretaker_scratch(struct kvm_caretaker_exit *exit, __u32 idx,
					   const __u32 rdwr_buf_size);
CARETAKER_KSYM int bpf_caretaker_inject(struct kvm_caretaker_exit *exit, __u32 vector);
CARETAKER_KSYM int bpf_caretaker_emit(struct kvm_caretaker_exit *exit, const void *data,
				      __u32 data__sz);

/* The kernel's struct kvm_caretaker_ops; libbpf matches the members by name. */
struct kvm_caretaker_ops {
	int (*hlt)(struct kvm_caretaker_exit *exit);
	int (*cpuid)(struct kvm_caretaker_exit *exit);
	int (*rdmsr)(struct kvm_caretaker_exit *exit);
	int (*wrmsr)(struct kvm_caretaker_exit *exit);
	int (*io)(struct kvm_caretaker_exit *exit);
	int (*mmio)(struct kvm_caretaker_exit *exit);
	int (*hypercall)(struct kvm_caretaker_exit *exit);
	int (*ipi)(struct kvm_caretaker_exit *exit);
	int (*timer)(struct kvm_caretaker_exit *exit);
	int (*pause)(struct kvm_caretaker_exit *exit);
	int (*other)(struct kvm_caretaker_exit *exit);
	__u32 abi_version;
	__u32 flags;
	char name[16];
};

/*
 * CARETAKER_HANDLER(io, my_io) { ... return KVM_CARETAKER_NEXT; }
 *
 * defines the program my_io for member io, with "struct kvm_caretaker_exit *exit" as argument.
 */
#define CARETAKER_PROGRAM(member, name)							\
static __always_inline int name##_body(struct kvm_caretaker_exit *exit);		\
SEC("struct_ops/" #member)								\
int name(unsigned long long *ctx)							\
{											\
	return name##_body((struct kvm_caretaker_exit *)ctx[0]);			\
}											\
static __always_inline int name##_body(struct kvm_caretaker_exit *exit)

/*
 * CARETAKER_HANDLERS(my_set, .io = (void *)my_io);
 *
 * defines the set that is loaded, and the license that a struct_ops program must have.
 */
#define CARETAKER_SET(set, ...)								\
SEC(".struct_ops.link")									\
struct kvm_caretaker_ops set = {							\
	__VA_ARGS__,									\
	.abi_version = KVM_CARETAKER_BPF_ABI,						\
	.name = #set,									\
};											\
char _license[] SEC("license") = "GPL"

/*
 * With CARETAKER_PARTS defined first, files of several handlers can be included into one: what
 * they define are functions, my_io(exit), and no sets. The including file calls them from programs
 * of a set, made by the two above, each until it says something else than KVM_CARETAKER_NEXT.
 * pc.bpf.c is a model.
 */
#ifdef CARETAKER_PARTS
#define CARETAKER_HANDLER(member, name)							\
static __always_inline int name(struct kvm_caretaker_exit *exit)
#define CARETAKER_HANDLERS(set, ...)	_Static_assert(sizeof(#set) > 1, "a part of a set")
#else
#define CARETAKER_HANDLER(member, name)	CARETAKER_PROGRAM(member, name)
#define CARETAKER_HANDLERS(set, ...)	CARETAKER_SET(set, __VA_ARGS__)
#endif

static __always_inline int caretaker_detached(const struct kvm_caretaker_exit *exit)
{
	return !!(exit->flags & KVM_CARETAKER_EXIT_DETACHED);
}

#endif /* CARETAKER_BPF_H */

/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * KVM Caretaker: interface between a VMM and the kernel.
 *
 * A VMM installs a Caretaker on a vCPU with KVM_SET_CARETAKER. Preserve, retrieve and finish go
 * through the Live Update Orchestrator (linux/liveupdate.h) on the VM and vCPU file descriptors.
 *
 * Numbers: the capability and the ioctls lie far above what upstream uses today, so that a
 * kernel with this feature never disagrees with a later upstream kernel about a number.
 */
#ifndef _UAPI_LINUX_KVM_CARETAKER_H
#define _UAPI_LINUX_KVM_CARETAKER_H

#include <linux/types.h>
#include <linux/kvm_caretaker_assert.h>

/* KVM_CHECK_EXTENSION on /dev/kvm or a VM: returns KVM_CARETAKER_ABI, or 0 without support. */
#define KVM_CAP_CARETAKER		0x4354

/* Version of this header. Raised when a field changes its meaning; growth only raises size. */
#define KVM_CARETAKER_ABI		1

/*
 * What the errno values of these ioctls, of preserve and retrieve, and of KVM_RUN and kexec where a
 * Caretaker is the reason, mean. The kernel log and the caller's log buffer name the object and the
 * reason. Beside them errors of KVM_CREATE_VM, KVM_CREATE_VCPU, KHO, LUO and CPU hotplug come as
 * they are.
 *
 * EPERM		caller lacks CAP_SYS_ADMIN, or an unsigned payload under lockdown
 * EKEYREJECTED		the signature of the payload does not hold; under lockdown also: by a key
 *			that the kernel does not trust, or the payload does not list the handlers
 * EINVAL		unknown flag, size, reserved field not zero, wrong kind of file descriptor;
 *			preserve, retrieve: the VM has to come before its vCPUs; retrieve: the data
 *			of the old kernel are not sound; KVM_RUN: the VMM has not restored the vCPU,
 *			which runs on, orphaned
 * E2BIG		the struct is larger than the kernel knows and the excess is not zero;
 *			payload or handler set larger than the limit; worst-case time over budget
 * EFAULT		a user pointer, or guest memory at preserve, cannot be read or written
 * EBADF		payload_fd or handlers_fd is not open
 * ETXTBSY		the payload file is open for writing somewhere
 * ENOEXEC		the payload is not an ELF file that the Caretaker accepts
 * EACCES		a handler uses an instruction, map or function that is not allowed
 * EPROTONOSUPPORT	payload or handlers speak another ABI version; retrieve: so does the running
 *			payload, the guest runs on, orphaned
 * EOPNOTSUPP		this VM, vCPU or CPU has something that cannot be carried; preserve: the
 *			vCPU has no Caretaker
 * EBUSY		the vCPU is preserved or detached, the pCPU belongs to another vCPU, or
 *			another change of the vCPU's Caretaker does not end; update of a link of
 *			handlers: one of its vCPUs is such a one; preserve: the
 *			vCPU is being updated, the pCPU is still on its way back, or the VM got more
 *			vCPUs; kexec: a VM is not preserved as a whole, an orphan is not adopted, a
 *			pCPU is on its way back, or the image takes no handover data
 * ENODEV		the pCPU does not exist or is the boot CPU; preserve: it is offline
 * ENOSPC		preserve: the set of CPUs that run a Caretaker is full
 * EAGAIN		the vCPU is in a passing state that cannot be carried; try again
 * ETIMEDOUT		preserve: the pCPU left the host and did not come to the payload, the vCPU
 *			runs on in KVM; KVM_RUN: the Caretaker does not give the vCPU back, which
 *			stays ADOPTING, its memory in use, and is asked for again by the next
 *			KVM_RUN
 * EIO			KVM_RUN, ioctls that change a vCPU, KVM_SET_CARETAKER: the vCPU is lost, its
 *			Caretaker faulted or left an FPU image that is refused; KVM_SET_CARETAKER:
 *			the kernel's own check of compiled handlers failed; preserve: a pCPU did not
 *			take its vCPU in time, or its payload faulted before it ran the guest, the
 *			VM runs on in KVM; retrieve: KHO has not kept the block or a page of the
 *			handlers; kexec: a detached vCPU is neither RUNNING nor STALLED
 * ENOENT		no Caretaker on this vCPU
 * EINTR		KVM_RUN: the vCPU is being stopped, or a signal came while it waited for the
 *			other vCPUs of its VM; all: a signal that ends the process
 * ENOMEM		as usual
 */

/* flags of struct kvm_caretaker_set */
#define KVM_CARETAKER_ISOLATE		(1U << 0)	/* isolated tables while attached */
#define KVM_CARETAKER_REMOVE		(1U << 1)	/* take the Caretaker off the vCPU */
#define KVM_CARETAKER_HANDLERS_ONLY	(1U << 2)	/* keep the payload, replace the handlers */
#define KVM_CARETAKER_SET_FLAGS		0x7U

/**
 * struct kvm_caretaker_set - argument of KVM_SET_CARETAKER, on a vCPU
 * @size:	VMM: sizeof(struct kvm_caretaker_set) that it was built with
 * @flags:	VMM: KVM_CARETAKER_*
 * @payload_fd:	VMM: payload ELF, open for reading; -1 with REMOVE or HANDLERS_ONLY
 * @handlers_fd: VMM: struct_ops map with the exit handlers, or -1 for none
 * @pcpu:	VMM: logical number of the host CPU that runs this vCPU in the gap
 * @log_size:	VMM: bytes at @log_buf, 0 for no log
 * @log_buf:	VMM: address of a buffer for a text: why it was refused, or what handlers cost
 * @budget:	VMM: worst-case cost allowed per handler call, 0 for the default
 * @log_used:	kernel: bytes of text written to @log_buf, terminating 0 excluded
 * @verify_ns:	kernel: time spent in verification and compilation of the handlers
 * @reserved:	VMM: zero
 * @compile_ns:	kernel: compilation alone, part of @verify_ns; 0 from kernels before it was there
 *
 * The VMM writes before the call; the kernel before it returns, unless it could not take the struct
 * or the buffer themselves (EPERM, EFAULT, ENOMEM, a wrong size).
 *
 * The pCPU is only named and checked here; preserve takes it offline.
 */
struct kvm_caretaker_set {
	__u32 size;
	__u32 flags;
	__s32 payload_fd;
	__s32 handlers_fd;
	__u32 pcpu;
	__u32 log_size;
	__u64 log_buf;
	__u32 budget;
	__u32 log_used;
	__u64 verify_ns;
	__u64 reserved;
	__u64 compile_ns;
};

/* what of struct kvm_caretaker_get */
#define KVM_CARETAKER_GET_INFO		0	/* struct kvm_caretaker_info */
#define KVM_CARETAKER_GET_TELEMETRY	1	/* struct kvm_caretaker_telemetry */
#define KVM_CARETAKER_GET_STATE		2	/* handler state: writable pages of its maps */

/**
 * struct kvm_caretaker_get - argument of KVM_GET_CARETAKER, on a vCPU
 * @size:	VMM: sizeof(struct kvm_caretaker_get)
 * @what:	VMM: KVM_CARETAKER_GET_*
 * @offset:	VMM: first byte wanted
 * @buf:	VMM: address of the destination
 * @len:	VMM: bytes at @buf; kernel: bytes written, less at the end of the object
 * @total:	kernel: size of the whole object in bytes
 *
 * The VMM writes before the call, the kernel before it returns 0.
 *
 * Works attached, detached and after adoption: telemetry and handler state of the gap stay
 * readable until the next KVM_SET_CARETAKER or the end of the vCPU.
 */
struct kvm_caretaker_get {
	__u32 size;
	__u32 what;
	__u64 offset;
	__u64 buf;
	__u64 len;
	__u64 total;
};

/* flags of struct kvm_caretaker_info */
#define KVM_CARETAKER_INFO_ISOLATE	(1U << 0)	/* see KVM_CARETAKER_ISOLATE */
#define KVM_CARETAKER_INFO_HANDLERS	(1U << 1)	/* has handlers */
#define KVM_CARETAKER_INFO_ADOPTED	(1U << 2)	/* from an earlier kernel, adopted */
#define KVM_CARETAKER_INFO_ORPHAN	(1U << 3)	/* from an earlier kernel, not adopted */

/**
 * struct kvm_caretaker_info - what the kernel knows about one Caretaker (all written by the
 *	kernel, at each KVM_GET_CARETAKER)
 * @size:	  sizeof(struct kvm_caretaker_info) of the kernel
 * @flags:	  KVM_CARETAKER_INFO_*
 * @state:	  enum kvm_caretaker_state (kvm_caretaker_ccb.h), read at the time of the call
 * @pcpu:	  logical number of the pCPU, ~0U when it is not known to this kernel
 * @apic_id:	  physical APIC id of the pCPU
 * @vcpu_id:	  vCPU id within the VM
 * @abi:	  ABI version of the payload
 * @generation:	  number of successful KVM_SET_CARETAKER calls on this vCPU
 * @preserved_bytes: memory kept over a kexec for this vCPU, frozen NPT excluded
 * @npt_bytes:	  memory of the frozen NPT of the VM, 0 when there is none
 * @vm_id:	  identity of the VM that survives kexec
 * @tsc_khz:	  TSC frequency in kHz that telemetry time stamps count in
 * @pad:	  zero
 * @handlers_digest: digest of the handler set, the same for one object on every kernel, as
 *		  caretaker-verify prints it; zeros without handlers and when it is not known. For a
 *		  set from an earlier kernel what that kernel said
 * @handlers_name: name of the handler set, a string; empty without handlers. For a set from an
 *		  earlier kernel what that kernel said
 */
struct kvm_caretaker_info {
	__u32 size;
	__u32 flags;
	__u32 state;
	__u32 pcpu;
	__u32 apic_id;
	__u32 vcpu_id;
	__u32 abi;
	__u32 generation;
	__u64 preserved_bytes;
	__u64 npt_bytes;
	__u64 vm_id;
	__u32 tsc_khz;
	__u32 pad;
	__u8 handlers_digest[32];
	char handlers_name[16];
};

#define KVM_SET_CARETAKER	_IOWR(0xAE, 0xf0, struct kvm_caretaker_set)
#define KVM_GET_CARETAKER	_IOWR(0xAE, 0xf1, struct kvm_caretaker_get)

#ifndef __ASSEMBLER__
KVM_CARETAKER_AT(kvm_caretaker_set, payload_fd, 0x08);
KVM_CARETAKER_AT(kvm_caretaker_set, pcpu, 0x10);
KVM_CARETAKER_AT(kvm_caretaker_set, log_buf, 0x18);
KVM_CARETAKER_AT(kvm_caretaker_set, budget, 0x20);
KVM_CARETAKER_AT(kvm_caretaker_set, verify_ns, 0x28);
KVM_CARETAKER_AT(kvm_caretaker_set, reserved, 0x30);
KVM_CARETAKER_AT(kvm_caretaker_set, compile_ns, 0x38);
KVM_CARETAKER_ASSERT("set size", sizeof(struct kvm_caretaker_set) == 0x40);
KVM_CARETAKER_AT(kvm_caretaker_get, offset, 0x08);
KVM_CARETAKER_AT(kvm_caretaker_get, buf, 0x10);
KVM_CARETAKER_AT(kvm_caretaker_get, len, 0x18);
KVM_CARETAKER_AT(kvm_caretaker_get, total, 0x20);
KVM_CARETAKER_ASSERT("get size", sizeof(struct kvm_caretaker_get) == 0x28);
KVM_CARETAKER_AT(kvm_caretaker_info, state, 0x08);
KVM_CARETAKER_AT(kvm_caretaker_info, apic_id, 0x10);
KVM_CARETAKER_AT(kvm_caretaker_info, generation, 0x1c);
KVM_CARETAKER_AT(kvm_caretaker_info, preserved_bytes, 0x20);
KVM_CARETAKER_AT(kvm_caretaker_info, vm_id, 0x30);
KVM_CARETAKER_AT(kvm_caretaker_info, tsc_khz, 0x38);
KVM_CARETAKER_AT(kvm_caretaker_info, handlers_digest, 0x40);
KVM_CARETAKER_AT(kvm_caretaker_info, handlers_name, 0x60);
KVM_CARETAKER_ASSERT("info size", sizeof(struct kvm_caretaker_info) == 0x70);
#endif

#endif /* _UAPI_LINUX_KVM_CARETAKER_H */

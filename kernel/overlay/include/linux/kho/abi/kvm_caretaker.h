/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_ABI_KVM_CARETAKER_H
#define _LINUX_KHO_ABI_KVM_CARETAKER_H

#include <linux/types.h>
#include <linux/kvm_caretaker_assert.h>

/**
 * DOC: KVM Caretaker, old kernel to next kernel
 *
 * This interface is a contract between two kernels. Three files types' worth of data cross:
 *
 * - the preserved CPU set (FLB &CARETAKER_CPUS_COMPATIBLE): one &struct caretaker_cpus_ser, read
 *   before secondary CPUs are started; none of the listed CPUs may get INIT or SIPI.
 * - one &struct caretaker_vm_ser per VM file (&CARETAKER_VM_COMPATIBLE).
 * - one &struct caretaker_vcpu_ser per vCPU file (&CARETAKER_VCPU_COMPATIBLE). It is the first
 *   page of the block that the Caretaker of the vCPU runs in.
 *
 * Raise the number in the compatible strings when a field changes its meaning or a struct its
 * layout. uapi/linux/kvm_caretaker_ccb.h is part of the contract with its own version
 * (@ccb_abi), because the next kernel talks to the running payload through the CCB.
 *
 * All fields are written by the old kernel, none later than at preserve of the last vCPU, and only
 * read by the next kernel. "At install" is in KVM_SET_CARETAKER.
 * Names that end in _pa are physical addresses.
 */

#define CARETAKER_CPUS_COMPATIBLE	"caretaker-cpus-v1"
#define CARETAKER_VM_COMPATIBLE		"kvm-caretaker-vm-v2"
#define CARETAKER_VCPU_COMPATIBLE	"kvm-caretaker-vcpu-v4"

#define CARETAKER_MAX_CPUS		256
#define CARETAKER_MAX_HANDLER_PAGES	64

/**
 * struct caretaker_cpu_ser - one CPU that runs a Caretaker (all written at preserve of its vCPU,
 *	before the CPU leaves the host; after a cancel @used is 0 again)
 * @apic_id:	physical APIC id
 * @used:	1 when the entry is valid
 * @block_pa:	its &struct caretaker_vcpu_ser
 */
struct caretaker_cpu_ser {
	u32 apic_id;
	u32 used;
	u64 block_pa;
};

/**
 * struct caretaker_cpus_ser - the preserved CPU set, one page
 * @size:	at preserve of the first vCPU: bytes of this struct
 * @nr:		at preserve of the first vCPU: entries of @cpu that may be used
 * @reserved:	zero
 * @cpu:	see there
 */
struct caretaker_cpus_ser {
	u32 size;
	u32 nr;
	u64 reserved;
	struct caretaker_cpu_ser cpu[CARETAKER_MAX_CPUS - 1];
} __packed;

#define CARETAKER_LIST_ENTRIES		510

/**
 * struct caretaker_list_ser - one page of a list of single pages (all written at preserve of the
 *	VM, while its tables are built)
 * @next_pa:	the next page of the list, or 0
 * @nr:		used entries of @pa
 * @pa:		the pages
 */
struct caretaker_list_ser {
	u64 next_pa;
	u64 nr;
	u64 pa[CARETAKER_LIST_ENTRIES];
} __packed;

/**
 * struct caretaker_vm_ser - one VM, one page (all written at preserve of the VM)
 * @size:	bytes of this struct
 * @nr_vcpus:	vCPUs that the VM had
 * @vm_id:	identity of the VM, for telemetry
 * @vm_type:	argument of KVM_CREATE_VM, 0
 * @npt_root_pa: root of the frozen nested page tables
 * @npt_list_pa: &struct caretaker_list_ser of all pages of these tables
 * @npt_pages:	number of them
 * @peers_pa:	&struct kvm_caretaker_peers, one page: mailboxes of all vCPUs
 */
struct caretaker_vm_ser {
	u32 size;
	u32 nr_vcpus;
	u64 vm_id;
	u64 vm_type;
	u64 npt_root_pa;
	u64 npt_list_pa;
	u64 npt_pages;
	u64 peers_pa;
} __packed;

/**
 * struct caretaker_vcpu_ser - one vCPU; first page of its block
 * @size:	at install: bytes of this struct
 * @ccb_abi:	at install: KVM_CARETAKER_CCB_ABI of the payload in the block
 * @vcpu_id:	at install: id of the vCPU in its VM
 * @apic_id:	at install: physical APIC id of the pCPU
 * @vm_ser_pa:	at preserve: its VM
 * @vm_id:	at install: identity of the VM
 * @block_pa:	at install: physical address of this page
 * @nr_pages:	at install: contiguous pages of the block, this one included
 * @tsc_khz:	at install: TSC frequency that the old kernel measured, for telemetry
 * @ccb_off:	at install: CCB, bytes from this page
 * @telemetry_off: at install: telemetry
 * @lapic_off:	at install: LAPIC registers
 * @fpu_off:	at install: XSAVE image
 * @vmcb_off:	at install: the Caretaker's VMCB
 * @vendor:	at install: 1: AMD SVM
 * @nr_handler_pages: at preserve: used entries of @handler_pa
 * @state_first: at preserve: first entry of @handler_pa that holds writable handler state
 * @ring_off:	at install: event ring, &struct kvm_caretaker_ring, page aligned
 * @reserved:	zero
 * @handler_pa:	at preserve: pages of the handler set: code, read-only data, writable state
 * @handlers_name: at preserve: name of the handler set, a string
 * @handlers_digest: at preserve: its digest, zeros when it cannot be told
 */
struct caretaker_vcpu_ser {
	u32 size;
	u32 ccb_abi;
	u32 vcpu_id;
	u32 apic_id;
	u64 vm_ser_pa;
	u64 vm_id;
	u64 block_pa;
	u32 nr_pages;
	u32 tsc_khz;
	u32 ccb_off;
	u32 telemetry_off;
	u32 lapic_off;
	u32 fpu_off;
	u32 vmcb_off;
	u32 vendor;
	u32 nr_handler_pages;
	u32 state_first;
	u32 ring_off;
	u32 reserved;
	u64 handler_pa[CARETAKER_MAX_HANDLER_PAGES];
	char handlers_name[16];
	u8 handlers_digest[32];
} __packed;

KVM_CARETAKER_AT(caretaker_cpu_ser, used, 0x04);
KVM_CARETAKER_AT(caretaker_cpu_ser, block_pa, 0x08);
KVM_CARETAKER_ASSERT("cpu size", sizeof(struct caretaker_cpu_ser) == 0x10);
KVM_CARETAKER_AT(caretaker_cpus_ser, nr, 0x04);
KVM_CARETAKER_AT(caretaker_cpus_ser, cpu, 0x10);
KVM_CARETAKER_ASSERT("cpus size", sizeof(struct caretaker_cpus_ser) == 4096);
KVM_CARETAKER_AT(caretaker_list_ser, nr, 0x08);
KVM_CARETAKER_AT(caretaker_list_ser, pa, 0x10);
KVM_CARETAKER_ASSERT("list size", sizeof(struct caretaker_list_ser) == 4096);
KVM_CARETAKER_AT(caretaker_vm_ser, nr_vcpus, 0x04);
KVM_CARETAKER_AT(caretaker_vm_ser, vm_id, 0x08);
KVM_CARETAKER_AT(caretaker_vm_ser, vm_type, 0x10);
KVM_CARETAKER_AT(caretaker_vm_ser, npt_root_pa, 0x18);
KVM_CARETAKER_AT(caretaker_vm_ser, npt_list_pa, 0x20);
KVM_CARETAKER_AT(caretaker_vm_ser, npt_pages, 0x28);
KVM_CARETAKER_AT(caretaker_vm_ser, peers_pa, 0x30);
KVM_CARETAKER_ASSERT("vm size", sizeof(struct caretaker_vm_ser) == 0x38);
KVM_CARETAKER_AT(caretaker_vcpu_ser, ccb_abi, 0x04);
KVM_CARETAKER_AT(caretaker_vcpu_ser, vcpu_id, 0x08);
KVM_CARETAKER_AT(caretaker_vcpu_ser, apic_id, 0x0c);
KVM_CARETAKER_AT(caretaker_vcpu_ser, vm_ser_pa, 0x10);
KVM_CARETAKER_AT(caretaker_vcpu_ser, vm_id, 0x18);
KVM_CARETAKER_AT(caretaker_vcpu_ser, block_pa, 0x20);
KVM_CARETAKER_AT(caretaker_vcpu_ser, nr_pages, 0x28);
KVM_CARETAKER_AT(caretaker_vcpu_ser, tsc_khz, 0x2c);
KVM_CARETAKER_AT(caretaker_vcpu_ser, ccb_off, 0x30);
KVM_CARETAKER_AT(caretaker_vcpu_ser, telemetry_off, 0x34);
KVM_CARETAKER_AT(caretaker_vcpu_ser, lapic_off, 0x38);
KVM_CARETAKER_AT(caretaker_vcpu_ser, fpu_off, 0x3c);
KVM_CARETAKER_AT(caretaker_vcpu_ser, vmcb_off, 0x40);
KVM_CARETAKER_AT(caretaker_vcpu_ser, vendor, 0x44);
KVM_CARETAKER_AT(caretaker_vcpu_ser, nr_handler_pages, 0x48);
KVM_CARETAKER_AT(caretaker_vcpu_ser, state_first, 0x4c);
KVM_CARETAKER_AT(caretaker_vcpu_ser, ring_off, 0x50);
KVM_CARETAKER_AT(caretaker_vcpu_ser, handler_pa, 0x58);
KVM_CARETAKER_AT(caretaker_vcpu_ser, handlers_name, 0x258);
KVM_CARETAKER_AT(caretaker_vcpu_ser, handlers_digest, 0x268);
KVM_CARETAKER_ASSERT("vcpu size", sizeof(struct caretaker_vcpu_ser) == 0x288);

#endif /* _LINUX_KHO_ABI_KVM_CARETAKER_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker: what the files of this directory and the vendor code share.
 *
 * Locks, outermost first: LUO session -> CPU hotplug -> kvm->lock -> vcpu->mutex (of several
 * vCPUs only under kvm->lock, or link.c's own lock) -> kvm_caretaker.lock. CPU hotplug is never
 * entered with a vcpu->mutex held. BPF's update_mutex of struct_ops is outside of the list of
 * vCPUs (iter.c), of vcpu->mutex and of bpf.c's handler_lock, which is a leaf.
 */
#ifndef _VIRT_KVM_CARETAKER_H
#define _VIRT_KVM_CARETAKER_H

#include <linux/kho/abi/kvm_caretaker.h>
#include <linux/kvm_caretaker.h>
#include <linux/kvm_host.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <uapi/linux/kvm_caretaker.h>
#include <uapi/linux/kvm_caretaker_ccb.h>

struct liveupdate_flb;

#include "bpf.h"
#include "elf.h"
#include "log.h"
#include "remote.h"

/* Pages of the isolated page tables: one root, a path for the block, a path per handler set. */
#define CARETAKER_PT_PAGES	16
#define CARETAKER_FPU_PAGES	3
/* How long another change of a vCPU, or of all vCPUs of a link, is waited for. */
#define CARETAKER_SET_WAIT_MS	10000
/* The two handler tables stand at the end of the metadata pages. */
#define CARETAKER_HANDLERS_STRIDE 256

/**
 * struct caretaker_block - the memory that one Caretaker lives in
 * @ref:	one for the vCPU, one while a pCPU is inside
 * @mem:	the pages, in the kernel's direct map; starts with @ser
 * @nr_pages:	number of them
 * @ser:	what the next kernel reads
 * @ccb:	the CCB, in the direct map
 * @telemetry:	telemetry, in the direct map
 * @ring:	event ring, in the direct map
 * @source:	the ring as tracefs sees it
 * @meta:	metadata, in the direct map
 * @lapic:	LAPIC registers, in the direct map
 * @fpu:	XSAVE image, in the direct map
 * @vmcb:	the Caretaker's own VMCB, in the direct map
 * @vmsave:	page for the Caretaker's own FS/GS/TR state
 * @hsave:	host save area
 * @msrpm:	MSR permission map, two pages
 * @iopm:	I/O permission map, three pages
 * @pt:		isolated page tables
 * @pt_used:	pages of @pt that are in use, one bit each
 * @va:		the block's pages at the address where the payload runs; NULL for a block that
 *		came from another kernel
 * @va_pages:	pages of that mapping
 * @va_vmcb:	KVM's VMCB within @va
 * @va_empty:	metadata without any entry within @va
 * @va_meta:	metadata within @va
 * @va_entry:	attached entry point
 * @va_peers:	where the isolated tables map the mailboxes of the VM while preserved
 * @peers:	these mailboxes, in the direct map, NULL while not preserved
 * @stale:	metadata must be filled again before the next attached run
 * @image_pages: pages of the payload image
 * @image_page:	its first page in the block
 * @elf:	layout of the image
 * @listed:	digests of handler sets that its payload lists; NULL when it is not signed, or lists
 *		none
 * @nr_listed:	number of them
 * @handlers:	handler set or NULL
 * @handlers_va: where it is mapped
 * @slot:	which of the two handler tables is published
 * @apic_id:	pCPU
 * @pcpu:	its logical number
 * @owner:	who claimed the pCPU
 * @adopted:	its vCPU is in KVM, in another kernel than the one that installed it
 * @online:	brings the pCPU back
 */
struct caretaker_block {
	refcount_t ref;
	void *mem;
	unsigned int nr_pages;
	struct caretaker_vcpu_ser *ser;
	struct kvm_caretaker_ccb *ccb;
	struct kvm_caretaker_telemetry *telemetry;
	struct kvm_caretaker_ring *ring;
	struct caretaker_source source;
	struct kvm_caretaker_meta *meta;
	void *lapic;
	void *fpu;
	void *vmcb;
	void *vmsave;
	void *hsave;
	void *msrpm;
	void *iopm;
	u64 *pt;
	unsigned long pt_used;
	void *va;
	unsigned int va_pages;
	u64 va_vmcb;
	u64 va_empty;
	u64 va_meta;
	u64 va_entry;
	u64 va_peers;
	struct kvm_caretaker_peers *peers;
	bool stale;
	unsigned int image_pages;
	unsigned int image_page;
	struct caretaker_elf elf;
	u8 (*listed)[32];
	unsigned int nr_listed;
	struct caretaker_handlers *handlers;
	void *handlers_va;
	unsigned int slot;
	u32 apic_id;
	unsigned int pcpu;
	void *owner;
	bool adopted;
	struct delayed_work online;
};

/**
 * struct kvm_caretaker - the Caretaker of one vCPU (vcpu->caretaker)
 * @node:	in the list of iter.c
 * @lock:	guards @block against readers that do not hold vcpu->mutex
 * @vcpu:	the vCPU
 * @block:	memory of the payload, NULL for none
 * @attached:	KVM enters the guest through the payload
 * @detached:	the guest runs on the pCPU, in this kernel
 * @orphan:	it came from an earlier kernel and was not adopted yet
 * @adopted:	it came from an earlier kernel and was adopted; block is for reading only
 * @updating:	KVM_SET_CARETAKER or a link update is changing @block (guarded by @lock, excludes
 *		@preserved)
 * @lost:	its Caretaker FAULTED: the vCPU cannot run any more
 * @preserved:	LUO holds the vCPU file
 * @armed:	its pCPU waits in the payload for the vCPU to be handed over
 * @reclaimed:	how the last attempt to take the vCPU back ended
 * @stop:	leave KVM_RUN, so many wait for vcpu->mutex
 * @asked:	TSC when it was asked to leave KVM_RUN for a handover
 * @pcpu:	logical number of the pCPU
 * @generation:	successful installs
 * @link:	the link that its handlers came by, 0 for none (written while @updating)
 * @budget:	what these were allowed to cost
 * @vm_id:	identity of the VM
 */
struct kvm_caretaker {
	struct list_head node;
	struct mutex lock;	/* @block, for readers without vcpu->mutex */
	struct kvm_vcpu *vcpu;
	struct caretaker_block *block;
	bool attached;
	bool detached;
	bool orphan;
	bool adopted;
	bool preserved;
	bool armed;
	int reclaimed;
	bool updating;
	bool lost;
	atomic_t stop;
	u64 asked;
	unsigned int pcpu;
	u32 generation;
	u64 link;
	u32 budget;
	u64 vm_id;
};

/**
 * struct caretaker_npt - frozen nested page tables
 * @root_pa:	root table
 * @list_pa:	&struct caretaker_list_ser of all tables
 * @pages:	number of tables
 */
struct caretaker_npt {
	u64 root_pa;
	u64 list_pa;
	u64 pages;
};

/**
 * struct caretaker_vm - a preserved or retrieved VM
 * @list:	in the list of luo.c
 * @ref:	one for the list, one per vCPU that is being adopted
 * @kvm:	the VM; the file that LUO holds keeps it alive
 * @ser:	what the next kernel reads; in a next kernel, what it read
 * @npt:	its frozen NPT
 * @peers:	mailboxes of its vCPUs
 * @nr_vcpus:	vCPUs that it had when it was preserved
 * @incoming:	it was retrieved, not preserved
 * @detached:	its vCPUs were handed over and not taken back
 * @lost:	a vCPU could not be taken back: its tables and memory must stay
 * @lock:	guards the rest
 * @wait:	vCPUs in their first KVM_RUN wait here for the others
 * @arrived:	how many do
 * @gone:	vCPUs that were adopted or lost
 * @round:	counts the attempts to adopt
 * @importing:	vCPUs that came together and are not all in KVM yet
 */
struct caretaker_vm {
	struct list_head list;
	refcount_t ref;
	struct kvm *kvm;
	struct caretaker_vm_ser *ser;
	struct caretaker_npt npt;
	struct kvm_caretaker_peers *peers;
	unsigned int nr_vcpus;
	bool incoming;
	bool detached;
	bool lost;
	spinlock_t lock;	/* the following */
	wait_queue_head_t wait;
	unsigned int arrived;
	unsigned int gone;
	unsigned int round;
	unsigned int importing;
};

/* payload.c */
struct caretaker_block *caretaker_payload_load(struct kvm_vcpu *vcpu, int fd,
					       struct caretaker_log *log);
int caretaker_trust_check(const struct caretaker_block *b, const struct caretaker_handlers *h,
			  struct caretaker_log *log);

/* block.c */
struct caretaker_block *caretaker_block_create(const struct caretaker_elf *elf, const void *file,
					       struct page *kvm_vmcb, struct caretaker_log *log);
struct caretaker_block *caretaker_block_restore(u64 block_pa);
void caretaker_block_get(struct caretaker_block *b);
void caretaker_block_put(struct caretaker_block *b);
int caretaker_block_map_handlers(struct caretaker_block *b, const struct caretaker_handlers *h,
				 void **va);
void caretaker_block_unmap_handlers(struct caretaker_block *b, const struct caretaker_handlers *h,
				    void *va);
void caretaker_block_use_handlers(struct caretaker_block *b, struct caretaker_handlers *h,
				  void *va, struct mutex *readers);
int caretaker_block_set_handlers(struct caretaker_block *b,
				 struct caretaker_handlers *h, struct mutex *readers);
void caretaker_handlers_identity(const struct caretaker_block *b, char *name, u8 *digest);
int caretaker_block_preserve(struct caretaker_block *b);
void caretaker_block_unpreserve(struct caretaker_block *b);
u64 caretaker_block_va(const struct caretaker_block *b, const void *mem);
int caretaker_block_set_peers(struct caretaker_block *b, struct kvm_caretaker_peers *peers,
			      unsigned int self);

/* pages.c */
int caretaker_page_preserve(struct page *page);
void caretaker_page_unpreserve(struct page *page);
int caretaker_page_restore(u64 pa);
void caretaker_page_release(u64 pa);

/* install.c */
struct kvm_caretaker *caretaker_of(struct kvm_vcpu *vcpu);
int caretaker_publish(struct kvm_caretaker *ct);
long caretaker_set(struct kvm_vcpu *vcpu, unsigned long arg);
int caretaker_set_begin_wait(struct kvm_caretaker *ct, ktime_t end);
void caretaker_set_end(struct kvm_caretaker *ct);
void caretaker_stop_ask(struct kvm_caretaker *ct);
int caretaker_stop_wait(struct kvm_caretaker *ct, bool complete, struct mutex *nest);
void caretaker_go(struct kvm_caretaker *ct);

/* readout.c */
long caretaker_get(struct kvm_vcpu *vcpu, unsigned long arg);
void caretaker_info_fill(struct kvm_caretaker *ct, struct kvm_caretaker_info *info);

/* iter.c */
void caretaker_iter_add(struct kvm_caretaker *ct);
void caretaker_iter_del(struct kvm_caretaker *ct);
int caretaker_iter_linked(u64 link, int (*each)(struct kvm_caretaker *ct, void *data),
			  void *data);
void caretaker_trace_detach(struct kvm_caretaker *ct);
void caretaker_trace_back(struct kvm_caretaker *ct, bool cancel);

/* gap.c */
int caretaker_move(struct caretaker_block *b, u32 from, u32 to);
int caretaker_arm(struct caretaker_block *b);
void caretaker_disarm(struct caretaker_block *b);
void caretaker_forward(struct caretaker_block *b);
void caretaker_ring(struct caretaker_block *b);
int caretaker_ring_wait(struct caretaker_block *b);
int caretaker_reclaim_ask(struct caretaker_block *b);
int caretaker_reclaim_wait(struct caretaker_block *b);
void caretaker_pcpu_return(struct caretaker_block *b);
void caretaker_pcpu_return_later(struct caretaker_block *b);
int caretaker_adopt(struct kvm_caretaker *ct);
void caretaker_give_up(struct kvm_caretaker *ct);

/* ledger.c */
void caretaker_ledger_begin(struct caretaker_block *b);
void caretaker_ledger_open(struct caretaker_block *b);
void caretaker_ledger_stop(struct caretaker_block *b, u64 asked);
void caretaker_ledger_back(struct caretaker_block *b);
void caretaker_ledger_lost(struct caretaker_block *b);

/* cpus.c */
extern struct liveupdate_flb caretaker_cpus_flb;
int caretaker_cpus_set(u32 apic_id, u64 block_pa);

/* group.c */
int caretaker_vm_hand_over(struct caretaker_vm *vm);
void caretaker_vm_take_back(struct caretaker_vm *vm);
int caretaker_vm_adopt(struct caretaker_vm *vm, struct kvm_caretaker *ct);

/* luo.c */
struct caretaker_vm *caretaker_vm_get(struct kvm *kvm);
void caretaker_vm_put(struct caretaker_vm *vm);
u64 caretaker_npt_bytes(struct kvm *kvm);

/* npt.c */
int caretaker_npt_build(struct kvm *kvm, struct caretaker_npt *npt);
void caretaker_npt_destroy(struct caretaker_npt *npt);
void caretaker_npt_pin(const struct caretaker_npt *npt);
void caretaker_npt_restore_free(struct caretaker_npt *npt);

/* vendor code: arch/x86/kvm/svm/caretaker.c */
int caretaker_svm_supported(struct kvm_vcpu *vcpu, struct caretaker_log *log);
struct page *caretaker_svm_vmcb_page(struct kvm_vcpu *vcpu);
void caretaker_svm_attach(struct kvm_vcpu *vcpu, struct caretaker_block *b);
void caretaker_svm_refresh(struct kvm_vcpu *vcpu, struct caretaker_block *b, bool gap);
int caretaker_svm_can_export(struct kvm_vcpu *vcpu, const char **why);
int caretaker_svm_export(struct kvm_vcpu *vcpu, struct caretaker_block *b, u64 npt_root,
			 const char **why);
void caretaker_svm_unexport(struct kvm_vcpu *vcpu, struct caretaker_block *b);
int caretaker_svm_first_run(struct kvm_vcpu *vcpu);
int caretaker_svm_can_import(struct kvm_vcpu *vcpu, struct caretaker_block *b, const char **why);
int caretaker_svm_import(struct kvm_vcpu *vcpu, struct caretaker_block *b);
u32 caretaker_svm_event(const struct caretaker_block *b);

#endif /* _VIRT_KVM_CARETAKER_H */

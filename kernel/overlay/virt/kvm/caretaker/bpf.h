/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker: exit handlers, written in BPF and compiled to run without a kernel.
 */
#ifndef __VIRT_KVM_CARETAKER_BPF_H
#define __VIRT_KVM_CARETAKER_BPF_H

#include <linux/kho/abi/kvm_caretaker.h>
#include <linux/types.h>

#include <uapi/linux/kvm_caretaker_bpf.h>

#include "log.h"

struct bpf_map;
struct bpf_prog;
struct ctv_refusal;
struct page;

/* Longest name of a handler set, terminating 0 included. */
#define CARETAKER_HANDLERS_NAME		16

/* Entry offset of a class without handler. */
#define CARETAKER_HANDLERS_NONE		(~0U)

/* Most pages of one handler set, code and state together. */
#define CARETAKER_HANDLERS_MAX_PAGES	CARETAKER_MAX_HANDLER_PAGES

/**
 * struct kvm_caretaker_ops - exit handlers as a BPF struct_ops
 * @hlt:	handler of KVM_CARETAKER_CLASS_HLT: takes the exit, returns a verdict
 *		(enum kvm_caretaker_verdict); may be NULL, as all that follow
 * @cpuid:	handler of KVM_CARETAKER_CLASS_CPUID
 * @rdmsr:	handler of KVM_CARETAKER_CLASS_RDMSR
 * @wrmsr:	handler of KVM_CARETAKER_CLASS_WRMSR
 * @io:		handler of KVM_CARETAKER_CLASS_IO
 * @mmio:	handler of KVM_CARETAKER_CLASS_MMIO
 * @hypercall:	handler of KVM_CARETAKER_CLASS_HYPERCALL
 * @ipi:	handler of KVM_CARETAKER_CLASS_IPI
 * @timer:	handler of KVM_CARETAKER_CLASS_TIMER
 * @pause:	handler of KVM_CARETAKER_CLASS_PAUSE
 * @other:	handler of KVM_CARETAKER_CLASS_OTHER
 * @abi_version: KVM_CARETAKER_BPF_ABI that the handlers were written for
 * @flags:	must be zero
 * @name:	name of the set for logs and tools
 * @digest:	kernel: digest of the set (ctv_digest.c), zeros when it cannot be told; must be
 *		zero in what is loaded
 *
 * The kernel never calls the members: KVM_SET_CARETAKER compiles the programs for the payload.
 */
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
	u32 abi_version;
	u32 flags;
	char name[CARETAKER_HANDLERS_NAME];
	u8 digest[32];
};

/**
 * struct caretaker_handlers - a handler set, verified and compiled; never changes
 * @nr_pages:	all pages
 * @pages:	in the order in which they must follow each other in virtual memory: code, then
 *		read-only state, then writable state, then scratch memory
 * @nr_text:	pages of code, to be mapped read-only and executable
 * @nr_ro:	pages of read-only state
 * @nr_rw:	pages of writable state; they belong to the BPF maps of the programs' global
 *		variables and are shared with those who mmap the maps
 * @nr_scratch:	pages of scratch memory, writable, of this set alone
 * @text_size:	bytes of code
 * @entry_off:	by class: offset of the handler from the first page, CARETAKER_HANDLERS_NONE
 * @fuel:	by class: value of R12 when the handler is called
 * @cost:	by class: worst case of one call in cost units
 * @digest:	digest of the set (ctv_digest.c), zeros when it cannot be told
 * @signed_bpf:	the kernel verified a signature of each program, by a key that it trusts
 * @name:	name of the set
 * @nr_maps:	BPF maps that are held
 * @maps:	these maps
 * @link:	the link that named the set, by its number
 * @map_id:	the map that it named
 * @budget:	what its programs were allowed to cost, 0: the default
 * @compile_ns:	time that it took to compile, memory for the code included
 *
 * The code is position independent: any address will do as long as the order is kept.
 */
struct caretaker_handlers {
	unsigned int nr_pages;
	struct page **pages;
	unsigned int nr_text;
	unsigned int nr_ro;
	unsigned int nr_rw;
	unsigned int nr_scratch;
	u32 text_size;
	u32 entry_off[KVM_CARETAKER_NR_CLASSES];
	u32 fuel[KVM_CARETAKER_NR_CLASSES];
	u32 cost[KVM_CARETAKER_NR_CLASSES];
	u8 digest[32];
	bool signed_bpf;
	char name[CARETAKER_HANDLERS_NAME];
	unsigned int nr_maps;
	struct bpf_map **maps;
	u64 link;
	u32 map_id;
	u32 budget;
	u64 compile_ns;
};

/**
 * caretaker_handlers_create() - verify and compile the programs of a struct_ops map
 * @map_fd:	file descriptor of a BPF map of struct kvm_caretaker_ops that has a link
 * @budget:	worst-case cost allowed per call in cost units, 0 for the default
 * @log:	takes the reason of a refusal, or the cost of each program; may be NULL
 *
 * The result does not depend on the link, the map or the programs any more; it holds the maps
 * of their global variables. Context: process, sleeps; takes no lock of KVM.
 *
 * Return: the set, to be freed with caretaker_handlers_destroy(), or ERR_PTR: -EBADF, -EINVAL,
 * -EPROTONOSUPPORT, -EACCES, -EOPNOTSUPP, -E2BIG, -ENOMEM, -EIO as documented at
 * KVM_SET_CARETAKER.
 */
struct caretaker_handlers *caretaker_handlers_create(int map_fd, u32 budget,
						     struct caretaker_log *log);

/**
 * caretaker_handlers_destroy() - free a set that is mapped nowhere any more
 * @h:		set or NULL
 *
 * Context: process, may sleep.
 */
void caretaker_handlers_destroy(struct caretaker_handlers *h);

/* Between bpf.c and bpf_build.c: stage 2 on the kernel's copy of a map's value, which is held. */
struct caretaker_handlers *caretaker_handlers_build(struct kvm_caretaker_ops *ops, u32 budget,
						    struct caretaker_log *log);

/* link.c: called by bpf.c when a link is updated. */
int caretaker_link_update(u64 link, struct kvm_caretaker_ops *ops);

/* Whether the link that a set came by has not moved on since. One that is gone has not. */
bool caretaker_link_current(const struct caretaker_handlers *h);

/* bpf_kfunc.c: the functions that handlers may call, and by which number, by enum ctv_kfunc. */
int caretaker_kfunc_init(void);
const s32 *caretaker_kfunc_ids(void);
void caretaker_kfunc_calls(s32 *imm);

/* bpf_digest.c: struct kvm_caretaker_ops.digest. */
int caretaker_digest_note(const struct bpf_prog *prog);
int caretaker_digest_make(struct kvm_caretaker_ops *ops);

/* bpf_build.c: what is known of a map of global variables, and the class that a program serves. */
bool caretaker_map_is_ro(const struct bpf_map *map);
void *caretaker_map_value(struct bpf_map *map);
u32 caretaker_prog_class(const struct bpf_prog *prog);

/* Whether a program is an exit handler, as soon as the BPF verifier knows. */
bool caretaker_is_handler(const struct bpf_prog *prog);

/* Words for a refusal, with the source line when the program came with line information. */
void caretaker_refusal_text(char *buf, size_t size, const struct bpf_prog *prog, const char *class,
			    const struct ctv_refusal *r);

#endif /* __VIRT_KVM_CARETAKER_BPF_H */

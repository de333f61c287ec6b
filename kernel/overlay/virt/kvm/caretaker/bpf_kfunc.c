// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: the kernel functions that exit handlers may call.
 *
 * They exist for their names and types: libbpf finds them, and the BPF verifier judges by them how
 * a handler calls them and what it may do with the result. They are never executed. The kernel does
 * not run handlers, attached or detached; the compiler for the payload puts code of its own where
 * they are called (ctv_jit_kfunc.c), since what they name may be gone when a handler runs.
 */
#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/filter.h>

#include "bpf.h"
#include "ctv.h"

static_assert(offsetof(struct kvm_caretaker_exit, requests) == CTV_EXIT_REQUESTS);
static_assert(offsetof(struct kvm_caretaker_exit, irr) == CTV_EXIT_IRR);
static_assert(offsetof(struct kvm_caretaker_exit, emit_size) == CTV_EXIT_EMIT_SIZE);
static_assert(offsetof(struct kvm_caretaker_exit, emit) == CTV_EXIT_EMIT);
static_assert(CTV_EMIT_SIZE == KVM_CARETAKER_EMIT_SIZE);
static_assert(CTV_REQUEST_EMIT == KVM_CARETAKER_REQUEST_EMIT);
/* The BPF verifier takes any memory of that size for an exit context: code stays within it. */
static_assert(CTV_EXIT_EMIT + CTV_EMIT_SIZE <= sizeof(struct kvm_caretaker_exit));
static_assert(CTV_REQUEST_IRQ == KVM_CARETAKER_REQUEST_IRQ);
static_assert(CTV_SCRATCH_SLOTS == KVM_CARETAKER_SCRATCH_SLOTS);
static_assert(CTV_SCRATCH_SIZE == KVM_CARETAKER_SCRATCH_SIZE);

__bpf_kfunc_start_defs();

/**
 * bpf_caretaker_time - the time
 * @exit:	exit context
 *
 * Return: the TSC of the pCPU, as it is when the function is called: it goes on over a kexec, and
 * is what telemetry counts in. Plus exit->tsc_offset it is what the guest reads as its TSC.
 */
__bpf_kfunc u64 bpf_caretaker_time(const struct kvm_caretaker_exit *exit)
{
	return 0;
}

/**
 * bpf_caretaker_scratch - memory that belongs to this vCPU alone
 * @exit:	exit context
 * @idx:	slot, less than KVM_CARETAKER_SCRATCH_SLOTS
 * @rdwr_buf_size: bytes that will be used, a constant, at most KVM_CARETAKER_SCRATCH_SIZE
 *
 * Zero when the set is installed, and kept over a gap as global variables are.
 *
 * Return: the slot, or NULL when there is no such slot or it is not that large.
 */
__bpf_kfunc u8 *bpf_caretaker_scratch(struct kvm_caretaker_exit *exit, u32 idx,
				      const u32 rdwr_buf_size)
{
	return NULL;
}

/**
 * bpf_caretaker_inject - have an interrupt delivered to this vCPU
 * @exit:	exit context
 * @vector:	16 to 255
 *
 * Becomes pending in the vCPU's LAPIC, edge-triggered, when the handler has returned, whatever its
 * verdict is; one that is pending already stays one. A LAPIC that is switched off drops it.
 *
 * Return: 0, or -EINVAL for a vector that cannot be.
 */
__bpf_kfunc int bpf_caretaker_inject(struct kvm_caretaker_exit *exit, u32 vector)
{
	return 0;
}

/**
 * bpf_caretaker_emit - write an event to the vCPU's ring
 * @exit:	exit context
 * @data:	what the event holds
 * @data__sz:	bytes: 8, 16 ... KVM_CARETAKER_EMIT_SIZE
 *
 * Written when the handler has returned, whatever its verdict is, if events of handlers are on.
 *
 * Return: 0; -EINVAL for another size; -EBUSY when there was one already for this exit.
 */
__bpf_kfunc int bpf_caretaker_emit(struct kvm_caretaker_exit *exit, const void *data, u32 data__sz)
{
	return 0;
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(caretaker_kfunc_set)
BTF_ID_FLAGS(func, bpf_caretaker_time)
BTF_ID_FLAGS(func, bpf_caretaker_scratch, KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_caretaker_inject)
BTF_ID_FLAGS(func, bpf_caretaker_emit)
BTF_KFUNCS_END(caretaker_kfunc_set)

/* In the order of enum ctv_kfunc */
BTF_ID_LIST(caretaker_kfunc_list)
BTF_ID(func, bpf_caretaker_time)
BTF_ID(func, bpf_caretaker_scratch)
BTF_ID(func, bpf_caretaker_inject)
BTF_ID(func, bpf_caretaker_emit)

/*
 * Struct_ops programs of other kinds have no exit context that they could pass, and must not find
 * another way to one. What kind a program is, is not known when calls are collected; the verifier
 * asks again at each call.
 */
static int kfunc_filter(const struct bpf_prog *prog, u32 kfunc_id)
{
	if (!btf_id_set8_contains(&caretaker_kfunc_set, kfunc_id) || !prog->aux->st_ops)
		return 0;
	return caretaker_is_handler(prog) ? 0 : -EACCES;
}

static const struct btf_kfunc_id_set kfunc_id_set = {
	.owner	= THIS_MODULE,
	.set	= &caretaker_kfunc_set,
	.filter	= kfunc_filter,
};

int __init caretaker_kfunc_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS, &kfunc_id_set);
}

/* What calls hold in imm when a program is loaded. */
const s32 *caretaker_kfunc_ids(void)
{
	return (const s32 *)caretaker_kfunc_list;
}

/* What calls hold in imm when the BPF verifier is done. */
void caretaker_kfunc_calls(s32 *imm)
{
	imm[CTV_KFUNC_TIME] = BPF_CALL_IMM(bpf_caretaker_time);
	imm[CTV_KFUNC_SCRATCH] = BPF_CALL_IMM(bpf_caretaker_scratch);
	imm[CTV_KFUNC_INJECT] = BPF_CALL_IMM(bpf_caretaker_inject);
	imm[CTV_KFUNC_EMIT] = BPF_CALL_IMM(bpf_caretaker_emit);
}

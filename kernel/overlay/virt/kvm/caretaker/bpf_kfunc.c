// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: the kernel functions that exit handlers may call.
 *
 * libbpf finds their names, and the BPF verifier judges by their types how a handler calls them and
 * what it may do with the result. What they do is in ctv_kfunc_code.h. The kernel does not run
 * handlers, attached or detached, so it never calls them: where a handler runs they may be gone.
 * The compiler puts code of the same source into the set.
 */
#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/filter.h>

#include "bpf.h"
#include "ctv.h"
#include "ctv_kfunc_code.h"

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
	return ctv_do_time(exit);
}

/**
 * bpf_caretaker_scratch - memory that belongs to this vCPU alone
 * @exit:	exit context
 * @idx:	slot, less than KVM_CARETAKER_SCRATCH_SLOTS
 * @rdwr_buf_size: bytes that will be used, a constant, at most KVM_CARETAKER_SCRATCH_SIZE
 *
 * Zero when the set is installed, and kept over a gap as global variables are. The memory is a
 * set's, whose compiled code has its address. @exit, which may be any memory of that size, does not
 * lead to it: the kernel's function has none to give.
 *
 * Return: the slot, or NULL when there is no such slot or it is not that large.
 */
__bpf_kfunc u8 *bpf_caretaker_scratch(struct kvm_caretaker_exit *exit, u32 idx,
				      const u32 rdwr_buf_size)
{
	return ctv_do_scratch(exit, idx, rdwr_buf_size, NULL);
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
	return ctv_do_inject(exit, vector);
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
	return ctv_do_emit(exit, data, data__sz);
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

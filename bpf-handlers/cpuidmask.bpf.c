// SPDX-License-Identifier: GPL-2.0
/*
 * Exit handler: masks or overrides up to eight CPUID leaves, attached and in the gap.
 *
 * The VMM gives the values, as it does with KVM_SET_CPUID2, and a mask that it may change while
 * the guest runs. All other leaves are left to the native code. A handler cannot see what the
 * native code would answer, so masking needs the values here.
 */
#include "caretaker.bpf.h"
#include "cpuidmask.h"

struct caretaker_cpuidmask_state cpuidmask_state;

static __always_inline int
leaf_fits(const struct caretaker_cpuidmask_leaf *l, __u32 function, __u32 index)
{
	if (!(l->flags & CARETAKER_CPUIDMASK_USED) || l->function != function)
		return 0;
	return !(l->flags & CARETAKER_CPUIDMASK_INDEXED) || l->index == index;
}

static __always_inline int
leaf_answer(struct kvm_caretaker_exit *exit, struct caretaker_cpuidmask_leaf *l)
{
	exit->gpr[KVM_CARETAKER_RAX] = l->value[0] & l->mask[0];
	exit->gpr[KVM_CARETAKER_RBX] = l->value[1] & l->mask[1];
	exit->gpr[KVM_CARETAKER_RCX] = l->value[2] & l->mask[2];
	exit->gpr[KVM_CARETAKER_RDX] = l->value[3] & l->mask[3];
	__sync_fetch_and_add(&l->answered, 1);
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLER(cpuid, cpuidmask_cpuid)
{
	__u32 function = exit->gpr[KVM_CARETAKER_RAX], index = exit->gpr[KVM_CARETAKER_RCX];
	struct caretaker_cpuidmask_leaf *l = cpuidmask_state.leaf;
	int i;

	/* without loops the cost is exact */
#pragma clang loop unroll(full)
	for (i = 0; i < CARETAKER_CPUIDMASK_LEAVES; i++)
		if (leaf_fits(&l[i], function, index))
			return leaf_answer(exit, &l[i]);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(cpuidmask, .cpuid = (void *)cpuidmask_cpuid);

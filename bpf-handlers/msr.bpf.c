// SPDX-License-Identifier: GPL-2.0
/*
 * Exit handler: policy for MSRs, attached and in the gap: allow, deny, count.
 *
 * A denied read gives a value that the VMM chose, a denied write is dropped and kept in the
 * state. It cannot be answered with #GP: handlers cannot inject exceptions. Only accesses that
 * exit come here; KVM lets guests access some MSRs directly.
 */
#include "caretaker.bpf.h"
#include "msr.h"

struct caretaker_msr_state msr_state;

static __always_inline int msr_read(struct kvm_caretaker_exit *exit, struct caretaker_msr_rule *r)
{
	__sync_fetch_and_add(&r->reads, 1);
	if (r->read != CARETAKER_MSR_DENY)
		return KVM_CARETAKER_NEXT;
	exit->gpr[KVM_CARETAKER_RAX] = (__u32)r->value;
	exit->gpr[KVM_CARETAKER_RDX] = r->value >> 32;
	return KVM_CARETAKER_HANDLED;
}

static __always_inline int msr_write(struct kvm_caretaker_exit *exit, struct caretaker_msr_rule *r)
{
	__u64 low = (__u32)exit->gpr[KVM_CARETAKER_RAX];

	__sync_fetch_and_add(&r->writes, 1);
	r->last_value = low | exit->gpr[KVM_CARETAKER_RDX] << 32;
	return r->write == CARETAKER_MSR_DENY ? KVM_CARETAKER_HANDLED : KVM_CARETAKER_NEXT;
}

static __always_inline int msr_fits(const struct caretaker_msr_rule *r, __u32 msr, __u32 action)
{
	return action != CARETAKER_MSR_NONE && msr >= r->first && msr <= r->last;
}

CARETAKER_HANDLER(rdmsr, msr_rdmsr)
{
	__u32 msr = exit->gpr[KVM_CARETAKER_RCX];
	struct caretaker_msr_rule *r = msr_state.rule;
	int i;

#pragma clang loop unroll(full)
	for (i = 0; i < CARETAKER_MSR_RULES; i++)
		if (msr_fits(&r[i], msr, r[i].read))
			return msr_read(exit, &r[i]);
	__sync_fetch_and_add(&msr_state.others, 1);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLER(wrmsr, msr_wrmsr)
{
	__u32 msr = exit->gpr[KVM_CARETAKER_RCX];
	struct caretaker_msr_rule *r = msr_state.rule;
	int i;

#pragma clang loop unroll(full)
	for (i = 0; i < CARETAKER_MSR_RULES; i++)
		if (msr_fits(&r[i], msr, r[i].write))
			return msr_write(exit, &r[i]);
	__sync_fetch_and_add(&msr_state.others, 1);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(msr, .rdmsr = (void *)msr_rdmsr, .wrmsr = (void *)msr_wrmsr);

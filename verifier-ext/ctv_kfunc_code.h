/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel functions of exit handlers do, the only source of it: the kernel's functions
 * (bpf_kfunc.c) are these, and so is the code that the compiler puts into a handler set
 * (kfunc_blob.c). There it runs where no kernel may be alive. So it reaches nothing but what its
 * arguments point to: no data of its own, no calls, no loops. kfunc-blob.sh refuses what has them.
 *
 * Arguments are those of the kernel functions, in their order; what only the Caretaker knows comes
 * after them. What may be out of range is masked as well as refused: a CPU may run on with it
 * before it knows.
 */
#ifndef CTV_KFUNC_CODE_H
#define CTV_KFUNC_CODE_H

#include <linux/errno.h>
#include <linux/kvm_caretaker_bpf.h>

#include "ctv_insn.h"

#define CTV_FIRST_VECTOR	16U
#define CTV_NR_VECTORS		256U

/* @index, less than @nr, a power of two, also where it is not: then another index of these. */
static inline u32 ctv_do_mask(u32 index, u32 nr)
{
	/* else the compiler sees that there is nothing to mask */
	asm ("" : "+r" (index));
	return index & (nr - 1);
}

/* The only part that another architecture has to write anew. */
static inline u64 ctv_do_time(const struct kvm_caretaker_exit *exit)
{
	u64 low, high;

	asm volatile ("rdtsc" : "=a" (low), "=d" (high));
	return high << 32 | low;
}

/*
 * @scratch is the vCPU's memory, NULL where it has none. All 64 bits of @size are looked at, as the
 * BPF verifier does.
 */
static inline u8 *ctv_do_scratch(struct kvm_caretaker_exit *exit, u32 idx, u64 size, u8 *scratch)
{
	if (!scratch || idx >= KVM_CARETAKER_SCRATCH_SLOTS || size > KVM_CARETAKER_SCRATCH_SIZE)
		return NULL;
	return scratch + ctv_do_mask(idx, KVM_CARETAKER_SCRATCH_SLOTS) * KVM_CARETAKER_SCRATCH_SIZE;
}

/* The payload, or attached the kernel, acts on it when the handler has returned. */
static inline long ctv_do_inject(struct kvm_caretaker_exit *exit, u32 vector)
{
	if (vector < CTV_FIRST_VECTOR || vector >= CTV_NR_VECTORS)
		return -EINVAL;
	vector = ctv_do_mask(vector, CTV_NR_VECTORS);
	exit->irr[vector / 32] |= 1U << vector % 32;
	exit->requests |= KVM_CARETAKER_REQUEST_IRQ;
	return 0;
}

/* Word @i of the event, if there is one. */
static inline void ctv_do_emit_word(struct kvm_caretaker_exit *exit, const void *data, u32 size,
				    u32 i)
{
	if (size > 8 * i)
		__builtin_memcpy(&exit->emit[i], (const char *)data + 8 * i, 8);
}

static inline long ctv_do_emit(struct kvm_caretaker_exit *exit, const void *data, u32 size)
{
	if (!size || size % 8 || size > KVM_CARETAKER_EMIT_SIZE)
		return -EINVAL;
	if (exit->requests & KVM_CARETAKER_REQUEST_EMIT)
		return -EBUSY;
	exit->requests |= KVM_CARETAKER_REQUEST_EMIT;
	exit->emit_size = size;
	ctv_do_emit_word(exit, data, size, 0);
	ctv_do_emit_word(exit, data, size, 1);
	ctv_do_emit_word(exit, data, size, 2);
	ctv_do_emit_word(exit, data, size, 3);
	ctv_do_emit_word(exit, data, size, 4);
	ctv_do_emit_word(exit, data, size, 5);
	ctv_do_emit_word(exit, data, size, 6);
	ctv_do_emit_word(exit, data, size, 7);
	return 0;
}

#endif /* CTV_KFUNC_CODE_H */

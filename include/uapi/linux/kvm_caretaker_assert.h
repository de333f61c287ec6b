/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * KVM Caretaker: how the headers of its interfaces assert their layout, in C and in C++.
 */
#ifndef _UAPI_LINUX_KVM_CARETAKER_ASSERT_H
#define _UAPI_LINUX_KVM_CARETAKER_ASSERT_H

#include <linux/types.h>

#ifdef __cplusplus
#define KVM_CARETAKER_ASSERT(name, cond) static_assert(cond, "kvm_caretaker ABI: " name)
#else
#define KVM_CARETAKER_ASSERT(name, cond) _Static_assert(cond, "kvm_caretaker ABI: " name)
#endif
#define KVM_CARETAKER_AT(type, field, off) \
	KVM_CARETAKER_ASSERT(#type "." #field, __builtin_offsetof(struct type, field) == (off))

#ifndef __ASSEMBLER__
KVM_CARETAKER_ASSERT("fixed width", sizeof(__u32) == 4 && sizeof(__u64) == 8);
#endif

#endif /* _UAPI_LINUX_KVM_CARETAKER_ASSERT_H */

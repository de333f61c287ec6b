/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: integer types and compiler helpers.
 */
#ifndef PAYLOAD_TYPES_H
#define PAYLOAD_TYPES_H

#include <linux/types.h>

/* Everything is reached relative to RIP, never through a GOT. */
#pragma GCC visibility push(hidden)

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;
typedef _Bool bool;

#ifndef NULL
#define NULL	((void *)0)
#endif

#define true	1
#define false	0

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

#define noinline	__attribute__((noinline))
#undef __always_inline
#define __always_inline	inline __attribute__((always_inline))
#define __noreturn	__attribute__((noreturn))
#define __packed	__attribute__((packed))
#define __aligned(n)	__attribute__((aligned(n)))

#define load_acquire(p)		__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_release(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)

#endif /* PAYLOAD_TYPES_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * The programs of Linux' own BPF test module that are in the subset of handlers, run both ways.
 * Their table comes from the tree that the kernels are built from (linux-table.sh).
 */
#include "kernel_vectors.h"

/* ---- what lib/test_bpf.c uses of the kernel ---- */

#define BIT(n)			(1UL << (n))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define GFP_KERNEL		0
#define kmalloc_objs(obj, nr)	calloc(nr, sizeof(obj))
#define kmalloc_array(nr, size, flags) calloc(nr, size)
#define S32_MIN			INT32_MIN
#define S32_MAX			INT32_MAX
#define S16_MAX			INT16_MAX
#define S64_MAX			INT64_MAX
#define U32_MAX			UINT32_MAX
#define cpu_to_le16(x)		(x)	/* x86 */
#define cpu_to_le32(x)		(x)
#define cpu_to_le64(x)		(x)
#define cpu_to_be16(x)		__builtin_bswap16(x)
#define cpu_to_be32(x)		__builtin_bswap32(x)
#define cpu_to_be64(x)		__builtin_bswap64(x)
#define ETH_P_IP		0x0800
#define ETH_P_IPV6		0x86dd
#define __bpf_call_base		((char *)0)
#define notrace
#define noinline		__attribute__((noinline))
#define BPF_NOSPEC		0xc0	/* internal opcodes of include/linux/filter.h */
#define BPF_PROBE_MEM		0x20
#define BPF_CALL_ARGS		0xe0
#define BPF_TAIL_CALL		0xf0

/* Only programs of classic BPF are made of random numbers, and they are not looked at. */
struct rnd_state {
	u32 s;
};

static inline void prandom_seed_state(struct rnd_state *r, u64 seed)
{
	r->s = (u32)seed;
}

static inline u32 prandom_u32_state(struct rnd_state *r)
{
	return r->s = r->s * 1664525 + 1013904223;
}

static inline u64 div64_u64(u64 a, u64 b)
{
	return a / b;
}

static inline s64 div64_s64(s64 a, s64 b)
{
	return b == -1 ? (s64)(0 - (u64)a) : a / b;
}

static inline u64 div64_u64_rem(u64 a, u64 b, u64 *rem)
{
	*rem = a % b;
	return a / b;
}

#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Woverride-init"
#include <linux/bpf.h>
#include <linux/filter.h>
/* glibc defines both, Linux the one that holds */
#undef __BIG_ENDIAN
#include "kernel_tests.h"

/* ---- the table ---- */

/* As the module does it: up to the last instruction that is not zero. */
static u32 program_length(const struct bpf_test *t)
{
	u32 n = MAX_INSNS;

	while (n > 1 && !t->u.insns[n - 1].code && !t->u.insns[n - 1].k)
		n--;
	return n;
}

static bool program_fill(struct bpf_test *t, struct kernel_vector *v)
{
	if (!t->fill_helper) {
		v->insns = (const struct ctv_insn *)t->u.insns_int;
		v->len = program_length(t);
		return true;
	}
	if (t->fill_helper(t) < 0)
		return false;
	v->insns = t->u.ptr.insns;
	v->len = t->u.ptr.len;
	return true;
}

bool kernel_vector(u32 i, struct kernel_vector *v)
{
	struct bpf_test *t;

	memset(v, 0, sizeof(*v));
	if (i >= ARRAY_SIZE(tests))
		return false;
	t = &tests[i];
	v->name = t->descr;
	if ((t->aux & TEST_TYPE_MASK) != INTERNAL || t->aux & FLAG_EXPECTED_FAIL ||
	    !program_fill(t, v))
		return true;
	v->result = t->test[0].result;
	v->memory = t->aux & FLAG_LARGE_MEM ? (u32)t->test[0].data_size : 0;
	v->stack = (u32)t->stack_depth;
	v->filled = t->fill_helper ? t->u.ptr.insns : NULL;
	return true;
}

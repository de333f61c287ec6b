// SPDX-License-Identifier: GPL-2.0
/*
 * Bodies of code of one kind each, to hold the compiler against the kernel's own by
 * (handlers_jit): the loops are loops, of a usual and of the shortest kind.
 */
#include "bodies.h"
#include "expect.bpf.h"

struct bodies_state bodies_state;

/* A hash over a table. */
CARETAKER_HANDLER(hlt, body_loop)
{
	__u64 hash = exit->rip;
	__u32 i;

#pragma clang loop unroll(disable)
	for (i = 0; i < BODIES_ITEMS; i++) {
		hash = (hash ^ bodies_state.item[i]) * 0x100000001b3;
		hash ^= hash >> 29;
	}
	bodies_state.result = hash;
	return KVM_CARETAKER_NEXT;
}

/* A sum: hardly more than counting. */
CARETAKER_HANDLER(cpuid, body_sum)
{
	__u64 sum = 0;
	__u32 i;

#pragma clang loop unroll(disable)
	for (i = 0; i < BODIES_ITEMS; i++)
		sum += bodies_state.item[i];
	bodies_state.result = sum;
	return KVM_CARETAKER_NEXT;
}

/* Search for what is the last one. */
CARETAKER_HANDLER(pause, body_search)
{
	__u32 port = KVM_CARETAKER_IO_PORT(exit->info1);
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < BODIES_ITEMS; i++)
		if (bodies_state.port[i] == port) {
			bodies_state.count[i]++;
			break;
		}
	return KVM_CARETAKER_NEXT;
}

/* A table looked up by what the guest gave. */
CARETAKER_HANDLER(rdmsr, body_table)
{
	__u32 a = exit->gpr[KVM_CARETAKER_RCX] % BODIES_ITEMS;
	__u32 b = bodies_state.port[a] % BODIES_ITEMS;

	bodies_state.count[b]++;
	exit->gpr[KVM_CARETAKER_RAX] = (__u32)bodies_state.item[b];
	exit->gpr[KVM_CARETAKER_RDX] = bodies_state.item[b] >> 32;
	return KVM_CARETAKER_HANDLED;
}

/* Arithmetic of all kinds. */
CARETAKER_HANDLER(wrmsr, body_arithmetic)
{
	__u64 a = exit->gpr[KVM_CARETAKER_RAX], b = exit->gpr[KVM_CARETAKER_RDX] | 1;
	__u64 q = a / b, r = a % b;
	__u32 c = (__u32)a * 7 + (__u32)b;

	q += (__u64)c * r - (a & ~b);
	c = (c / ((__u32)r | 1)) ^ (c << 5) ^ (c >> 3);
	bodies_state.result = (q ^ c) + (__s64)(__s32)c - __builtin_bswap32(c);
	return KVM_CARETAKER_NEXT;
}

/* Counts of shifts that are not known before. */
CARETAKER_HANDLER(other, body_shifts)
{
	__u64 a = exit->gpr[KVM_CARETAKER_RAX], n = exit->gpr[KVM_CARETAKER_RCX] & 63;
	__u64 rotated = a << n | a >> (-n & 63);
	__u32 low = (__u32)a << (n & 31) | (__u32)a >> (-n & 31);

	bodies_state.result = rotated + low;
	return KVM_CARETAKER_NEXT;
}

/* Decisions. */
CARETAKER_HANDLER(io, body_branches)
{
	__u32 port = KVM_CARETAKER_IO_PORT(exit->info1), size = KVM_CARETAKER_IO_SIZE(exit->info1);

	if (!caretaker_detached(exit))
		return KVM_CARETAKER_FORWARD;
	if (exit->info1 & KVM_CARETAKER_IO_STR || size == 3)
		return KVM_CARETAKER_NEXT;
	switch (port) {
	case 0x20: case 0xa0:
		bodies_state.result = 1;
		break;
	case 0x3f8 ... 0x3ff:
		if (exit->info1 & KVM_CARETAKER_IO_IN)
			bodies_state.result = 2;
		else if (exit->gpr[KVM_CARETAKER_RAX] > 0x7f)
			bodies_state.result = 3;
		else
			bodies_state.result = 4;
		break;
	case 0x608:
		return size == 4 ? KVM_CARETAKER_HANDLED : KVM_CARETAKER_NEXT;
	default:
		return KVM_CARETAKER_NEXT;
	}
	return KVM_CARETAKER_HANDLED;
}

static noinline __u64 body_mix(__u64 a, __u64 b)
{
	__u64 x = a ^ b << 3;

	hide(x);
	return x + a;
}

static noinline __u64 body_twice(__u64 a, __u64 b)
{
	__u64 x = body_mix(a, b), y = body_mix(b, x);

	return x ^ y;
}

/* Functions that call functions, and keep what they need meanwhile. */
CARETAKER_HANDLER(hypercall, body_calls)
{
	__u64 a = exit->gpr[KVM_CARETAKER_RAX], b = exit->gpr[KVM_CARETAKER_RBX];
	__u64 x = body_twice(a, b), y = body_twice(b, x);

	exit->gpr[KVM_CARETAKER_RAX] = x + y + a + b;
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLERS(bodies, .hlt = (void *)body_loop, .cpuid = (void *)body_sum,
		   .pause = (void *)body_search, .rdmsr = (void *)body_table,
		   .wrmsr = (void *)body_arithmetic, .other = (void *)body_shifts,
		   .io = (void *)body_branches, .hypercall = (void *)body_calls);

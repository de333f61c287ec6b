// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel functions where a CPU runs ahead of their checks: each conditional jump goes either way,
 * whatever was compared. What comes of an index that is out of range stays within the memory meant.
 * Single-stepped, and at a conditional jump the way is chosen here.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "test.h"

#define MAX_JUMPS	6
#define AREA_SIZE	4096
#define AREA_EXIT	1024	/* of the exit context in the area */

typedef u64 (*kfunc_t)(void *exit, u64 arg2, u64 arg3, void *arg4);

static u8 *code;
static u32 code_size;
static u32 ways;	/* bit n: the n-th conditional jump is taken */
static u32 jumps;	/* that were met */

/* The way that was chosen, from the conditional jump at @at; 0: there is none. */
static u64 ahead_way(const u8 *at)
{
	bool taken = ways >> jumps & 1;
	s32 rel;

	if ((at[0] & 0xf0) == 0x70) {
		jumps++;
		return (u64)(uintptr_t)at + 2 + (u64)(s64)(taken ? (s8)at[1] : 0);
	}
	if (at[0] != 0x0f || (at[1] & 0xf0) != 0x80)
		return 0;
	memcpy(&rel, at + 2, sizeof(rel));
	jumps++;
	return (u64)(uintptr_t)at + 6 + (u64)(s64)(taken ? rel : 0);
}

static void ahead_step(int sig, siginfo_t *info, void *context)
{
	greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	u64 to;

	(void)sig;
	(void)info;
	while ((u64)*rip - (u64)(uintptr_t)code < code_size) {
		to = ahead_way((const u8 *)(uintptr_t)*rip);
		if (!to)
			return;
		*rip = (greg_t)to;
	}
}

static bool ahead_load(enum ctv_kfunc kfunc)
{
	const struct ctv_kfunc_code *c = ctv_kfunc_code(kfunc);

	if (!code)
		code = mmap(NULL, CTV_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (code == MAP_FAILED || mprotect(code, CTV_PAGE, PROT_READ | PROT_WRITE))
		return false;
	memcpy(code, c->bytes, c->size);
	code_size = c->size;
	return !mprotect(code, CTV_PAGE, PROT_READ | PROT_EXEC);
}

static u64 ahead_call(void *exit, u64 arg2, u64 arg3, void *arg4)
{
	u64 result;

	jumps = 0;
	trap_flag("btsq");
	result = ((kfunc_t)(uintptr_t)code)(exit, arg2, arg3, arg4);
	trap_flag("btrq");
	return result;
}

static const u32 out_of_range[] = {
	16, 17, 31, 255, 256, 257, 511, 1000, 4095, 8191, 1U << 24, 1U << 31, ~0U,
};

#define NR_OUT	(sizeof(out_of_range) / sizeof(out_of_range[0]))

static void ahead_scratch(void)
{
	static u8 area[AREA_SIZE], scratch[CTV_SCRATCH_BYTES];
	u32 i, most = 0, bad = 0, there = 0;
	u64 at;

	for (ways = 0; ways < 1U << MAX_JUMPS; ways++)
		for (i = 0; i < NR_OUT; i++) {
			at = ahead_call(area + AREA_EXIT, out_of_range[i], 8, scratch);
			most = jumps > most ? jumps : most;
			there += at != 0;
			bad += at && at - (u64)(uintptr_t)scratch >= CTV_SCRATCH_BYTES;
		}
	test_note("%u of %zu calls with no slot got an address, %u of another's memory", there,
		  NR_OUT << MAX_JUMPS, bad);
	test_result(!bad && there && most && most <= MAX_JUMPS,
		    "running ahead: no address out of scratch memory");
}

static void ahead_inject(void)
{
	static u8 area[AREA_SIZE];
	u32 i, n, most = 0, bad = 0, there = 0;

	for (ways = 0; ways < 1U << MAX_JUMPS; ways++)
		for (i = 0; i < NR_OUT && out_of_range[i] < 8192; i++) {
			memset(area, 0, sizeof(area));
			ahead_call(area + AREA_EXIT, out_of_range[i], 0, NULL);
			most = jumps > most ? jumps : most;
			for (n = 0; n < AREA_SIZE; n++)
				if (area[n] && n - AREA_EXIT - CTV_EXIT_IRR >= 32 &&
				    n - AREA_EXIT != CTV_EXIT_REQUESTS)
					bad++;
			there += area[AREA_EXIT + CTV_EXIT_REQUESTS];
		}
	test_note("%u calls with no vector went on, %u bytes elsewhere", there, bad);
	test_result(!bad && there && most && most <= MAX_JUMPS,
		    "running ahead: no bit out of the exit context's interrupts");
}

void test_ahead(void)
{
	struct sigaction act = { .sa_sigaction = ahead_step, .sa_flags = SA_SIGINFO }, old;

	sigaction(SIGTRAP, &act, &old);
	if (ahead_load(CTV_KFUNC_SCRATCH))
		ahead_scratch();
	if (ahead_load(CTV_KFUNC_INJECT))
		ahead_inject();
	sigaction(SIGTRAP, &old, NULL);
}

// SPDX-License-Identifier: GPL-2.0
/* Runs a program in the interpreter and as compiled code and compares what they leave behind. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "test.h"

#define TEST_KFUNC(name, function, cost, what)	\
	[CTV_KFUNC_##name] = test_kfunc_imm(CTV_KFUNC_##name),
const s32 test_kfuncs[CTV_NR_KFUNCS] = { CTV_KFUNCS(TEST_KFUNC) };

static u8 *image;	/* text, then the pages of maps */
static u32 image_text_pages;

#define IMAGE_SIZE	(CTV_MAX_TEXT + CTV_PAGE * (OBJECT_PAGES + 1))

static int image_map(void)
{
	if (!image)
		image = mmap(NULL, IMAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return image == MAP_FAILED || mprotect(image, IMAGE_SIZE, PROT_READ | PROT_WRITE);
}

/* Where maps start. */
u8 *image_maps(void)
{
	return image + image_text_pages * CTV_PAGE;
}

int image_compile(struct ctv_set *set)
{
	int err = ctv_set_size(set);

	if (err)
		return err;
	if (image_map())
		return -ENOMEM;
	err = ctv_set_emit(set, image);
	if (err)
		return err;
	image_text_pages = ctv_align(set->text, CTV_PAGE) / CTV_PAGE;
	return mprotect(image, image_text_pages * CTV_PAGE, PROT_READ | PROT_EXEC) ? -EPERM : 0;
}

/*
 * The payload's calling convention: RDI = address of the word with the context's address, R12 =
 * fuel, all registers but RSP may change. The compiler's red zone is stepped over first.
 */
u64 image_call(u32 off, u64 *slot, u64 fuel)
{
	const u8 *entry = image + off;
	u64 result;

	asm volatile("lea -128(%%rsp), %%rsp\n\t"
		     "push %%rbp\n\t"
		     "push %%rbx\n\t"
		     "mov %[fuel], %%r12\n\t"
		     "call *%[entry]\n\t"
		     "pop %%rbx\n\t"
		     "pop %%rbp\n\t"
		     "lea 128(%%rsp), %%rsp\n\t"
		     : "=a" (result), "+D" (slot), [entry] "+S" (entry), [fuel] "+d" (fuel)
		     :
		     : "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
	return result;
}

static void image_load(const struct run *run)
{
	memcpy(image_maps(), run->map, MAP_SIZE);
	memcpy(image_maps() + MAP_SIZE, run->scratch, CTV_SCRATCH_BYTES);
}

static void image_store(struct run *run)
{
	memcpy(run->map, image_maps(), MAP_SIZE);
	memcpy(run->scratch, image_maps() + MAP_SIZE, CTV_SCRATCH_BYTES);
}

void image_run(const struct ctv_prog *p, struct run *run)
{
	u64 slot = (u64)(uintptr_t)run->ctx;

	image_load(run);
	run->result = image_call(p->funcs[0].off, &slot, p->fuel);
	image_store(run);
}

static unsigned long steps;

static void step_count(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	u64 at = (u64)uc->uc_mcontext.gregs[REG_RIP] - (u64)(uintptr_t)image;

	(void)sig;
	(void)info;
	steps += at < image_text_pages * CTV_PAGE;
}

/* With the trap flag the processor tells after each instruction where it goes on. */
u64 image_call_steps(u32 off, u64 *slot, u64 fuel, unsigned long *n)
{
	struct sigaction act = { .sa_sigaction = step_count, .sa_flags = SA_SIGINFO }, old;
	u64 result;

	steps = 0;
	sigaction(SIGTRAP, &act, &old);
	/* Around the code alone: each instruction is a signal */
	trap_flag("btsq");
	result = image_call(off, slot, fuel);
	trap_flag("btrq");
	sigaction(SIGTRAP, &old, NULL);
	*n = steps;
	return result;
}

unsigned long image_steps(const struct ctv_prog *p, struct run *run)
{
	u64 slot = (u64)(uintptr_t)run->ctx;
	unsigned long n;

	image_load(run);
	run->result = image_call_steps(p->funcs[0].off, &slot, p->fuel, &n);
	image_store(run);
	return n;
}

void prog_note(const struct ctv_prog *p)
{
	u32 i;

	for (i = 0; i < p->len; i++)
		test_note("%3u: code %02x dst r%u src r%u off %d imm %#x", i, p->insns[i].code,
			  p->insns[i].dst, p->insns[i].src, p->insns[i].off, p->insns[i].imm);
}

static bool run_same(const struct run *a, const struct run *b)
{
	if (a->result != b->result)
		test_note("result: interpreter %#llx, compiled %#llx",
			  (unsigned long long)a->result, (unsigned long long)b->result);
	else if (memcmp(a->ctx, b->ctx, CTX_SIZE))
		test_note("exit context differs");
	else if (memcmp(a->map, b->map, MAP_SIZE))
		test_note("map memory differs");
	else if (memcmp(a->scratch, b->scratch, CTV_SCRATCH_BYTES))
		test_note("scratch memory differs");
	else
		return true;
	return false;
}

unsigned int run_step_every;
unsigned int run_step_max = 1000;
unsigned long run_stepped, run_steps;

/* Whether the processor executes no more than the cost allows, from the same input. */
static bool run_native(const struct ctv_prog *p, struct run *in, const struct run *counted)
{
	static unsigned long turn;
	unsigned long n;

	if (!run_step_every || counted->insns > run_step_max || turn++ % run_step_every)
		return true;
	n = image_steps(p, in);
	run_stepped++;
	run_steps += n;
	if (n && n <= p->cost && n <= counted->native)
		return true;
	test_note("%lu instructions of the processor, cost %u, %llu were counted", n, p->cost,
		  (unsigned long long)counted->native);
	return false;
}

static enum run_outcome run_set(struct ctv_set *set, struct run *a, struct run *b, struct run *c)
{
	struct ctv_prog *p = set->progs;
	int err = ctv_set_check(set);

	if (!err)
		err = image_compile(set);
	if (err)
		return RUN_REFUSED;
	if (!count_begin(p, image)) {
		test_note("instructions of the image cannot be told apart");
		return RUN_DIFFERENT;
	}
	if (interp_run(p, a))
		return RUN_UNSAFE;
	image_run(p, b);
	if (!run_same(a, b))
		return RUN_DIFFERENT;
	if (a->cost <= p->cost && a->native <= p->cost)
		return run_native(p, c, a) ? RUN_SAME : RUN_DIFFERENT;
	test_note("cost %llu of %llu instructions, %llu of the processor, is over the bound %u",
		  (unsigned long long)a->cost, (unsigned long long)a->insns,
		  (unsigned long long)a->native, p->cost);
	return RUN_DIFFERENT;
}

enum run_outcome run_try(struct ctv_prog *p, const struct run *in, struct run *out, u32 budget,
			 struct ctv_refusal *r)
{
	static const struct ctv_map map = { .addr = MAP_ADDR, .size = MAP_SIZE };
	struct ctv_set set = {
		.progs = p, .nr_progs = 1, .maps = &map, .nr_maps = 1,
		.kfuncs = test_kfuncs, .scratch = MAP_SIZE, .budget = budget,
	};
	static struct run b, c;
	enum run_outcome res;

	*out = *in;
	b = *in;
	c = *in;
	res = run_set(&set, out, &b, &c);
	*r = set.refusal;
	ctv_set_free(&set);
	return res;
}

bool run_both(struct ctv_prog *p, const struct run *in, struct run *out, u32 budget)
{
	struct ctv_refusal r;
	enum run_outcome res = run_try(p, in, out, budget, &r);

	if (res == RUN_REFUSED)
		test_note("refused: %s (%s) at %u", ctv_rule_text(r.rule), r.detail, r.insn);
	else if (res == RUN_UNSAFE)
		test_note("program is not safe");
	if (res != RUN_SAME)
		prog_note(p);
	return res == RUN_SAME;
}

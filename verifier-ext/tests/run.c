// SPDX-License-Identifier: GPL-2.0
/* Runs a program in the interpreter and as compiled code and compares what they leave behind. */
#include <sys/mman.h>

#include "test.h"

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

void image_run(const struct ctv_prog *p, struct run *run)
{
	u64 slot = (u64)(uintptr_t)run->ctx;

	memcpy(image_maps(), run->map, MAP_SIZE);
	run->result = image_call(p->funcs[0].off, &slot, p->fuel);
	memcpy(run->map, image_maps(), MAP_SIZE);
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
	else
		return true;
	return false;
}

static bool run_set(struct ctv_set *set, struct run *a, struct run *b)
{
	struct ctv_prog *p = set->progs;
	int err = ctv_set_check(set);

	if (!err)
		err = image_compile(set);
	if (err) {
		test_note("refused: %d %s (%s) at %u", err, ctv_rule_text(set->refusal.rule),
			  set->refusal.detail, set->refusal.insn);
		return false;
	}
	if (interp_run(p, a)) {
		test_note("program is not safe");
		return false;
	}
	image_run(p, b);
	if (!run_same(a, b))
		return false;
	if (a->cost > p->cost)
		test_note("cost %llu is over the bound %u", (unsigned long long)a->cost, p->cost);
	return a->cost <= p->cost;
}

bool run_both(struct ctv_prog *p, const struct run *in, struct run *out, u32 budget)
{
	static const struct ctv_map map = { .addr = MAP_ADDR, .size = MAP_SIZE };
	struct ctv_set set = {
		.progs = p, .nr_progs = 1, .maps = &map, .nr_maps = 1,
		.budget = budget,
	};
	static struct run b;
	bool ok;

	*out = *in;
	b = *in;
	ok = run_set(&set, out, &b);
	if (!ok)
		prog_note(p);
	ctv_set_free(&set);
	return ok;
}

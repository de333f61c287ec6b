// SPDX-License-Identifier: GPL-2.0
/*
 * Control flow within functions: which jumps close a loop, and an order in which each
 * instruction comes after all that may follow it when those jumps are left out.
 *
 * Compilers also jump backwards without a loop, to share the end of a function. A depth-first
 * search tells the two apart: only what leads back to an instruction on the current path closes
 * a loop. Where a loop is closed by running into it, not by a jump backwards, all jumps backwards
 * of the function count as loops: each circle has at least one.
 */
#include "ctv.h"

enum { MARK_NEW, MARK_OPEN, MARK_DONE = MARK_OPEN + 3 };

/**
 * struct flow - the search
 * @p:		program
 * @marks:	per instruction: MARK_NEW, MARK_OPEN + ways out that were followed, MARK_DONE
 * @path:	instructions on the current path
 * @odd:	a loop is closed other than by a jump backwards
 */
struct flow {
	struct ctv_prog *p;
	u8 *marks;
	u32 *path;
	bool odd;
};

/* Way out @n of instruction @i: 0 runs on, 1 jumps. */
static u32 flow_next(const struct ctv_prog *p, u32 i, u32 n)
{
	const struct ctv_insn *insn = &p->insns[i];

	if (ctv_is_exit(insn->code))
		return CTV_NONE;
	if (n)
		return ctv_is_branch(insn->code) && !p->loop[i] ? (u32)ctv_target(insn, i) :
								  CTV_NONE;
	if (ctv_is_ja(insn->code))
		return CTV_NONE;
	return i + (insn->code == CTV_LD_IMM64 ? 2 : 1);
}

/* All that can be reached from @start and was not yet; returns the new number in the order. */
static u32 flow_search(struct flow *fl, u32 start, u32 *order, u32 nr)
{
	u32 depth = 0, i, n, next;

	fl->path[depth++] = start;
	while (depth) {
		i = fl->path[depth - 1];
		if (fl->marks[i] == MARK_NEW)
			fl->marks[i] = MARK_OPEN;
		n = fl->marks[i] - MARK_OPEN;
		if (n == 2) {
			fl->marks[i] = MARK_DONE;
			order[nr++] = i;
			depth--;
			continue;
		}
		fl->marks[i]++;
		next = flow_next(fl->p, i, n);
		if (next == CTV_NONE || fl->marks[next] == MARK_DONE)
			continue;
		if (fl->marks[next] == MARK_NEW)
			fl->path[depth++] = next;
		else if (n && next <= i)
			fl->p->loop[i] = 1;
		else
			fl->odd = true;
	}
	return nr;
}

static void flow_func_once(struct flow *fl, const struct ctv_func *f)
{
	u32 i, nr = 0, *order = fl->p->order + f->start;

	fl->odd = false;
	memset(fl->marks + f->start, MARK_NEW, f->len);
	for (i = f->start; i < f->start + f->len; i++)
		if (fl->p->reach[i] != CTV_NONE && fl->marks[i] == MARK_NEW)
			nr = flow_search(fl, i, order, nr);
	while (nr < f->len)
		order[nr++] = CTV_NONE;
}

static void flow_func(struct flow *fl, const struct ctv_func *f)
{
	struct ctv_prog *p = fl->p;
	u32 i;

	flow_func_once(fl, f);
	if (!fl->odd)
		return;
	for (i = f->start; i < f->start + f->len; i++)
		p->loop[i] = p->reach[i] != CTV_NONE && ctv_is_branch(p->insns[i].code) &&
			     ctv_target(&p->insns[i], i) <= i;
	flow_func_once(fl, f);
}

static void flow_joins(struct ctv_prog *p)
{
	u32 i;

	for (i = 0; i < p->len; i++)
		if (p->reach[i] != CTV_NONE && ctv_is_branch(p->insns[i].code))
			p->join[ctv_target(&p->insns[i], i)] = 1;
}

int ctv_flow_prog(struct ctv_prog *p)
{
	struct flow fl = { .p = p };
	u32 i;

	fl.marks = ctv_alloc(p->len, sizeof(*fl.marks));
	fl.path = ctv_alloc(p->len, sizeof(*fl.path));
	flow_joins(p);
	if (fl.marks && fl.path)
		for (i = 0; i < p->nr_funcs; i++)
			flow_func(&fl, &p->funcs[i]);
	i = fl.marks && fl.path;
	ctv_free(fl.marks);
	ctv_free(fl.path);
	return i ? 0 : -ENOMEM;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Calls, stack and worst-case cost.
 *
 * Cost is counted in units of about one simple instruction: none of a program's costs less than
 * the instructions of the processor that are executed for it, so that no call executes more of
 * them than its cost. Without loops the cost of a program is its longest path, exactly. A jump
 * that closes a loop (ctv_flow.c), to instruction t, is charged the longest path from t to the
 * end, out of the fuel that the call starts with; compiled code pays before it jumps and ends the
 * call when it cannot. So no call costs more than longest path + fuel, whatever the program does.
 */
#include "ctv.h"

#define COST_ENTRY	8	/* of a call of the handler: frame, return, end without fuel */
#define COST_CALL	16	/* of a local call: frame and saved registers included */
#define COST_JUMP	2	/* comparison and jump */
#define COST_MEM	4
#define COST_ATOMIC	25
#define COST_DIV	40
#define COST_BACK	2	/* of paying for a turn of a loop */
#define COST_MAX	(1U << 30)

static u32 cost_add(u32 a, u32 b)
{
	return a + b < COST_MAX ? a + b : COST_MAX;
}

static u32 cost_call(const struct ctv_prog *p, const struct ctv_insn *insn)
{
	if (insn->src == CTV_CALL_LOCAL)
		return COST_CALL;
	return ctv_kfunc_cost(ctv_kfunc_find(p->kfuncs, insn));
}

static u32 cost_alu(const struct ctv_insn *insn)
{
	switch (CTV_OP(insn->code)) {
	case CTV_DIV: case CTV_MOD:
		return COST_DIV;
	case CTV_LSH: case CTV_RSH: case CTV_ARSH:
		return CTV_SRC(insn->code) == CTV_X ? 4 : 1;
	case CTV_END:
		return 2;
	}
	return 1;
}

u32 ctv_insn_cost(const struct ctv_prog *p, const struct ctv_insn *insn)
{
	switch (CTV_CLASS(insn->code)) {
	case CTV_ALU:
	case CTV_ALU64:
		return cost_alu(insn);
	case CTV_LDX:
		return COST_MEM;
	case CTV_ST:
	case CTV_STX:
		return CTV_MODE(insn->code) == CTV_ATOMIC ? COST_ATOMIC : COST_MEM;
	case CTV_JMP:
		if (ctv_is_call(insn->code))
			return cost_call(p, insn);
		break;
	}
	return ctv_is_branch(insn->code) && !ctv_is_ja(insn->code) ? COST_JUMP : 1;
}

static u32 cost_insn(const struct ctv_prog *p, u32 i)
{
	const struct ctv_insn *insn = &p->insns[i];
	u32 cost = ctv_insn_cost(p, insn);

	if (ctv_is_local_call(insn))
		cost = cost_add(cost, ctv_func_find(p, (u32)ctv_target(insn, i))->cost);
	return cost;
}

/* Longest path from instruction @i to the end; that of all that may follow it is known. */
static u32 cost_from(const struct ctv_prog *p, u32 i)
{
	const struct ctv_insn *insn = &p->insns[i];
	u32 cost = 0, target;

	if (!ctv_is_exit(insn->code) && !ctv_is_ja(insn->code))
		cost = p->reach[i + (insn->code == CTV_LD_IMM64 ? 2 : 1)];
	if (ctv_is_branch(insn->code)) {
		target = (u32)ctv_target(insn, i);
		if (p->loop[i])
			cost = cost_add(cost, COST_BACK);
		else if (p->reach[target] > cost)
			cost = p->reach[target];
	}
	return cost_add(cost, cost_insn(p, i));
}

/* Longest path from each instruction of @f to its end; needs that of all functions it calls. */
static u32 cost_func(struct ctv_prog *p, const struct ctv_func *f)
{
	u32 n;

	for (n = f->start; n < f->start + f->len && p->order[n] != CTV_NONE; n++)
		p->reach[p->order[n]] = cost_from(p, p->order[n]);
	return p->reach[f->start];
}

/* The longest path from instruction @i goes on at the returned one, CTV_NONE at its end. */
static u32 cost_next(const struct ctv_prog *p, u32 i)
{
	const struct ctv_insn *insn = &p->insns[i];
	u32 next = i + (insn->code == CTV_LD_IMM64 ? 2 : 1), target;

	if (ctv_is_exit(insn->code))
		return CTV_NONE;
	if (!ctv_is_branch(insn->code))
		return next;
	target = p->loop[i] ? CTV_NONE : (u32)ctv_target(insn, i);
	if (ctv_is_ja(insn->code))
		return target;
	return target != CTV_NONE && p->reach[target] > p->reach[next] ? target : next;
}

/* Where on the longest path the budget is used up: the line that the author has to look at. */
static u32 cost_culprit(const struct ctv_set *set, const struct ctv_prog *p)
{
	u32 i = p->funcs[0].start, used = COST_ENTRY, next;

	for (;;) {
		used = cost_add(used, cost_insn(p, i));
		next = cost_next(p, i);
		if (used > set->budget || next == CTV_NONE)
			return i;
		i = next;
	}
}

/* A handler that cannot turn its loops even once is a mistake better told now. */
static int cost_loops(struct ctv_set *set, struct ctv_prog *p)
{
	u32 i, target;

	for (i = 0; i < p->len; i++) {
		if (!p->loop[i])
			continue;
		target = (u32)ctv_target(&p->insns[i], i);
		p->loops = true;
		if (p->reach[target] > p->fuel)
			return ctv_refuse(&set->refusal, CTV_RULE_LOOP, i,
					  "one turn %u, budget %u, left for loops %u",
					  p->reach[target], set->budget, p->fuel);
	}
	return 0;
}

int ctv_cost_prog(struct ctv_set *set, struct ctv_prog *p)
{
	int err;

	p->cost = p->funcs[0].cost;
	if (p->cost > set->budget)
		return ctv_refuse(&set->refusal, CTV_RULE_COST, cost_culprit(set, p),
				  "here on the longest path, cost %u, budget %u", p->cost,
				  set->budget);
	p->fuel = set->budget - p->cost;
	p->loops = false;
	err = cost_loops(set, p);
	if (p->loops)
		p->cost = set->budget;
	else
		p->fuel = 0;
	return err;
}

/* Registers and stack of one function alone. */
static void func_frame(const struct ctv_prog *p, struct ctv_func *f)
{
	const struct ctv_insn *insn;
	u32 i, n;

	f->saved = 0;
	f->calls = false;
	f->pushes = 0;
	for (i = f->start; i < f->start + f->len; i++) {
		if (p->reach[i] == CTV_NONE)
			continue;
		insn = &p->insns[i];
		if (ctv_is_div(insn))
			f->pushes = 16;
		else if (ctv_is_call(insn->code) && !ctv_is_local_call(insn) && !f->pushes)
			f->pushes = 8;	/* a kernel function has no frame */
		if (ctv_is_local_call(insn))
			f->calls = true;
		else if (insn->dst >= 6 && insn->dst <= 9)
			f->saved |= 1U << insn->dst;
		/* atomics write their source */
		if (CTV_CLASS(insn->code) == CTV_STX && insn->src >= 6 && insn->src <= 9)
			f->saved |= 1U << insn->src;
	}
	f->frame = ctv_align(f->stack, 8) + 8;
	if (f->start) {
		for (n = f->saved, f->frame += 8; n; n &= n - 1)
			f->frame += 8;
	}
}

static int func_refuse(struct ctv_set *set, const struct ctv_prog *p, const struct ctv_func *f)
{
	return ctv_refuse(&set->refusal, CTV_RULE_STACK, f->start,
			  "function %u: %u bytes of %u, %u frames of %u", (u32)(f - p->funcs),
			  f->bpf_depth, CTV_MAX_BPF_STACK, f->height, CTV_MAX_FRAMES);
}

enum { FUNC_NEW, FUNC_OPEN, FUNC_DONE };

/* Whether all functions that @f calls are done; takes their depth. */
static int func_callees(struct ctv_set *set, struct ctv_prog *p, struct ctv_func *f, bool *done)
{
	struct ctv_func *callee;
	u32 i;

	f->depth = f->frame + f->pushes;
	f->bpf_depth = ctv_align(f->stack, 8);
	f->height = 1;
	*done = true;
	for (i = f->start; i < f->start + f->len; i++) {
		if (p->reach[i] == CTV_NONE || !ctv_is_local_call(&p->insns[i]))
			continue;
		callee = ctv_func_find(p, (u32)ctv_target(&p->insns[i], i));
		if (callee == f)
			return ctv_refuse(&set->refusal, CTV_RULE_RECURSION, i, "%s", "");
		if (callee->state != FUNC_DONE) {
			*done = false;
			return 0;
		}
		if (f->frame + callee->depth > f->depth)
			f->depth = f->frame + callee->depth;
		if (ctv_align(f->stack, 8) + callee->bpf_depth > f->bpf_depth)
			f->bpf_depth = ctv_align(f->stack, 8) + callee->bpf_depth;
		if (callee->height + 1 > f->height)
			f->height = callee->height + 1;
	}
	return 0;
}

static int func_close(struct ctv_set *set, struct ctv_prog *p, struct ctv_func *f, bool *done)
{
	int err = func_callees(set, p, f, done);

	if (err || !*done)
		return err;
	if (f->bpf_depth > CTV_MAX_BPF_STACK || f->height > CTV_MAX_FRAMES ||
	    f->depth > CTV_MAX_STACK)
		return func_refuse(set, p, f);
	f->cost = cost_add(cost_func(p, f), f->start ? 0 : COST_ENTRY);
	f->state = FUNC_DONE;
	return 0;
}

/* A call of the circle that is left when no more function can be closed. */
static u32 circle_call(const struct ctv_prog *p)
{
	const struct ctv_func *f;
	u32 i;

	for (f = p->funcs; f < p->funcs + p->nr_funcs; f++)
		for (i = f->start; f->state != FUNC_DONE && i < f->start + f->len; i++)
			if (p->reach[i] != CTV_NONE && ctv_is_local_call(&p->insns[i]) &&
			    ctv_func_find(p, (u32)ctv_target(&p->insns[i], i))->state != FUNC_DONE)
				return i;
	return CTV_NONE;
}

/*
 * Close functions whose callees are closed until none is left. A round that closes nothing
 * means a circle of calls. At most CTV_MAX_FUNCS rounds, in practice few.
 */
int ctv_calls_prog(struct ctv_set *set, struct ctv_prog *p)
{
	u32 i, before, open = p->nr_funcs;
	bool done;
	int err;

	for (i = 0; i < p->nr_funcs; i++) {
		p->funcs[i].state = FUNC_NEW;
		func_frame(p, &p->funcs[i]);
	}
	do {
		before = open;
		open = 0;
		for (i = p->nr_funcs; i-- > 0;) {
			if (p->funcs[i].state == FUNC_DONE)
				continue;
			err = func_close(set, p, &p->funcs[i], &done);
			if (err)
				return err;
			open += !done;
		}
		if (open == before)
			return ctv_refuse(&set->refusal, CTV_RULE_RECURSION, circle_call(p),
					  "circle of %u functions", open);
	} while (open);
	return 0;
}

static int prog_check(struct ctv_set *set, struct ctv_prog *p)
{
	int err;

	if (!p->len || p->len > CTV_MAX_INSNS || !p->nr_funcs || p->nr_funcs > CTV_MAX_FUNCS)
		return ctv_refuse(&set->refusal, CTV_RULE_SIZE, CTV_NONE,
				  "%u instructions of %u, %u functions of %u", p->len,
				  CTV_MAX_INSNS, p->nr_funcs, CTV_MAX_FUNCS);
	p->kfuncs = set->kfuncs;
	p->reach = ctv_alloc(p->len, sizeof(*p->reach));
	p->off = ctv_alloc(p->len, sizeof(*p->off));
	p->loop = ctv_alloc(p->len, sizeof(*p->loop));
	p->join = ctv_alloc(p->len, sizeof(*p->join));
	p->order = ctv_alloc(p->len, sizeof(*p->order));
	if (!p->reach || !p->off || !p->loop || !p->join || !p->order)
		return -ENOMEM;
	err = ctv_scan_prog(set, p);
	if (!err)
		err = ctv_flow_prog(p);
	if (!err)
		err = ctv_calls_prog(set, p);
	if (!err)
		err = ctv_cost_prog(set, p);
	return err;
}

int ctv_set_check(struct ctv_set *set)
{
	u32 i;
	int err;

	if (!set->budget)
		set->budget = CTV_DEFAULT_BUDGET;
	set->used = 0;
	for (i = 0; i < set->nr_progs; i++) {
		err = prog_check(set, &set->progs[i]);
		if (err) {
			set->bad_prog = i;
			ctv_set_free(set);
			return err;
		}
	}
	return 0;
}

void ctv_set_free(struct ctv_set *set)
{
	struct ctv_prog *p;

	for (p = set->progs; p < set->progs + set->nr_progs; p++) {
		ctv_free(p->reach);
		ctv_free(p->off);
		ctv_free(p->loop);
		ctv_free(p->join);
		ctv_free(p->order);
		p->reach = NULL;
		p->off = NULL;
		p->loop = NULL;
		p->join = NULL;
		p->order = NULL;
	}
}

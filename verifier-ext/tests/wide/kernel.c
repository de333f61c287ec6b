// SPDX-License-Identifier: GPL-2.0
/*
 * The programs of Linux' BPF test module. Those within the rules for handlers must give the
 * result that the module wants, interpreted and compiled; the others must be refused by a rule,
 * or do what no verified program may (they were never shown to a verifier).
 */
#include "kernel_vectors.h"

/* Fewer programs than this within the rules would mean that the test has gone blind. */
#define KERNEL_LEAST	800

struct tally {
	u32 ran;
	u32 unsafe;
	u32 large;
	u32 refused[CTV_NR_RULES];
	u64 insns;
	bool bad;
};

/* r1 first: the module calls with a buffer, or with nothing */
static u32 prefix(const struct kernel_vector *v, struct ctv_insn *insns)
{
	const struct ctv_insn buffer[2] = { LD64(1, MAP_ADDR) };

	if (!v->memory) {
		insns[0] = MOV(1, 0);
		return 1;
	}
	insns[0] = buffer[0];
	insns[1] = buffer[1];
	return 2;
}

/* Jumps back and forth pay for most of a long program thousands of times: more than handlers do. */
#define BUDGET	(4 * CTV_MAX_BUDGET)

static void vector_run(struct tally *t, const struct kernel_vector *v, struct ctv_insn *insns)
{
	u32 at = prefix(v, insns);
	struct ctv_func f = { .len = v->len + at, .stack = ctv_align(v->stack, 8) };
	struct ctv_prog p = { .insns = insns, .len = f.len, .funcs = &f, .nr_funcs = 1 };
	static struct run in, out;
	struct ctv_refusal r;

	memcpy(insns + at, v->insns, v->len * sizeof(*insns));
	switch (run_try(&p, &in, &out, BUDGET, &r)) {
	case RUN_SAME:
		t->ran++;
		t->insns += out.insns;
		if ((u32)out.result == v->result)
			return;
		test_note("%s: result %#x, not %#x", v->name, (u32)out.result, v->result);
		break;
	case RUN_REFUSED:
		t->refused[r.rule]++;
		return;
	case RUN_UNSAFE:
		t->unsafe++;
		return;
	case RUN_DIFFERENT:
		test_note("%s", v->name);
	}
	t->bad = true;
}

static void vector_one(struct tally *t, const struct kernel_vector *v)
{
	struct ctv_insn *insns;

	if (v->memory > MAP_SIZE || v->len + 2 > CTV_MAX_INSNS) {
		t->large++;
		return;
	}
	insns = calloc(v->len + 2, sizeof(*insns));
	vector_run(t, v, insns);
	free(insns);
}

static void tally_note(const struct tally *t)
{
	u32 i;

	test_note("%u programs ran, %llu instructions; %u reach memory that is not theirs, %u too large",
		  t->ran, (unsigned long long)t->insns, t->unsafe, t->large);
	for (i = 0; i < CTV_NR_RULES; i++)
		if (t->refused[i])
			test_note("%u refused by %s", t->refused[i], ctv_rule_name(i));
}

/*
 * Rules that keep a program of this module out; any other one would be a mistake. JUMP: programs
 * whose last instruction, never reached, is no end.
 */
static bool tally_rules_ok(const struct tally *t)
{
	u32 i;

	for (i = 0; i < CTV_NR_RULES; i++)
		if (t->refused[i] && i != CTV_RULE_OPCODE && i != CTV_RULE_ATOMIC &&
		    i != CTV_RULE_JUMP)
			return false;
	return true;
}

void test_kernel_vectors(void)
{
	struct tally t = { 0 };
	struct kernel_vector v;
	u32 i;

	for (i = 0; kernel_vector(i, &v); i++) {
		if (v.insns)
			vector_one(&t, &v);
		free(v.filled);
	}
	if (!i) {
		test_skip("programs of Linux' BPF test module",
			  "the tree of Linux was not there at build time: make kernel");
		return;
	}
	tally_note(&t);
	test_result(!t.bad, "programs of Linux' BPF test module give its results, both ways");
	test_result(t.ran >= KERNEL_LEAST && !t.large && !t.unsafe && tally_rules_ok(&t),
		    "at least %u of them are within the rules for handlers", KERNEL_LEAST);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions as the kernel's verifier left them: it removes what cannot be reached with the
 * constants of the object, and the Caretaker compiles in the kernel what it left. So does this
 * test.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jit_code.h"

#define MAX_FUNCS	16

/* What the kernel tells of one program. */
struct xlated {
	struct bpf_prog_info info;
	struct ctv_insn *insns;
	struct bpf_func_info funcs[MAX_FUNCS];
};

_Static_assert(sizeof(struct ctv_insn) == sizeof(struct bpf_insn), "the same instructions");

static int xlated_read(struct code_set *s, u32 n, struct xlated *x)
{
	const char *name = s->o.info[n].name;
	struct bpf_program *p = bpf_object__find_program_by_name(s->h.obj, name);
	__u32 len = sizeof(x->info), bytes;

	memset(x, 0, sizeof(*x));
	if (!p || bpf_prog_get_info_by_fd(bpf_program__fd(p), &x->info, &len))
		return code_problem(s, -ENOENT, "%s: no information", name);
	bytes = x->info.xlated_prog_len;
	if (!bytes || x->info.nr_func_info > MAX_FUNCS)
		return code_problem(s, -EOPNOTSUPP, "%s: %u bytes, %u functions", name, bytes,
				    x->info.nr_func_info);
	x->insns = calloc(1, bytes);
	x->info = (struct bpf_prog_info){
		.xlated_prog_insns = (uintptr_t)x->insns, .xlated_prog_len = bytes,
		.func_info = (uintptr_t)x->funcs, .nr_func_info = x->info.nr_func_info,
		.func_info_rec_size = sizeof(x->funcs[0]),
	};
	len = sizeof(x->info);
	if (!x->insns || bpf_prog_get_info_by_fd(bpf_program__fd(p), &x->info, &len) ||
	    !x->info.xlated_prog_insns || !x->info.nr_func_info)
		return code_problem(s, -EPERM, "%s: the kernel does not give its instructions",
				    name);
	return 0;
}

/* Out of the form in which programs are shown, into the one that they have in the kernel. */
static int xlated_insns(struct code_set *s, struct xlated *x)
{
	u32 i, nr = x->info.xlated_prog_len / sizeof(*x->insns);
	const struct ctv_map *m;
	u64 addr;

	for (i = 0; i < nr; i++) {
		struct ctv_insn *insn = &x->insns[i];

		if (ctv_is_local_call(insn)) {
			insn->imm = insn->off;
			insn->off = 0;
		}
		if (insn->code != CTV_LD_IMM64)
			continue;
		i++;
		if (insn->src != CTV_PSEUDO_MAP_VALUE)
			continue;
		m = code_map(s, (__u32)insn->imm);
		if (!m)
			return code_problem(s, -ESRCH, "map %d is none of the object's", insn->imm);
		addr = m->addr + (u32)insn[1].imm;
		insn[0].src = 0;
		insn[0].imm = (s32)addr;
		insn[1].imm = (s32)(addr >> 32);
	}
	return 0;
}

/* How much stack a function uses the kernel does not tell: as much as the one that uses most. */
static void xlated_funcs(struct ctv_prog *p, const struct xlated *x)
{
	u32 i, nr = x->info.nr_func_info, stack = 0, end;

	for (i = 0; i < p->nr_funcs; i++)
		stack = p->funcs[i].stack > stack ? p->funcs[i].stack : stack;
	for (i = 0; i < nr; i++) {
		end = i + 1 < nr ? x->funcs[i + 1].insn_off : p->len;
		p->funcs[i] = (struct ctv_func){
			.start = x->funcs[i].insn_off, .len = end - x->funcs[i].insn_off,
			.stack = stack,
		};
	}
	p->nr_funcs = nr;
}

/* Calls of kernel functions hold the distance from a place in the kernel. */
static int xlated_kfuncs(struct code_set *s)
{
	static s32 calls[CTV_NR_KFUNCS];
	uint64_t addr, base = 0, at[CTV_NR_KFUNCS] = {};
	FILE *f = fopen("/proc/kallsyms", "r");
	char name[128];
	u32 i;

	if (!f)
		return code_problem(s, -errno, "/proc/kallsyms: %s", strerror(errno));
	while (fscanf(f, "%" SCNx64 " %*c %127s%*[^\n]", &addr, name) == 2) {
		if (!strcmp(name, "__bpf_call_base"))
			base = addr;
		for (i = 0; i < CTV_NR_KFUNCS; i++)
			if (!strcmp(name, ctv_kfunc_name((enum ctv_kfunc)i)))
				at[i] = addr;
	}
	fclose(f);
	for (i = 0; i < CTV_NR_KFUNCS; i++) {
		if (!at[i] || !base)
			return code_problem(s, -ESRCH, "where kernel functions are is not known");
		calls[i] = (s32)(at[i] - base);
	}
	s->o.set.kfuncs = calls;
	return 0;
}

static int xlated_take(struct code_set *s, u32 n)
{
	struct ctv_prog *p = &s->o.progs[n];
	struct xlated x;
	int err = xlated_read(s, n, &x);

	if (!err)
		err = xlated_insns(s, &x);
	if (err) {
		free(x.insns);
		return err;
	}
	free((void *)p->insns);
	p->insns = x.insns;
	p->len = x.info.xlated_prog_len / sizeof(*x.insns);
	xlated_funcs(p, &x);
	/* The object's lines are of other instructions now */
	free(s->o.info[n].raw_of);
	s->o.info[n].raw_of = NULL;
	return 0;
}

int code_take_xlated(struct code_set *s)
{
	int err = xlated_kfuncs(s);
	u32 n;

	for (n = 0; n < s->o.set.nr_progs && !err; n++)
		err = xlated_take(s, n);
	return err;
}

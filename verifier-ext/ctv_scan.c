// SPDX-License-Identifier: GPL-2.0
/*
 * Which instructions a handler may have. The raw scan sees programs before the kernel's BPF
 * verifier rewrites them (afterwards iterators, may_goto and pseudo sources are gone), the
 * second scan sees exactly what is compiled.
 */
#include "ctv.h"

static int scan_raw_imm64(const struct ctv_insn *insn, u32 i, struct ctv_refusal *r)
{
	u64 imm = ctv_imm64(insn);

	switch (insn->src) {
	case 0:
		/* later it could not be told from the address of a map */
		if (ctv_is_addr(imm))
			return ctv_refuse(r, CTV_RULE_KADDR, i, "%#llx", (unsigned long long)imm);
		return 0;
	case CTV_PSEUDO_MAP_VALUE:
	case CTV_PSEUDO_MAP_IDX_VALUE:
		return 0;
	case CTV_PSEUDO_MAP_FD:
	case CTV_PSEUDO_MAP_IDX:
		return ctv_refuse(r, CTV_RULE_MAPREF, i, "%s", "");
	case CTV_PSEUDO_FUNC:
		return ctv_refuse(r, CTV_RULE_CALLBACK, i, "%s", "");
	case CTV_PSEUDO_BTF_ID:
		return ctv_refuse(r, CTV_RULE_KSYM, i, "%s", "");
	}
	return ctv_refuse(r, CTV_RULE_OPCODE, i, "ld_imm64 with source %u", insn->src);
}

enum ctv_kfunc ctv_kfunc_find(const s32 *kfuncs, const struct ctv_insn *insn)
{
	u32 i = 0;

	/* off would name the module that it is from */
	if (!kfuncs || insn->src != CTV_CALL_KFUNC || insn->off)
		return CTV_NR_KFUNCS;
	while (i < CTV_NR_KFUNCS && kfuncs[i] != insn->imm)
		i++;
	return (enum ctv_kfunc)i;
}

static int scan_raw_call(const struct ctv_insn *insn, u32 i, const s32 *kfuncs,
			 struct ctv_refusal *r)
{
	switch (insn->src) {
	case CTV_CALL_LOCAL:
		return 0;
	case CTV_CALL_KFUNC:
		if (ctv_kfunc_find(kfuncs, insn) != CTV_NR_KFUNCS)
			return 0;
		return ctv_refuse(r, CTV_RULE_KFUNC, i, "BTF id %d", insn->imm);
	case CTV_CALL_HELPER:
		if (insn->imm == CTV_HELPER_TAIL_CALL)
			return ctv_refuse(r, CTV_RULE_TAILCALL, i, "%s", "");
		return ctv_refuse(r, CTV_RULE_HELPER, i, "number %d", insn->imm);
	}
	return ctv_refuse(r, CTV_RULE_OPCODE, i, "call with source %u", insn->src);
}

int ctv_scan_raw(const struct ctv_insn *insns, u32 len, const s32 *kfuncs, struct ctv_refusal *r)
{
	const struct ctv_insn *insn;
	int err = 0;
	u32 i;

	for (i = 0; i < len && !err; i++) {
		insn = &insns[i];
		if (insn->code == CTV_LD_IMM64) {
			if (i + 1 == len)
				return ctv_refuse(r, CTV_RULE_OPCODE, i, "half an ld_imm64");
			err = scan_raw_imm64(insn, i, r);
			i++;
		} else if (ctv_is_call(insn->code)) {
			err = scan_raw_call(insn, i, kfuncs, r);
		} else if (insn->code == (CTV_JMP | CTV_JCOND)) {
			err = ctv_refuse(r, CTV_RULE_MAYGOTO, i, "%s", "");
		} else if (insn->dst > CTV_FP || insn->src > CTV_FP) {
			err = ctv_refuse(r, CTV_RULE_REGISTER, i, "r%u, r%u", insn->dst, insn->src);
		}
	}
	return err;
}

/* ---- the second scan ---- */

const struct ctv_map *ctv_map_find(const struct ctv_set *set, u64 addr)
{
	u32 i;

	for (i = 0; i < set->nr_maps; i++)
		if (addr - set->maps[i].addr < set->maps[i].size)
			return &set->maps[i];
	return NULL;
}

struct ctv_func *ctv_func_find(const struct ctv_prog *p, u32 insn)
{
	u32 lo = 0, hi = p->nr_funcs, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (p->funcs[mid].start == insn)
			return &p->funcs[mid];
		if (p->funcs[mid].start < insn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static int scan_opcode(struct ctv_set *set, const struct ctv_insn *insn, u32 i)
{
	return ctv_refuse(&set->refusal, CTV_RULE_OPCODE, i, "code %#04x dst r%u src %u off %d imm %d",
			  insn->code, insn->dst, insn->src, insn->off, insn->imm);
}

static bool mov_ok(const struct ctv_insn *insn)
{
	if (CTV_SRC(insn->code) == CTV_K)
		return insn->off == 0;
	if (insn->off == 0 || insn->off == 8 || insn->off == 16)
		return true;
	return insn->off == 32 && CTV_CLASS(insn->code) == CTV_ALU64;
}

static bool end_ok(const struct ctv_insn *insn)
{
	if (CTV_CLASS(insn->code) == CTV_ALU64 && CTV_SRC(insn->code) == CTV_X)
		return false;
	return insn->off == 0 && (insn->imm == 16 || insn->imm == 32 || insn->imm == 64);
}

static bool shift_ok(const struct ctv_insn *insn)
{
	u32 width = CTV_CLASS(insn->code) == CTV_ALU64 ? 64 : 32;

	return insn->off == 0 && (CTV_SRC(insn->code) == CTV_X || (u32)insn->imm < width);
}

static int scan_alu(struct ctv_set *set, const struct ctv_insn *insn, u32 i)
{
	bool ok;

	switch (CTV_OP(insn->code)) {
	case CTV_ADD: case CTV_SUB: case CTV_MUL: case CTV_OR: case CTV_AND: case CTV_XOR:
		ok = insn->off == 0;
		break;
	case CTV_NEG:
		ok = insn->off == 0 && CTV_SRC(insn->code) == CTV_K;
		break;
	case CTV_DIV: case CTV_MOD:
		ok = insn->off == 0 || insn->off == 1;
		break;
	case CTV_LSH: case CTV_RSH: case CTV_ARSH:
		ok = shift_ok(insn);
		break;
	case CTV_MOV:
		if (CTV_SRC(insn->code) == CTV_X && insn->off == -1)
			return ctv_refuse(&set->refusal, CTV_RULE_PERCPU, i, "%s", "");
		ok = mov_ok(insn);
		break;
	case CTV_END:
		ok = end_ok(insn);
		break;
	default:
		ok = false;
	}
	if (ok && insn->dst == CTV_FP)
		return ctv_refuse(&set->refusal, CTV_RULE_REGISTER, i, "writes r10");
	return ok ? 0 : scan_opcode(set, insn, i);
}

static int scan_load(struct ctv_set *set, const struct ctv_insn *insn, u32 i)
{
	switch (CTV_MODE(insn->code)) {
	case CTV_MEM:
		break;
	case CTV_MEMSX:
		if (CTV_SIZE(insn->code) == CTV_DW)
			return scan_opcode(set, insn, i);
		break;
	default:
		/* all other modes are the kernel's marks for loads that are allowed to fault */
		return ctv_refuse(&set->refusal, CTV_RULE_FAULT, i, "code %#04x", insn->code);
	}
	if (insn->dst == CTV_FP)
		return ctv_refuse(&set->refusal, CTV_RULE_REGISTER, i, "writes r10");
	return 0;
}

static int scan_atomic(struct ctv_set *set, const struct ctv_insn *insn, u32 i)
{
	bool wide = CTV_SIZE(insn->code) == CTV_W || CTV_SIZE(insn->code) == CTV_DW;
	bool ok;

	switch (insn->imm) {
	case CTV_ADD: case CTV_OR: case CTV_AND: case CTV_XOR:
		ok = wide;
		break;
	case CTV_ADD | CTV_FETCH: case CTV_XCHG:
		ok = wide && insn->src != CTV_FP;
		break;
	case CTV_CMPXCHG:
		ok = wide;
		break;
	case CTV_LOAD_ACQ:
		ok = insn->dst != CTV_FP;
		break;
	case CTV_STORE_REL:
		ok = true;
		break;
	default:
		ok = false;
	}
	return ok ? 0 : ctv_refuse(&set->refusal, CTV_RULE_ATOMIC, i, "operation %#x, code %#04x",
				   insn->imm, insn->code);
}

static int scan_store(struct ctv_set *set, const struct ctv_insn *insn, u32 i)
{
	if (insn->code == CTV_NOSPEC || CTV_MODE(insn->code) == CTV_MEM)
		return 0;
	if (CTV_CLASS(insn->code) == CTV_STX && CTV_MODE(insn->code) == CTV_ATOMIC)
		return scan_atomic(set, insn, i);
	return ctv_refuse(&set->refusal, CTV_RULE_FAULT, i, "code %#04x", insn->code);
}

static int scan_imm64(struct ctv_set *set, const struct ctv_insn *insn, u32 i)
{
	u64 imm = ctv_imm64(insn);

	if (insn->src != 0 || insn->dst == CTV_FP)
		return scan_opcode(set, insn, i);
	if (ctv_is_addr(imm) && !ctv_map_find(set, imm))
		return ctv_refuse(&set->refusal, CTV_RULE_NOMAP, i, "%#llx",
				  (unsigned long long)imm);
	return 0;
}

static int scan_call(struct ctv_set *set, const struct ctv_prog *p, const struct ctv_insn *insn,
		     u32 i)
{
	s64 target = ctv_target(insn, i);
	enum ctv_kfunc kfunc = ctv_kfunc_find(set->kfuncs, insn);

	if (kfunc != CTV_NR_KFUNCS)
		set->used |= 1U << kfunc;
	if (insn->src != CTV_CALL_LOCAL)
		return scan_raw_call(insn, i, set->kfuncs, &set->refusal);
	if (target < 0 || target >= p->len || !ctv_func_find(p, (u32)target))
		return ctv_refuse(&set->refusal, CTV_RULE_JUMP, i, "call to %lld",
				  (long long)target);
	return 0;
}

static int scan_branch(struct ctv_set *set, const struct ctv_prog *p, const struct ctv_func *f,
		       const struct ctv_insn *insn, u32 i)
{
	s64 target = ctv_target(insn, i);

	if (target < f->start || target >= f->start + f->len)
		return ctv_refuse(&set->refusal, CTV_RULE_JUMP, i, "jump to %lld",
				  (long long)target);
	/* ctv_scan_prog() marked the second halves of ld_imm64 */
	if (p->reach[target] == CTV_NONE)
		return ctv_refuse(&set->refusal, CTV_RULE_JUMP, i, "jump into ld_imm64 at %lld",
				  (long long)target - 1);
	return 0;
}

static int scan_jmp(struct ctv_set *set, const struct ctv_prog *p, const struct ctv_func *f,
		    const struct ctv_insn *insn, u32 i)
{
	u8 op = CTV_OP(insn->code);

	if (op == CTV_CALL || op == CTV_EXIT) {
		if (CTV_CLASS(insn->code) != CTV_JMP || CTV_SRC(insn->code) != CTV_K)
			return scan_opcode(set, insn, i);
		return op == CTV_CALL ? scan_call(set, p, insn, i) : 0;
	}
	if (insn->code == (CTV_JMP | CTV_JCOND))
		return ctv_refuse(&set->refusal, CTV_RULE_MAYGOTO, i, "%s", "");
	if (op > CTV_JSLE || (op == CTV_JA && CTV_SRC(insn->code) != CTV_K))
		return scan_opcode(set, insn, i);
	return scan_branch(set, p, f, insn, i);
}

static bool reg_ok(u8 reg)
{
	return reg <= CTV_FP || reg == CTV_AX;
}

static int scan_insn(struct ctv_set *set, const struct ctv_prog *p, const struct ctv_func *f, u32 i)
{
	const struct ctv_insn *insn = &p->insns[i];

	if (!reg_ok(insn->dst) || (!reg_ok(insn->src) && !ctv_is_call(insn->code)))
		return ctv_refuse(&set->refusal, CTV_RULE_REGISTER, i, "r%u, r%u", insn->dst,
				  insn->src);
	switch (CTV_CLASS(insn->code)) {
	case CTV_ALU:
	case CTV_ALU64:
		return scan_alu(set, insn, i);
	case CTV_JMP:
	case CTV_JMP32:
		return scan_jmp(set, p, f, insn, i);
	case CTV_LDX:
		return scan_load(set, insn, i);
	case CTV_ST:
	case CTV_STX:
		return scan_store(set, insn, i);
	default:
		if (insn->code == CTV_LD_IMM64)
			return scan_imm64(set, insn, i);
		return scan_opcode(set, insn, i);
	}
}

/* The functions cover the program without gaps, and none runs on into the next. */
static int scan_layout(struct ctv_set *set, const struct ctv_prog *p)
{
	const struct ctv_insn *last;
	u32 i, at = 0;

	for (i = 0; i < p->nr_funcs; i++) {
		const struct ctv_func *f = &p->funcs[i];

		if (f->start != at || !f->len || f->len > p->len - at)
			return ctv_refuse(&set->refusal, CTV_RULE_JUMP, at, "function %u", i);
		at += f->len;
		last = &p->insns[at - 1];
		if (p->reach[at - 1] == CTV_NONE || (!ctv_is_exit(last->code) &&
						     !ctv_is_ja(last->code)))
			return ctv_refuse(&set->refusal, CTV_RULE_JUMP, at - 1,
					  "function %u has no end", i);
	}
	if (at != p->len)
		return ctv_refuse(&set->refusal, CTV_RULE_JUMP, at, "beyond the last function");
	return 0;
}

static int scan_halves(struct ctv_set *set, const struct ctv_prog *p)
{
	u32 i;

	for (i = 0; i < p->len; i++) {
		if (p->insns[i].code != CTV_LD_IMM64)
			continue;
		if (++i == p->len || p->insns[i].code)
			return ctv_refuse(&set->refusal, CTV_RULE_OPCODE, i - 1,
					  "half an ld_imm64");
		p->reach[i] = CTV_NONE;
	}
	return 0;
}

int ctv_scan_prog(struct ctv_set *set, struct ctv_prog *p)
{
	u32 n, i;
	int err;

	err = scan_halves(set, p);
	if (!err)
		err = scan_layout(set, p);
	for (n = 0; n < p->nr_funcs && !err; n++) {
		const struct ctv_func *f = &p->funcs[n];

		for (i = f->start; i < f->start + f->len && !err; i++)
			if (p->reach[i] != CTV_NONE)
				err = scan_insn(set, p, f, i);
	}
	return err;
}

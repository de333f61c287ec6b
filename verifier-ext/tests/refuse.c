// SPDX-License-Identifier: GPL-2.0
/* Instructions, layouts and images that the passes must refuse, and by which rule. */
#include "test.h"

#define MAX 12

struct refusal {
	const char *name;
	enum ctv_rule rule;
	struct ctv_insn insns[MAX];
};

#define LD_PSEUDO(src)	INSN(CTV_LD_IMM64, 1, src, 0, 5), INSN(0, 0, 0, 0, 0)

static const struct refusal raw[] = {
	{ "raw: helper", CTV_RULE_HELPER, { INSN(CTV_JMP | CTV_CALL, 0, 0, 0, 5), EXIT() } },
	{ "raw: tail call", CTV_RULE_TAILCALL, { INSN(CTV_JMP | CTV_CALL, 0, 0, 0, 12), EXIT() } },
	{ "raw: kernel function", CTV_RULE_KFUNC,
	  { INSN(CTV_JMP | CTV_CALL, 0, 2, 0, 9), EXIT() } },
	{ "raw: kernel function of a module", CTV_RULE_KFUNC,
	  { INSN(CTV_JMP | CTV_CALL, 0, 2, 1, test_kfunc_imm(CTV_KFUNC_TIME)), EXIT() } },
	{ "raw: helper with a kernel function's number", CTV_RULE_HELPER,
	  { INSN(CTV_JMP | CTV_CALL, 0, 0, 0, test_kfunc_imm(CTV_KFUNC_TIME)), EXIT() } },
	{ "raw: unknown kind of call", CTV_RULE_OPCODE,
	  { INSN(CTV_JMP | CTV_CALL, 0, 3, 0, 9), EXIT() } },
	{ "raw: map by descriptor", CTV_RULE_MAPREF, { LD_PSEUDO(CTV_PSEUDO_MAP_FD), EXIT() } },
	{ "raw: map by index", CTV_RULE_MAPREF, { LD_PSEUDO(CTV_PSEUDO_MAP_IDX), EXIT() } },
	{ "raw: callback", CTV_RULE_CALLBACK, { LD_PSEUDO(CTV_PSEUDO_FUNC), EXIT() } },
	{ "raw: kernel symbol", CTV_RULE_KSYM, { LD_PSEUDO(CTV_PSEUDO_BTF_ID), EXIT() } },
	{ "raw: unknown pseudo source", CTV_RULE_OPCODE, { LD_PSEUDO(7), EXIT() } },
	{ "raw: kernel address with 4-level paging", CTV_RULE_KADDR,
	  { LD64(0, 0xffffc90000001000), EXIT() } },
	{ "raw: kernel address with 5-level paging", CTV_RULE_KADDR,
	  { LD64(0, 0xffa0000000001000), EXIT() } },
	{ "raw: first kernel address", CTV_RULE_KADDR, { LD64(0, CTV_ADDR_MIN), EXIT() } },
	{ "raw: last kernel address", CTV_RULE_KADDR, { LD64(0, CTV_ADDR_MAX), EXIT() } },
	{ "raw: may_goto", CTV_RULE_MAYGOTO, { INSN(CTV_JMP | CTV_JCOND, 0, 0, 0, 0), EXIT() } },
	{ "raw: register for stack arguments", CTV_RULE_REGISTER,
	  { STX(CTV_DW, 11, 1, -8), EXIT() } },
	{ "raw: half an ld_imm64 at the end", CTV_RULE_OPCODE,
	  { EXIT(), INSN(CTV_LD_IMM64, 1, 0, 0, 5) } },
};

static const struct refusal xlated[] = {
	{ "load that may fault", CTV_RULE_FAULT,
	  { INSN(CTV_LDX | 0x20 | CTV_DW, 0, 1, 0, 0), EXIT() } },
	{ "sign-extending load that may fault", CTV_RULE_FAULT,
	  { INSN(CTV_LDX | 0x40 | CTV_W, 0, 1, 0, 0), EXIT() } },
	{ "arena load", CTV_RULE_FAULT, { INSN(CTV_LDX | 0xa0 | CTV_DW, 0, 1, 0, 0), EXIT() } },
	{ "arena store", CTV_RULE_FAULT, { INSN(CTV_STX | 0xa0 | CTV_DW, 1, 0, 0, 0), EXIT() } },
	{ "arena atomic", CTV_RULE_FAULT, { INSN(CTV_STX | 0xe0 | CTV_DW, 1, 0, 0, 0), EXIT() } },
	{ "packet load", CTV_RULE_OPCODE, { INSN(CTV_LD | CTV_ABS | CTV_W, 0, 0, 0, 0), EXIT() } },
	{ "per-CPU address", CTV_RULE_PERCPU,
	  { INSN(CTV_ALU64 | CTV_MOV | CTV_X, 0, 1, -1, 0), EXIT() } },
	{ "address space cast", CTV_RULE_OPCODE,
	  { INSN(CTV_ALU64 | CTV_MOV | CTV_X, 0, 1, 1, 1), EXIT() } },
	{ "indirect jump", CTV_RULE_OPCODE,
	  { INSN(CTV_JMP | CTV_JA | CTV_X, 1, 0, 0, 0), EXIT() } },
	{ "tail call after translation", CTV_RULE_OPCODE,
	  { INSN(CTV_JMP | 0xf0, 0, 0, 0, 0), EXIT() } },
	{ "call of a kernel function that is not ours", CTV_RULE_KFUNC,
	  { INSN(CTV_JMP | CTV_CALL, 0, 2, 0, test_kfunc_imm(CTV_KFUNC_TIME) + 1), EXIT() } },
	{ "call of a kernel function of a module", CTV_RULE_KFUNC,
	  { INSN(CTV_JMP | CTV_CALL, 0, 2, 1, test_kfunc_imm(CTV_KFUNC_TIME)), EXIT() } },
	{ "32-bit call of a kernel function", CTV_RULE_OPCODE,
	  { INSN(CTV_JMP32 | CTV_CALL, 0, 2, 0, test_kfunc_imm(CTV_KFUNC_TIME)), EXIT() } },
	{ "call of an address", CTV_RULE_HELPER,
	  { INSN(CTV_JMP | CTV_CALL, 0, 0, 0, 0x1234), EXIT() } },
	{ "indirect call", CTV_RULE_OPCODE,
	  { INSN(CTV_JMP | CTV_CALL | CTV_X, 0, 1, 0, 0), EXIT() } },
	{ "call of what is no function", CTV_RULE_JUMP, { CALL(0), MOV(0, 0), EXIT() } },
	{ "call beyond the program", CTV_RULE_JUMP, { CALL(100), EXIT() } },
	{ "jump beyond the program", CTV_RULE_JUMP, { JA(100), EXIT() } },
	{ "jump before the program", CTV_RULE_JUMP, { JA(-2), EXIT() } },
	{ "jump into an ld_imm64", CTV_RULE_JUMP, { JA(1), LD64(0, 5), EXIT() } },
	{ "no end", CTV_RULE_JUMP, { MOV(0, 0), ALU64_K(CTV_ADD, 0, 1) } },
	{ "conditional end", CTV_RULE_JUMP, { MOV(0, 0), JMP_K(CTV_JEQ, 0, 0, -2) } },
	{ "half an ld_imm64", CTV_RULE_OPCODE,
	  { INSN(CTV_LD_IMM64, 0, 0, 0, 5), MOV(0, 0), EXIT() } },
	{ "unresolved map", CTV_RULE_OPCODE, { LD_PSEUDO(CTV_PSEUDO_MAP_VALUE), EXIT() } },
	{ "kernel address in no map", CTV_RULE_NOMAP, { LD64(1, MAP_ADDR + MAP_SIZE), EXIT() } },
	{ "register 11", CTV_RULE_REGISTER, { MOV_X(0, 11), EXIT() } },
	{ "register 15", CTV_RULE_REGISTER, { MOV(15, 0), EXIT() } },
	{ "write to r10", CTV_RULE_REGISTER, { MOV(10, 0), EXIT() } },
	{ "load to r10", CTV_RULE_REGISTER, { LDX(CTV_DW, 10, 1, 0), EXIT() } },
	{ "fetch and and", CTV_RULE_ATOMIC,
	  { ATOMIC(CTV_DW, 10, 1, -8, CTV_AND | CTV_FETCH), EXIT() } },
	{ "atomic on a byte", CTV_RULE_ATOMIC, { ATOMIC(CTV_B, 10, 1, -8, CTV_ADD), EXIT() } },
	{ "unknown atomic", CTV_RULE_ATOMIC, { ATOMIC(CTV_DW, 10, 1, -8, 0x77), EXIT() } },
	{ "shift by 64", CTV_RULE_OPCODE, { ALU64_K(CTV_LSH, 0, 64), EXIT() } },
	{ "32-bit shift by 32", CTV_RULE_OPCODE, { ALU32_K(CTV_LSH, 0, 32), EXIT() } },
	{ "swap of 24 bits", CTV_RULE_OPCODE,
	  { INSN(CTV_ALU64 | CTV_END, 0, 0, 0, 24), EXIT() } },
	{ "sign-extending load of 64 bits", CTV_RULE_OPCODE, { LDXS(CTV_DW, 0, 1, 0), EXIT() } },
	{ "unknown arithmetic", CTV_RULE_OPCODE, { INSN(CTV_ALU64 | 0xe0, 0, 0, 0, 0), EXIT() } },
	{ "unknown condition", CTV_RULE_OPCODE, { INSN(CTV_JMP32 | 0xe0, 0, 0, 0, 0), EXIT() } },
	{ "32-bit call", CTV_RULE_OPCODE, { INSN(CTV_JMP32 | CTV_CALL, 0, 1, 0, 0), EXIT() } },
	{ "32-bit exit", CTV_RULE_OPCODE, { INSN(CTV_JMP32 | CTV_EXIT, 0, 0, 0, 0), EXIT() } },
	{ "recursion", CTV_RULE_RECURSION, { CALL(-1), EXIT() } },
};

static u32 insns_len(const struct ctv_insn *insns)
{
	u32 n = MAX;

	while (n && !insns[n - 1].code && !insns[n - 1].imm)
		n--;
	return n;
}

static void expect(const char *name, int err, enum ctv_rule want, const struct ctv_refusal *r)
{
	bool ok = err < 0 && r->rule == want;

	if (!ok)
		test_note("%s instead of %s", err ? ctv_rule_name(r->rule) : "accepted",
			  ctv_rule_name(want));
	test_result(ok, "refused: %s", name);
}

static void refuse_raw(const struct refusal *t)
{
	struct ctv_refusal r = { .rule = CTV_NR_RULES - 1 };
	int err = ctv_scan_raw(t->insns, insns_len(t->insns), test_kfuncs, &r);

	expect(t->name, err, t->rule, &r);
}

static const struct ctv_map one_map = { .addr = MAP_ADDR, .size = MAP_SIZE };

static int check(struct ctv_set *set, struct ctv_prog *p, u32 budget)
{
	int err;

	*set = (struct ctv_set){
		.progs = p, .nr_progs = 1, .maps = &one_map, .nr_maps = 1,
		.kfuncs = test_kfuncs, .budget = budget,
	};
	err = ctv_set_check(set);
	ctv_set_free(set);
	return err;
}

static void refuse_xlated(const struct refusal *t)
{
	struct ctv_func f = { .len = insns_len(t->insns), .stack = 16 };
	struct ctv_prog p = { .insns = t->insns, .len = f.len, .funcs = &f, .nr_funcs = 1 };
	struct ctv_set set;
	int err = check(&set, &p, 0);

	expect(t->name, err, t->rule, &set.refusal);
}

static void refuse_funcs(const char *name, enum ctv_rule rule, const struct ctv_func *funcs, u32 nr,
			 const struct ctv_insn *insns, u32 len)
{
	struct ctv_func copy[20];
	struct ctv_prog p = { .insns = insns, .len = len, .funcs = copy, .nr_funcs = nr };
	struct ctv_set set;
	int err;

	memcpy(copy, funcs, nr * sizeof(copy[0]));
	err = check(&set, &p, 0);
	expect(name, err, rule, &set.refusal);
}

#define FUNC(s, l, st)	{ .start = (s), .len = (l), .stack = (st) }

static void refuse_layouts(void)
{
	static const struct ctv_insn two[] = { CALL(1), EXIT(), MOV(0, 0), EXIT() };
	static const struct ctv_insn circle[] = {
		CALL(1), EXIT(), CALL(1), EXIT(), CALL(-3), EXIT(),
	};
	static const struct ctv_insn across[] = { JA(1), EXIT(), MOV(0, 0), EXIT() };
	static const struct ctv_func deep[] = { FUNC(0, 2, 264), FUNC(2, 2, 256) };
	static const struct ctv_func gap[] = { FUNC(0, 2, 0), FUNC(3, 1, 0) };
	static const struct ctv_func split[] = { FUNC(0, 2, 0), FUNC(2, 2, 0) };
	static const struct ctv_func shorter[] = { FUNC(0, 2, 0) };
	static const struct ctv_func three[] = { FUNC(0, 2, 0), FUNC(2, 2, 0), FUNC(4, 2, 0) };

	refuse_funcs("stack over the chain of calls", CTV_RULE_STACK, deep, 2, two, 4);
	refuse_funcs("gap between functions", CTV_RULE_JUMP, gap, 2, two, 4);
	refuse_funcs("instructions beyond the last function", CTV_RULE_JUMP, shorter, 1, two, 4);
	refuse_funcs("jump into another function", CTV_RULE_JUMP, split, 2, across, 4);
	refuse_funcs("circle of calls", CTV_RULE_RECURSION, three, 3, circle, 6);
}

static void refuse_depth(void)
{
	struct ctv_func funcs[17];
	struct ctv_insn insns[34];
	u32 i;

	for (i = 0; i < 17; i++) {
		funcs[i] = (struct ctv_func){ .start = 2 * i, .len = 2 };
		insns[2 * i] = i < 16 ? CALL(1) : MOV(0, 0);
		insns[2 * i + 1] = EXIT();
	}
	refuse_funcs("17 frames", CTV_RULE_STACK, funcs, 17, insns, 34);
}

static void refuse_cost(void)
{
	struct ctv_insn insns[64];
	struct ctv_func f = { .len = 64 };
	struct ctv_prog p = { .insns = insns, .len = 64, .funcs = &f, .nr_funcs = 1 };
	struct ctv_set set;
	int err;
	u32 i;

	for (i = 0; i < 63; i++)
		insns[i] = MOV(0, 0);
	insns[63] = EXIT();
	/* a call of the handler costs 8 itself */
	err = check(&set, &p, 71);
	expect("longest path of 72 with a budget of 71", err, CTV_RULE_COST, &set.refusal);
	test_result(check(&set, &p, 72) == 0 && p.cost == 72 && !p.fuel,
		    "accepted: longest path of 72 with a budget of 72");
	insns[10] = JA(20);
	test_result(check(&set, &p, 52) == 0 && p.cost == 52,
		    "cost leaves out what is jumped over");
	insns[10] = JMP_K(CTV_JEQ, 0, 0, 20);
	test_result(check(&set, &p, 73) == 0 && p.cost == 73, "cost takes the longer branch");
	insns[62] = JMP_K(CTV_JEQ, 0, 0, -63);
	err = check(&set, &p, 100);
	expect("loop whose turn does not fit", err, CTV_RULE_LOOP, &set.refusal);
	test_result(check(&set, &p, 1000) == 0 && p.cost == 1000 && p.fuel == 1000 - 76,
		    "accepted: loop, bounded by its budget");
	insns[62] = MOV(0, 0);
	insns[0] = JA(40);
	insns[41] = JMP_K(CTV_JEQ, 0, 0, -31);
	insns[40] = EXIT();
	insns[10] = MOV(0, 0);
	test_result(check(&set, &p, 41) == 0 && p.cost == 41 && !p.loops && !p.fuel,
		    "a jump backwards that closes no loop costs its longest path alone");
	err = check(&set, &p, 40);
	expect("longest path of 41, over a jump backwards, with a budget of 40", err, CTV_RULE_COST,
	       &set.refusal);
	insns[20] = ALU64_X(CTV_DIV, 0, 1);
	test_result(check(&set, &p, 0) == 0 && p.funcs[0].depth == 8 + 16,
		    "what a division pushes is on the stack");
	f.len = 0;
	p.len = 0;
	err = check(&set, &p, 0);
	expect("empty program", err, CTV_RULE_SIZE, &set.refusal);
}

void test_refusals(void)
{
	u32 i;

	for (i = 0; i < sizeof(raw) / sizeof(raw[0]); i++)
		refuse_raw(&raw[i]);
	for (i = 0; i < sizeof(xlated) / sizeof(xlated[0]); i++)
		refuse_xlated(&xlated[i]);
	refuse_layouts();
	refuse_depth();
	refuse_cost();
}

/* ---- the check of compiled code: it must find what a mistaken compiler might write ---- */

static const struct wrong {
	const char *name;
	u32 len;
	u8 bytes[8];
} wrongs[] = {
	{ "system call", 2, { 0x0f, 0x05 } },
	{ "wrmsr", 2, { 0x0f, 0x30 } },
	{ "write to cr3", 3, { 0x0f, 0x22, 0xd8 } },
	{ "cli", 1, { 0xfa } },
	{ "hlt", 1, { 0xf4 } },
	{ "in", 1, { 0xec } },
	{ "out", 1, { 0xee } },
	{ "software interrupt", 2, { 0xcd, 0x80 } },
	{ "indirect call", 2, { 0xff, 0xd0 } },
	{ "indirect jump", 2, { 0xff, 0xe0 } },
	{ "vmrun", 3, { 0x0f, 0x01, 0xd8 } },
	{ "absolute memory operand", 5, { 0x8b, 0x04, 0x25, 0, 0 } },
	{ "memory relative to rsp", 4, { 0x8b, 0x44, 0x24, 8 } },
	{ "gs prefix", 4, { 0x65, 0x8b, 0x40, 8 } },
	{ "write to r12", 3, { 0x49, 0x89, 0xc4 } },
	{ "constant to r12", 6, { 0x41, 0xbc, 1, 0, 0, 0 } },
	{ "pop of r12", 2, { 0x41, 0x5c } },
	{ "add to r12", 4, { 0x41, 0x83, 0xc4, 1 } },
	{ "write to r9", 3, { 0x49, 0x89, 0xc1 } },
	{ "write to rsp", 3, { 0x48, 0x89, 0xc4 } },
	{ "add to rsp", 4, { 0x48, 0x83, 0xc4, 8 } },
	{ "pop of rsp", 1, { 0x5c } },
	{ "less than nothing taken from r12", 4, { 0x41, 0x83, 0xec, 0xff } },
	{ "less than nothing taken from rsp", 4, { 0x48, 0x83, 0xec, 0xf8 } },
	{ "16 bits taken from r12", 5, { 0x66, 0x41, 0x83, 0xec, 1 } },
	{ "endless loop", 2, { 0xeb, 0xfe } },
	{ "loop without payment", 4, { 0x99, 0x99, 0x75, 0xfc } },
	{ "loop that looks at the payment of nobody", 4, { 0x99, 0x99, 0x79, 0xfc } },
	{ "loop that is entered behind its payment", 8,
	  { 0xeb, 0x04, 0x41, 0x83, 0xec, 0x01, 0x79, 0xfa } },
	{ "loop with something behind its payment", 7, { 0x41, 0x83, 0xec, 1, 0x99, 0x79, 0xf9 } },
	{ "call of itself", 5, { 0xe8, 0xf7, 0xff, 0xff, 0xff } },
	{ "16-bit return", 2, { 0x66, 0xc3 } },
	{ "16-bit jump", 6, { 0x66, 0xe9, 0, 0, 0, 0 } },
	{ "16-bit conditional jump", 3, { 0x66, 0x75, 0 } },
	{ "16-bit call", 6, { 0x66, 0xe8, 0, 0, 0, 0 } },
	{ "16-bit push", 2, { 0x66, 0x50 } },
	{ "start of a transaction", 6, { 0xc7, 0xf8, 0, 0, 0, 0 } },
	{ "end of a transaction", 3, { 0xc6, 0xf8, 0 } },
	{ "unknown store of a constant", 7, { 0xc7, 0x48, 8, 0, 0, 0, 0 } },
	{ "jump out of the image", 5, { 0xe9, 0, 0x10, 0, 0 } },
	{ "jump before the image", 5, { 0xe9, 0, 0xff, 0xff, 0xff } },
	{ "call out of the image", 5, { 0xe8, 0, 0x10, 0, 0 } },
	{ "jump into an instruction", 2, { 0xeb, 9 } },
	{ "address outside the maps", 7, { 0x48, 0x8d, 0x05, 0, 0x20, 0, 0 } },
	{ "address before the maps", 7, { 0x48, 0x8d, 0x05, 0, 0, 0, 0 } },
	{ "lock without memory", 4, { 0xf0, 0x48, 0x01, 0xc0 } },
	{ "exchange with r12", 3, { 0x49, 0x87, 0xc4 } },
	{ "exchange with rsp", 3, { 0x48, 0x87, 0xe0 } },
	{ "lock of an exchange of registers", 4, { 0xf0, 0x48, 0x87, 0xc8 } },
	{ "lock of a load", 4, { 0xf0, 0x8b, 0x40, 8 } },
	{ "lock of a return", 2, { 0xf0, 0xc3 } },
	{ "memory relative to r9", 4, { 0x41, 0x8b, 0x41, 8 } },
	{ "string instruction", 2, { 0xf3, 0xa4 } },
	{ "far return", 1, { 0xcb } },
	{ "vector instruction", 3, { 0x0f, 0x28, 0xc1 } },
	{ "bit in memory", 7, { 0x0f, 0xab, 0xb7, 0xd0, 0, 0, 0 } },
	{ "rdtsc", 2, { 0x0f, 0x31 } },
	{ "sum to rsp", 4, { 0x48, 0x8d, 0x60, 8 } },
	{ "sum to r12", 4, { 0x4c, 0x8d, 0x60, 8 } },
	{ "sum of two to r9", 5, { 0x4c, 0x8d, 0x4c, 0x08, 0 } },
	{ "sum with rsp", 5, { 0x48, 0x8d, 0x44, 0x24, 8 } },
	{ "sum with r9", 5, { 0x4a, 0x8d, 0x44, 0x08, 0 } },
	{ "sum with r12 as base", 5, { 0x49, 0x8d, 0x44, 0x04, 0 } },
	{ "sum with a factor", 5, { 0x48, 0x8d, 0x44, 0x48, 0 } },
	{ "absolute address", 7, { 0x8d, 0x04, 0x25, 0, 0, 0, 0 } },
	{ "RIP-relative address of 32 bits", 6, { 0x8d, 0x05, 0, 0x10, 0, 0 } },
	{ "16-bit sum", 4, { 0x66, 0x8d, 0x40, 8 } },
	{ "rdpmc", 2, { 0x0f, 0x33 } },
	{ "rdmsr", 2, { 0x0f, 0x32 } },
};

/* What the check says of a handler of two long constants whose first is overwritten with @w. */
static int check_bytes(const struct wrong *w)
{
	static const struct ctv_insn insns[] = {
		LD64(0, 0x1122334455667788), LD64(0, 0x1122334455667788), EXIT(),
	};
	struct ctv_func f = { .len = 5 };
	struct ctv_prog p = { .insns = insns, .len = 5, .funcs = &f, .nr_funcs = 1 };
	struct ctv_set set = {
		.progs = &p, .nr_progs = 1, .maps = &one_map, .nr_maps = 1,
	};
	u8 text[64];
	int err = ctv_set_check(&set);

	if (!err)
		err = ctv_set_size(&set);
	if (!err)
		err = ctv_set_emit(&set, text);
	/* endbr64, then ten bytes of movabs */
	memset(text + 4, 0x99, 10);
	if (!err)
		err = ctv_check_text(&set, text);
	if (err) {
		test_note("%s", set.refusal.detail);
		err = -EINVAL;
	} else {
		memcpy(text + 4, w->bytes, w->len);
		err = ctv_check_text(&set, text);
	}
	ctv_set_free(&set);
	return err;
}

/* And it takes a loop that pays: else the tests above would show nothing. */
static void check_paid(void)
{
	static const struct wrong paid = { "", 6, { 0x41, 0x83, 0xec, 0x01, 0x79, 0xfa } };

	test_result(check_bytes(&paid) == 0, "image accepted: loop that pays");
}

void test_checker(void)
{
	u32 i;

	check_paid();

	for (i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++)
		test_result(check_bytes(&wrongs[i]) == -EIO, "image refused: %s", wrongs[i].name);
}

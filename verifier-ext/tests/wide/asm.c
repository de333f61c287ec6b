// SPDX-License-Identifier: GPL-2.0
/* Assembler for the text form of the conformance cases: one mnemonic and up to two operands. */
#include <ctype.h>

#include "asm.h"

/* kinds of operands, by mnemonic */
enum form {
	F_ALU,		/* dst, src or number */
	F_ONE,		/* dst */
	F_JMP,		/* dst, src or number, label */
	F_JA,		/* label */
	F_LOAD,		/* dst, [src + off] */
	F_STX,		/* [dst + off], src */
	F_ST,		/* [dst + off], number */
	F_IMM64,	/* dst, number */
	F_EXIT,
	F_CALL,		/* "local" label, or register */
	F_LOCK,		/* operation [dst + off], src */
};

/* Names that also exist with "32" behind them are marked in @also32. */
static const struct mnemonic {
	const char *name;
	enum form form;
	u8 code;
	s16 off;
	s32 imm;
	bool also32;
} mnemonics[] = {
	{ "add", F_ALU, CTV_ADD, 0, 0, true },
	{ "sub", F_ALU, CTV_SUB, 0, 0, true },
	{ "mul", F_ALU, CTV_MUL, 0, 0, true },
	{ "div", F_ALU, CTV_DIV, 0, 0, true },
	{ "sdiv", F_ALU, CTV_DIV, 1, 0, true },
	{ "or", F_ALU, CTV_OR, 0, 0, true },
	{ "and", F_ALU, CTV_AND, 0, 0, true },
	{ "lsh", F_ALU, CTV_LSH, 0, 0, true },
	{ "rsh", F_ALU, CTV_RSH, 0, 0, true },
	{ "mod", F_ALU, CTV_MOD, 0, 0, true },
	{ "smod", F_ALU, CTV_MOD, 1, 0, true },
	{ "xor", F_ALU, CTV_XOR, 0, 0, true },
	{ "mov", F_ALU, CTV_MOV, 0, 0, true },
	{ "arsh", F_ALU, CTV_ARSH, 0, 0, true },
	{ "movsx832", F_ALU, CTV_ALU | CTV_MOV, 8, 0, false },
	{ "movsx1632", F_ALU, CTV_ALU | CTV_MOV, 16, 0, false },
	{ "movsx864", F_ALU, CTV_ALU64 | CTV_MOV, 8, 0, false },
	{ "movsx1664", F_ALU, CTV_ALU64 | CTV_MOV, 16, 0, false },
	{ "movsx3264", F_ALU, CTV_ALU64 | CTV_MOV, 32, 0, false },
	{ "neg", F_ONE, CTV_NEG, 0, 0, true },
	{ "le16", F_ONE, CTV_ALU | CTV_END, 0, 16, false },
	{ "le32", F_ONE, CTV_ALU | CTV_END, 0, 32, false },
	{ "le64", F_ONE, CTV_ALU | CTV_END, 0, 64, false },
	{ "be16", F_ONE, CTV_ALU | CTV_END | CTV_X, 0, 16, false },
	{ "be32", F_ONE, CTV_ALU | CTV_END | CTV_X, 0, 32, false },
	{ "be64", F_ONE, CTV_ALU | CTV_END | CTV_X, 0, 64, false },
	{ "swap16", F_ONE, CTV_ALU64 | CTV_END, 0, 16, false },
	{ "swap32", F_ONE, CTV_ALU64 | CTV_END, 0, 32, false },
	{ "swap64", F_ONE, CTV_ALU64 | CTV_END, 0, 64, false },
	{ "bswap16", F_ONE, CTV_ALU64 | CTV_END, 0, 16, false },
	{ "bswap32", F_ONE, CTV_ALU64 | CTV_END, 0, 32, false },
	{ "bswap64", F_ONE, CTV_ALU64 | CTV_END, 0, 64, false },
	{ "jeq", F_JMP, CTV_JEQ, 0, 0, true },
	{ "jgt", F_JMP, CTV_JGT, 0, 0, true },
	{ "jge", F_JMP, CTV_JGE, 0, 0, true },
	{ "jset", F_JMP, CTV_JSET, 0, 0, true },
	{ "jne", F_JMP, CTV_JNE, 0, 0, true },
	{ "jsgt", F_JMP, CTV_JSGT, 0, 0, true },
	{ "jsge", F_JMP, CTV_JSGE, 0, 0, true },
	{ "jlt", F_JMP, CTV_JLT, 0, 0, true },
	{ "jle", F_JMP, CTV_JLE, 0, 0, true },
	{ "jslt", F_JMP, CTV_JSLT, 0, 0, true },
	{ "jsle", F_JMP, CTV_JSLE, 0, 0, true },
	{ "ja", F_JA, CTV_JMP | CTV_JA, 0, 0, false },
	{ "ja32", F_JA, CTV_JMP32 | CTV_JA, 0, 0, false },
	{ "ldxb", F_LOAD, CTV_LDX | CTV_MEM | CTV_B, 0, 0, false },
	{ "ldxh", F_LOAD, CTV_LDX | CTV_MEM | CTV_H, 0, 0, false },
	{ "ldxw", F_LOAD, CTV_LDX | CTV_MEM | CTV_W, 0, 0, false },
	{ "ldxdw", F_LOAD, CTV_LDX | CTV_MEM | CTV_DW, 0, 0, false },
	{ "ldxsb", F_LOAD, CTV_LDX | CTV_MEMSX | CTV_B, 0, 0, false },
	{ "ldxsh", F_LOAD, CTV_LDX | CTV_MEMSX | CTV_H, 0, 0, false },
	{ "ldxsw", F_LOAD, CTV_LDX | CTV_MEMSX | CTV_W, 0, 0, false },
	{ "stxb", F_STX, CTV_STX | CTV_MEM | CTV_B, 0, 0, false },
	{ "stxh", F_STX, CTV_STX | CTV_MEM | CTV_H, 0, 0, false },
	{ "stxw", F_STX, CTV_STX | CTV_MEM | CTV_W, 0, 0, false },
	{ "stxdw", F_STX, CTV_STX | CTV_MEM | CTV_DW, 0, 0, false },
	{ "stb", F_ST, CTV_ST | CTV_MEM | CTV_B, 0, 0, false },
	{ "sth", F_ST, CTV_ST | CTV_MEM | CTV_H, 0, 0, false },
	{ "stw", F_ST, CTV_ST | CTV_MEM | CTV_W, 0, 0, false },
	{ "stdw", F_ST, CTV_ST | CTV_MEM | CTV_DW, 0, 0, false },
	{ "lddw", F_IMM64, CTV_LD_IMM64, 0, 0, false },
	{ "exit", F_EXIT, CTV_JMP | CTV_EXIT, 0, 0, false },
	{ "call", F_CALL, CTV_JMP | CTV_CALL, 0, 0, false },
	{ "lock", F_LOCK, CTV_STX | CTV_ATOMIC, 0, 0, false },
};

static const struct {
	const char *name;
	s32 imm;
} atomics[] = {
	{ "add", CTV_ADD }, { "or", CTV_OR }, { "and", CTV_AND }, { "xor", CTV_XOR },
	{ "xchg", CTV_XCHG }, { "cmpxchg", CTV_CMPXCHG },
};

void asm_begin(struct assembly *a)
{
	memset(a, 0, sizeof(*a));
}

static void asm_bad(struct assembly *a, const char *line)
{
	if (!a->error[0])
		snprintf(a->error, sizeof(a->error), "%.79s", line);
}

void asm_put(struct assembly *a, struct ctv_insn insn)
{
	if (a->len == ASM_MAX_INSNS)
		asm_bad(a, "too many instructions");
	else
		a->insns[a->len++] = insn;
}

/* ---- words of a line ---- */

static void skip(const char **s)
{
	while (isspace((unsigned char)**s) || **s == ',')
		(*s)++;
}

static bool word(const char **s, char *to, size_t size)
{
	size_t n = 0;

	skip(s);
	while (**s && !isspace((unsigned char)**s) && !strchr(",[]:", **s)) {
		if (n + 1 < size)
			to[n++] = **s;
		(*s)++;
	}
	to[n] = 0;
	return n;
}

static bool expect_char(const char **s, char c)
{
	skip(s);
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

static bool reg_of(const char *text, u8 *reg)
{
	char *end;
	unsigned long n;

	if (strncmp(text, "%r", 2))
		return false;
	n = strtoul(text + 2, &end, 10);
	*reg = (u8)n;
	return !*end && end > text + 2 && n <= CTV_FP;
}

static bool number_of(const char *text, u64 *n)
{
	char *end;

	*n = *text == '-' ? 0 - strtoull(text + 1, &end, 0) : strtoull(text, &end, 0);
	return *text && !*end;
}

static bool reg(const char **s, u8 *to)
{
	char text[32];

	return word(s, text, sizeof(text)) && reg_of(text, to);
}

/* [%rN], [%rN+8] or [%rN-8] */
static bool place(const char **s, u8 *base, s16 *off)
{
	char text[32], *sign;
	u64 n = 0;

	if (!expect_char(s, '[') || !word(s, text, sizeof(text)) || !expect_char(s, ']'))
		return false;
	sign = strpbrk(text, "+-");
	if (sign && !number_of(*sign == '+' ? sign + 1 : sign, &n))
		return false;
	*off = (s16)n;
	if (sign)
		*sign = 0;
	return reg_of(text, base);
}

/* A register or a number, into @insn */
static bool source(const char **s, struct ctv_insn *insn)
{
	char text[32];
	u64 n;
	u8 r;

	if (!word(s, text, sizeof(text)))
		return false;
	if (reg_of(text, &r)) {
		insn->code |= CTV_X;
		insn->src = r & 15;
		return true;
	}
	insn->imm = number_of(text, &n) ? (s32)n : 0;
	return number_of(text, &n);
}

static bool label_use(struct assembly *a, const char **s, struct ctv_insn *insn)
{
	char text[32];
	u64 n;

	if (!word(s, text, sizeof(text)))
		return false;
	if (*text == '+' || *text == '-') {
		if (!number_of(*text == '+' ? text + 1 : text, &n))
			return false;
		insn->off = (s16)n;
		return true;
	}
	if (a->nr_uses == ASM_MAX_LABELS)
		return false;
	snprintf(a->uses[a->nr_uses].name, sizeof(text), "%s", text);
	a->uses[a->nr_uses++].insn = a->len;
	return true;
}

static bool lock(const char **s, struct ctv_insn *insn)
{
	char text[32];
	bool fetch = false, found = false;
	size_t len;
	u8 dst = 0, src = 0;
	u32 i;

	if (!word(s, text, sizeof(text)))
		return false;
	if (!strcmp(text, "fetch")) {
		fetch = true;
		word(s, text, sizeof(text));
	}
	len = strlen(text);
	insn->code |= CTV_DW;
	if (len > 2 && !strcmp(text + len - 2, "32")) {
		text[len - 2] = 0;
		insn->code = CTV_STX | CTV_ATOMIC | CTV_W;
	}
	for (i = 0; i < sizeof(atomics) / sizeof(atomics[0]); i++) {
		if (strcmp(text, atomics[i].name))
			continue;
		insn->imm = atomics[i].imm | fetch;
		found = true;
	}
	if (!found || !place(s, &dst, &insn->off) || !reg(s, &src))
		return false;
	insn->dst = dst & 15;
	insn->src = src & 15;
	return true;
}

static bool call(struct assembly *a, const char **s, struct ctv_insn *insn)
{
	char text[32];

	if (!word(s, text, sizeof(text)))
		return false;
	if (!strcmp(text, "local")) {
		insn->src = CTV_CALL_LOCAL;
		return label_use(a, s, insn);
	}
	/* a call through a register, which the rules do not know */
	insn->code |= CTV_X;
	return reg_of(text, &(u8){ 0 });
}

static bool imm64(struct assembly *a, const char **s, struct ctv_insn *insn)
{
	char text[32];
	u64 n;

	if (!word(s, text, sizeof(text)) || !number_of(text, &n))
		return false;
	insn->imm = (s32)n;
	asm_put(a, *insn);
	*insn = INSN(0, 0, 0, 0, n >> 32);
	return true;
}

static bool operands(struct assembly *a, const char **s, enum form form, struct ctv_insn *insn)
{
	u8 dst = 0, src = 0;
	bool ok = true;

	if (form <= F_JMP || form == F_LOAD || form == F_IMM64)
		ok = reg(s, &dst);
	insn->dst = dst & 15;
	switch (form) {
	case F_ALU:
		return ok && source(s, insn);
	case F_JMP:
		return ok && source(s, insn) && label_use(a, s, insn);
	case F_JA:
		return label_use(a, s, insn);
	case F_LOAD:
		ok = ok && place(s, &src, &insn->off);
		break;
	case F_STX:
		ok = place(s, &dst, &insn->off) && reg(s, &src);
		break;
	case F_ST:
		ok = place(s, &dst, &insn->off) && source(s, insn) && insn->src == 0;
		break;
	case F_IMM64:
		return ok && imm64(a, s, insn);
	case F_CALL:
		return call(a, s, insn);
	case F_LOCK:
		return lock(s, insn);
	default:
		return ok;
	}
	insn->dst = dst & 15;
	insn->src = src & 15;
	return ok;
}

static const struct mnemonic *mnemonic_find(const char *name, bool *narrow)
{
	const struct mnemonic *m;
	size_t len;

	for (m = mnemonics; m < mnemonics + sizeof(mnemonics) / sizeof(mnemonics[0]); m++) {
		len = strlen(m->name);
		if (strncmp(name, m->name, len))
			continue;
		*narrow = m->also32 && !strcmp(name + len, "32");
		if (*narrow || !name[len])
			return m;
	}
	return NULL;
}

static u8 class_of(const struct mnemonic *m, bool narrow)
{
	if (!m->also32)
		return 0;
	if (m->form == F_JMP)
		return narrow ? CTV_JMP32 : CTV_JMP;
	return narrow ? CTV_ALU : CTV_ALU64;
}

static void asm_insn(struct assembly *a, const char *line)
{
	const struct mnemonic *m;
	struct ctv_insn insn;
	const char *s = line;
	bool narrow = false;
	char name[32];

	word(&s, name, sizeof(name));
	m = mnemonic_find(name, &narrow);
	if (!m) {
		asm_bad(a, line);
		return;
	}
	insn = INSN(m->code | class_of(m, narrow), 0, 0, m->off, m->imm);
	if (!operands(a, &s, m->form, &insn)) {
		asm_bad(a, line);
		return;
	}
	skip(&s);
	if (*s)
		asm_bad(a, line);
	asm_put(a, insn);
}

void asm_line(struct assembly *a, const char *line)
{
	char text[128];
	const char *s = text;

	snprintf(text, sizeof(text), "%.*s", (int)strcspn(line, "#\r\n"), line);
	skip(&s);
	if (!*s)
		return;
	if (!strchr(s, ':')) {
		asm_insn(a, s);
		return;
	}
	if (a->nr_labels == ASM_MAX_LABELS) {
		asm_bad(a, "too many labels");
		return;
	}
	word(&s, a->labels[a->nr_labels].name, sizeof(a->labels[0].name));
	a->labels[a->nr_labels++].at = a->len;
}

/* ---- the end ---- */

static bool label_find(const struct assembly *a, const char *name, u32 *at)
{
	u32 i;

	for (i = 0; i < a->nr_labels; i++) {
		if (strcmp(a->labels[i].name, name))
			continue;
		*at = a->labels[i].at;
		return true;
	}
	/* "exit" stands for the last instruction where there is no such label */
	*at = a->len - 1;
	return !strcmp(name, "exit") && a->len && ctv_is_exit(a->insns[*at].code);
}

static void func_add(struct assembly *a, u32 at)
{
	u32 i;

	for (i = 0; i < a->nr_funcs; i++)
		if (a->funcs[i].start == at)
			return;
	if (a->nr_funcs < ASM_MAX_FUNCS)
		a->funcs[a->nr_funcs++] = (struct ctv_func){ .start = at, .stack = 64 };
}

static int func_order(const void *va, const void *vb)
{
	const struct ctv_func *a = va, *b = vb;

	return a->start < b->start ? -1 : a->start > b->start;
}

void asm_end(struct assembly *a)
{
	struct ctv_insn *insn;
	u32 i, at;

	func_add(a, 0);
	for (i = 0; i < a->nr_uses; i++) {
		insn = &a->insns[a->uses[i].insn];
		if (!label_find(a, a->uses[i].name, &at)) {
			asm_bad(a, a->uses[i].name);
			continue;
		}
		if (ctv_is_call(insn->code) || insn->code == (CTV_JMP32 | CTV_JA))
			insn->imm = (s32)(at - a->uses[i].insn - 1);
		else
			insn->off = (s16)(at - a->uses[i].insn - 1);
		if (ctv_is_call(insn->code))
			func_add(a, at);
	}
	qsort(a->funcs, a->nr_funcs, sizeof(a->funcs[0]), func_order);
	for (i = 0; i < a->nr_funcs; i++)
		a->funcs[i].len = (i + 1 < a->nr_funcs ? a->funcs[i + 1].start : a->len) -
				  a->funcs[i].start;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Check of compiled code, independent of the compiler: decodes the whole image from the first
 * to the last byte and accepts only what a handler may contain. Ensures that
 *  - all code is on the list of instructions below, none of it privileged or indirect;
 *  - each jump and call goes to the start of an instruction of the handlers, or is a call of a
 *    kernel function that the set uses, for scratch memory with the address of just that;
 *  - the code of these functions, behind that of the handlers, is what was built and looked at then
 *    (kfunc-blob.sh), byte by byte;
 *  - RIP-relative addresses lie in the memory of a map, or are that of the scratch memory;
 *  - rsp, r9 (stack pointer at entry) and r12 (fuel) change only in the agreed forms, and there is
 *    less fuel afterwards;
 *  - no way through the code comes round without paying fuel: with the jumps left out that do pay
 *    there is no loop, and no recursion.
 */
#include "ctv_x86.h"
#include "ctv.h"

struct check {
	struct ctv_set *set;
	const u8 *text;
	u32 size;	/* of the handlers' code */
	u32 pos;
	u32 start;	/* of the instruction being decoded */
	u8 rex;
	bool opsize;
	bool lock;
	u8 mod, reg, rm;
	u8 *marks;	/* per byte: MARK_* */
	u32 *to;	/* per byte: where the instruction there jumps or calls, + 1 */
	u8 *len;	/* per byte: length of the instruction there */
	u32 *path;
	u32 paid;	/* end of the last instruction that took fuel */
};

#define MARK_INSN	1
#define MARK_TARGET	2
#define MARK_END	4	/* does not run on */
#define MARK_PAYS	8	/* jumps if fuel is left, which was taken right before */
#define MARK_OPEN	16	/* on the path of the search; its first way out was followed */
#define MARK_OPEN2	32	/* both were */
#define MARK_DONE	64
#define MARK_BOUND	128	/* belongs to the instruction before: nothing may jump there */

/* operands of an opcode */
enum check_form {
	F_BAD,
	F_NONE,		/* nothing follows */
	F_RM,		/* ModRM */
	F_RM_REG,	/* ModRM, both operands registers */
	F_RM_MEM,	/* ModRM, memory operand */
	F_IMM8 = 8,	/* flag: and an 8-bit constant */
	F_IMM32 = 16,	/* flag: and a 32-bit constant, 16-bit with the operand size prefix */
};

static u8 check_byte(struct check *c)
{
	return c->pos < c->size ? c->text[c->pos++] : 0;
}

static s32 check_s32(struct check *c)
{
	u32 v = check_byte(c);

	v |= (u32)check_byte(c) << 8;
	v |= (u32)check_byte(c) << 16;
	v |= (u32)check_byte(c) << 24;
	return (s32)v;
}

static bool check_reserved(u8 reg)
{
	return reg == X86_RSP || reg == X86_R9 || reg == X86_R12;
}

/* Where a jump or call goes. */
static bool check_target(struct check *c, s32 rel)
{
	u32 target = c->pos + (u32)rel;

	if (target >= c->size)
		return false;
	c->marks[target] |= MARK_TARGET;
	c->to[c->start] = target + 1;
	return true;
}

/* The call that begins at @c->start comes right after: lea rcx, scratch(rip) */
static bool check_scratch_arg(struct check *c)
{
	static const u8 lea[] = { 0x48, 0x8d, 0x0d };
	u32 at = c->start - 7, rel;

	if (c->start < 7 || c->len[at] != 7 || memcmp(c->text + at, lea, sizeof(lea)))
		return false;
	memcpy(&rel, c->text + at + 3, sizeof(rel));
	c->marks[c->start] |= MARK_BOUND;
	return c->start + rel == ctv_align(c->set->text, CTV_PAGE) + c->set->scratch;
}

/* A call: within the handlers, or of a kernel function, which has no way back but to here. */
static bool check_call(struct check *c, s32 rel)
{
	const struct ctv_set *set = c->set;
	u32 target = c->pos + (u32)rel, n;

	if (target < c->size)
		return check_target(c, rel);
	for (n = 0; n < CTV_NR_KFUNCS; n++)
		if (set->used & 1U << n && target == set->kfunc_off[n])
			return n != CTV_KFUNC_SCRATCH || check_scratch_arg(c);
	return false;
}

/* RIP-relative: the address of memory that the set has. */
static bool check_lea_rip(struct check *c)
{
	u32 data = ctv_align(c->set->text, CTV_PAGE), at, i;

	at = (u32)check_s32(c);
	at += c->pos;
	for (i = 0; i < c->set->nr_maps; i++)
		if (at - data - c->set->maps[i].win < c->set->maps[i].size)
			return true;
	return c->set->used & 1U << CTV_KFUNC_SCRATCH && at == data + c->set->scratch;
}

/* An address, or a sum: of a register and a constant, or of two registers. It reads no memory. */
static bool check_lea(struct check *c)
{
	u8 modrm = check_byte(c), mod = modrm >> 6, rm = modrm & 7, sib;

	if (check_reserved((modrm >> 3 & 7) | (c->rex & 4) << 1))
		return false;
	if (mod == 0)
		return rm == 5 && c->rex & 8 && check_lea_rip(c);
	if (mod == 3)
		return false;
	if (rm == 4) {
		sib = check_byte(c);
		rm = sib & 7;
		if (mod != 1 || sib & 0xc0 || check_reserved((sib >> 3) | (c->rex & 2) << 2))
			return false;
	}
	c->pos += mod == 1 ? 1 : 4;
	return !check_reserved(rm | (c->rex & 1) << 3);
}

static bool check_modrm(struct check *c)
{
	u8 b = check_byte(c);

	c->mod = b >> 6;
	c->reg = (b >> 3 & 7) | (c->rex & 4) << 1;
	c->rm = (b & 7) | (c->rex & 1) << 3;
	if (c->mod == 0 || (c->mod != 3 && ((c->rm & 7) == 4 || c->rm == X86_R9)))
		return false;
	if (c->mod == 1)
		c->pos += 1;
	else if (c->mod == 2)
		c->pos += 4;
	return true;
}

/* The forms that may touch the reserved registers, byte by byte. */
static bool check_reserved_form(struct check *c, u8 op)
{
	const u8 *at = c->text + c->start;
	u32 len = c->pos - c->start;

	if (op == 0x89 && len == 3 && at[0] == 0x48 && at[2] == 0xe5)
		return true;	/* mov rbp, rsp */
	if (op == 0x89 && len == 3 && at[0] == 0x48 && at[2] == 0xec)
		return true;	/* mov rsp, rbp */
	if (op == 0x89 && len == 3 && at[0] == 0x49 && at[2] == 0xe1)
		return true;	/* mov r9, rsp */
	if (op == 0x89 && len == 3 && at[0] == 0x4c && at[2] == 0xcc)
		return true;	/* mov rsp, r9 */
	/* sub of a constant that is not negative */
	if ((op != 0x81 && op != 0x83) || at[2] != 0xec || at[len - 1] & 0x80)
		return false;
	if (at[0] == 0x41) {
		c->paid = c->pos;
		return len == (op == 0x83 ? 4 : 7);	/* r12d */
	}
	return at[0] == 0x48 && len == (op == 0x83 ? 4 : 7);	/* rsp */
}

/* One opcode may not write where the operand is a register group: /digit is no register there. */
static bool check_is_group(u8 op)
{
	return op == 0x81 || op == 0x83 || op == 0xf7 || op == 0xc1 || op == 0xd3 || op == 0xc6 ||
	       op == 0xc7;
}

static bool check_operands(struct check *c, u8 op, u8 form, bool two)
{
	bool group = !two && check_is_group(op);

	if ((form & 7) == F_NONE)
		return true;
	if (!check_modrm(c))
		return false;
	if ((form & 7) == F_RM_REG && c->mod != 3)
		return false;
	if ((form & 7) == F_RM_MEM && c->mod == 3)
		return false;
	if (!two && op == 0xf7 && (c->reg & 7) == 0)
		form |= F_IMM32;	/* test */
	else if (!two && op == 0xf7 && (c->reg & 7) != 3 && (c->reg & 7) < 6)
		return false;
	/* another digit starts or ends a transaction (Intel SDM volume 2, XBEGIN, XABORT) */
	if (!two && (op == 0xc6 || op == 0xc7) && c->reg & 7)
		return false;
	if (form & F_IMM8)
		c->pos += 1;
	if (form & F_IMM32)
		c->pos += c->opsize ? 2 : 4;
	if ((c->mod == 3 && check_reserved(c->rm)) || (!group && check_reserved(c->reg)))
		return !two && check_reserved_form(c, op);
	return true;
}

static u8 check_form_one(u8 op)
{
	switch (op) {
	case 0x01: case 0x09: case 0x21: case 0x29: case 0x31: case 0x39: case 0x85: case 0x89:
	case 0x63: case 0x87: case 0xf7:
		return F_RM;
	case 0x88: case 0x8b:
		return F_RM_MEM;
	case 0x69: case 0x81:
		return F_RM_REG | F_IMM32;
	case 0x83: case 0xc1:
		return F_RM_REG | F_IMM8;
	case 0xd3:
		return F_RM_REG;
	case 0xc6:
		return F_RM_MEM | F_IMM8;
	case 0xc7:
		return F_RM | F_IMM32;
	case 0x99: case 0xc3: case 0xcc:
		return F_NONE;
	}
	return F_BAD;
}

static u8 check_form_two(u8 op)
{
	switch (op) {
	case 0xaf:
		return F_RM_REG;
	case 0xb6: case 0xb7: case 0xbe: case 0xbf:
		return F_RM;
	case 0xb1: case 0xc1:
		return F_RM_MEM;
	}
	return F_BAD;
}

static bool check_two(struct check *c)
{
	u8 op = check_byte(c), form;

	if (op >= 0x80 && op <= 0x8f)
		return check_target(c, check_s32(c));
	if (op >= 0xc8 && op <= 0xcf)
		return !check_reserved((op & 7) | (c->rex & 1) << 3);
	if (op == 0xae)
		return check_byte(c) == 0xe8;	/* lfence */
	form = check_form_two(op);
	return form != F_BAD && check_operands(c, op, form, true);
}

static bool check_mov_imm(struct check *c, u8 op)
{
	c->pos += c->rex & 8 ? 8 : 4;
	return !check_reserved((op & 7) | (c->rex & 1) << 3);
}

static bool check_one(struct check *c, u8 op)
{
	u8 form;

	if (op >= 0x50 && op <= 0x5f)
		return !check_reserved((op & 7) | (c->rex & 1) << 3);
	if (op >= 0x70 && op <= 0x7f)
		return check_target(c, (s8)check_byte(c));
	if (op >= 0xb8 && op <= 0xbf)
		return check_mov_imm(c, op);
	switch (op) {
	case 0x0f:
		return check_two(c);
	case 0x8d:
		return check_lea(c);
	case 0xeb:
		return check_target(c, (s8)check_byte(c));
	case 0xe8:
		return check_call(c, check_s32(c));
	case 0xe9:
		return check_target(c, check_s32(c));
	}
	form = check_form_one(op);
	return form != F_BAD && check_operands(c, op, form, false);
}

static bool check_endbr(struct check *c)
{
	static const u8 endbr[] = { 0xf3, 0x0f, 0x1e, 0xfa };

	if (c->size - c->pos < sizeof(endbr) || memcmp(c->text + c->pos, endbr, sizeof(endbr)))
		return false;
	c->pos += sizeof(endbr);
	return true;
}

/* A lock prefix faults on anything but these, and on registers (AMD APM volume 3, 1.2.5). */
static bool check_lock(const struct check *c)
{
	const u8 *op = c->text + c->start + 1;

	if ((*op & 0xf0) == 0x40)
		op++;
	if (c->mod == 3)
		return false;
	if (op[0] == 0x0f)
		return op[1] == 0xb1 || op[1] == 0xc1;
	return op[0] == 0x01 || op[0] == 0x09 || op[0] == 0x21 || op[0] == 0x31 || op[0] == 0x87;
}

/* What the search for loops has to know of an instruction. */
static void check_note(struct check *c, u8 op)
{
	u8 *mark = &c->marks[c->start];

	c->len[c->start] = (u8)(c->pos - c->start);
	if (op == 0xc3 || op == 0xcc || op == 0xe9 || op == 0xeb)
		*mark |= MARK_END;
	if (c->start == c->paid && (op == 0x79 || (op == 0x0f && c->text[c->start + 1] == 0x89)))
		*mark |= MARK_PAYS;
}

static bool check_insn(struct check *c)
{
	u8 op;

	c->start = c->pos;
	c->marks[c->start] |= MARK_INSN;
	if (check_endbr(c)) {
		c->len[c->start] = (u8)(c->pos - c->start);
		return true;
	}
	c->rex = 0;
	c->mod = 3;
	op = check_byte(c);
	c->lock = op == 0xf0;
	if (c->lock)
		op = check_byte(c);
	c->opsize = op == 0x66;
	if (c->opsize)
		op = check_byte(c);
	if ((op & 0xf0) == 0x40) {
		c->rex = op;
		op = check_byte(c);
	}
	/* jumps, returns and pushes would be 16 bits wide with it (AMD APM volume 3, 1.2.2) */
	if (c->opsize && op != 0x89 && op != 0xc7 && op != 0xc1)
		return false;
	if (!check_one(c, op) || c->pos > c->size)
		return false;
	check_note(c, op);
	return !c->lock || check_lock(c);
}

static int check_marks(struct check *c)
{
	u32 i;

	for (i = 0; i < c->size; i++)
		if (c->marks[i] & MARK_TARGET &&
		    (c->marks[i] & (MARK_INSN | MARK_BOUND)) != MARK_INSN)
			return ctv_refuse(&c->set->refusal, CTV_RULE_CHECK, CTV_NONE,
					  "jump into an instruction at %#x", i);
	return 0;
}

/* Way out @n of the instruction at @at: 0 runs on, 1 jumps or calls. */
static u32 check_way(const struct check *c, u32 at, u32 n)
{
	if (!n)
		return c->marks[at] & MARK_END || at + c->len[at] >= c->size ? CTV_NONE :
									       at + c->len[at];
	/* who jumps to the jump has not paid */
	if ((c->marks[at] & (MARK_PAYS | MARK_TARGET)) == MARK_PAYS)
		return CTV_NONE;
	return c->to[at] - 1;
}

/* Depth first from @start on; false: the path comes back to itself. */
static bool check_search(struct check *c, u32 start)
{
	u32 depth = 0, at, next;

	c->path[depth++] = start;
	while (depth) {
		at = c->path[depth - 1];
		if (c->marks[at] & MARK_OPEN2) {
			c->marks[at] |= MARK_DONE;
			depth--;
			continue;
		}
		next = check_way(c, at, c->marks[at] & MARK_OPEN ? 1 : 0);
		c->marks[at] |= c->marks[at] & MARK_OPEN ? MARK_OPEN2 : MARK_OPEN;
		if (next == CTV_NONE || c->marks[next] & MARK_DONE)
			continue;
		c->start = next;
		if (c->marks[next] & MARK_OPEN)
			return false;
		c->path[depth++] = next;
	}
	return true;
}

static int check_loops(struct check *c)
{
	u32 i;

	for (i = 0; i < c->size; i++)
		if (c->marks[i] & MARK_INSN && !(c->marks[i] & MARK_OPEN) && !check_search(c, i))
			return ctv_refuse(&c->set->refusal, CTV_RULE_CHECK, CTV_NONE,
					  "loop over %#x that does not pay", c->start);
	return 0;
}

/* Handlers start with endbr64, and nothing runs off the end. */
static int check_ends(struct check *c)
{
	u32 i, off;

	for (i = 0; i < c->set->nr_progs; i++) {
		off = c->set->progs[i].funcs[0].off;
		c->pos = off;
		if (off >= c->size || !(c->marks[off] & MARK_INSN) || !check_endbr(c))
			return ctv_refuse(&c->set->refusal, CTV_RULE_CHECK, CTV_NONE,
					  "no endbr64 at %#x", off);
	}
	if (c->size && !(c->marks[c->start] & MARK_END))
		return ctv_refuse(&c->set->refusal, CTV_RULE_CHECK, CTV_NONE, "no end");
	return 0;
}

/* Kernel functions, from the end of the handlers to that of the image, and int3 between them. */
static int check_kfuncs(struct check *c)
{
	const struct ctv_set *set = c->set;
	const struct ctv_kfunc_code *code;
	u32 at = c->size, n;

	for (n = 0; n < CTV_NR_KFUNCS; n++) {
		if (!(set->used & 1U << n))
			continue;
		code = ctv_kfunc_code((enum ctv_kfunc)n);
		while (at < set->kfunc_off[n] && at < set->text && c->text[at] == 0xcc)
			at++;
		if (at != set->kfunc_off[n] || at > set->text || set->text - at < code->size ||
		    memcmp(c->text + at, code->bytes, code->size))
			break;
		at += code->size;
	}
	if (n == CTV_NR_KFUNCS && at == set->text)
		return 0;
	return ctv_refuse(&c->set->refusal, CTV_RULE_CHECK, CTV_NONE, "kernel function at %#x", at);
}

static int check_all(struct check *c)
{
	u32 last;
	int err;

	while (c->pos < c->size)
		if (!check_insn(c))
			return ctv_refuse(&c->set->refusal, CTV_RULE_CHECK, CTV_NONE,
					  "byte %#04x at %#x", c->text[c->start], c->start);
	last = c->start;
	err = check_marks(c);
	if (!err)
		err = check_loops(c);
	c->start = last;
	if (!err)
		err = check_ends(c);
	return err ? err : check_kfuncs(c);
}

int ctv_check_text(struct ctv_set *set, const u8 *text)
{
	struct check c = { .set = set, .text = text, .size = set->code };
	int err = -ENOMEM;

	c.marks = ctv_alloc(c.size + 1, 1);
	c.len = ctv_alloc(c.size + 1, 1);
	c.to = ctv_alloc(c.size + 1, sizeof(*c.to));
	c.path = ctv_alloc(c.size + 1, sizeof(*c.path));
	if (c.marks && c.len && c.to && c.path)
		err = check_all(&c);
	ctv_free(c.marks);
	ctv_free(c.len);
	ctv_free(c.to);
	ctv_free(c.path);
	return err;
}

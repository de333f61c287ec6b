// SPDX-License-Identifier: GPL-2.0
/*
 * Reference interpreter of BPF, written from RFC 9669 and on purpose unlike the compiler: one
 * instruction at a time, all values 64 bits wide, memory checked at each access.
 */
#include "test.h"

#define STACK_SIZE	512
#define MAX_STEPS	10000000

struct frame {
	u64 saved[4];
	u32 ret;
	u64 fp;
};

struct interp {
	const struct ctv_prog *p;
	struct run *run;
	u64 reg[CTV_NR_REGS];
	u64 slot;	/* the word that r1 points to at entry */
	u8 stack[CTV_MAX_FRAMES][STACK_SIZE];
	struct frame frames[CTV_MAX_FRAMES];
	u32 depth;
	s64 fuel;
	u32 pc;
	bool bad;
};

static bool within(u64 addr, u64 size, const void *mem, u64 len)
{
	return addr >= (u64)(uintptr_t)mem && addr + size <= (u64)(uintptr_t)mem + len;
}

static void *address(struct interp *in, u64 addr, u32 size)
{
	static u64 nowhere;

	if (within(addr, size, in->run->ctx, CTX_SIZE) ||
	    within(addr, size, in->run->map, MAP_SIZE) ||
	    within(addr, size, in->run->scratch, CTV_SCRATCH_BYTES) ||
	    within(addr, size, in->stack, sizeof(in->stack)) ||
	    within(addr, size, &in->slot, sizeof(in->slot)))
		return (void *)(uintptr_t)addr;
	in->bad = true;
	return &nowhere;
}

static u32 size_of(u8 code)
{
	switch (CTV_SIZE(code)) {
	case CTV_B:
		return 1;
	case CTV_H:
		return 2;
	case CTV_W:
		return 4;
	default:
		return 8;
	}
}

static u64 load(struct interp *in, u64 addr, u32 size)
{
	u64 v = 0;

	memcpy(&v, address(in, addr, size), size);
	return v;
}

static void store(struct interp *in, u64 addr, u32 size, u64 v)
{
	memcpy(address(in, addr, size), &v, size);
}

static u64 sign(u64 v, u32 bits)
{
	u64 top = 1ULL << (bits - 1);

	if (bits == 64)
		return v;
	v &= (top << 1) - 1;
	return (v ^ top) - top;
}

static u64 divide(u64 a, u64 b, u32 bits, bool is_signed, bool mod)
{
	s64 sa = (s64)sign(a, bits), sb = (s64)sign(b, bits);

	if (!b)
		return mod ? a : 0;
	if (!is_signed)
		return mod ? a % b : a / b;
	if (sb == -1)
		return mod ? 0 : 0 - (u64)sa;
	return (u64)(mod ? sa % sb : sa / sb);
}

static u64 swap(u64 v, s32 bits)
{
	u64 r = 0;
	s32 i;

	for (i = 0; i < bits; i += 8)
		r |= (v >> i & 0xff) << (bits - 8 - i);
	return r;
}

static u64 byte_order(const struct ctv_insn *insn, u64 a)
{
	if (CTV_CLASS(insn->code) == CTV_ALU64 || CTV_SRC(insn->code) == CTV_X)
		return swap(a, insn->imm);
	return insn->imm == 64 ? a : a & ((1ULL << insn->imm) - 1);
}

static void alu(struct interp *in, const struct ctv_insn *insn)
{
	u32 bits = CTV_CLASS(insn->code) == CTV_ALU64 ? 64 : 32;
	u64 mask = bits == 64 ? ~0ULL : 0xffffffff;
	u64 a = in->reg[insn->dst] & mask;
	u64 b = (CTV_SRC(insn->code) == CTV_X ? in->reg[insn->src] : (u64)(s64)insn->imm) & mask;
	u64 r = 0;

	switch (CTV_OP(insn->code)) {
	case CTV_ADD:
		r = a + b;
		break;
	case CTV_SUB:
		r = a - b;
		break;
	case CTV_MUL:
		r = a * b;
		break;
	case CTV_DIV:
		r = divide(a, b, bits, insn->off == 1, false);
		break;
	case CTV_MOD:
		r = divide(a, b, bits, insn->off == 1, true);
		break;
	case CTV_OR:
		r = a | b;
		break;
	case CTV_AND:
		r = a & b;
		break;
	case CTV_XOR:
		r = a ^ b;
		break;
	case CTV_LSH:
		r = a << (b & (bits - 1));
		break;
	case CTV_RSH:
		r = a >> (b & (bits - 1));
		break;
	case CTV_ARSH:
		r = (u64)((s64)sign(a, bits) >> (b & (bits - 1)));
		break;
	case CTV_NEG:
		r = 0 - a;
		break;
	case CTV_MOV:
		r = insn->off ? sign(b, (u32)insn->off) : b;
		break;
	case CTV_END:
		in->reg[insn->dst] = byte_order(insn, in->reg[insn->dst]);
		return;
	}
	in->reg[insn->dst] = r & mask;
}

static bool condition(struct interp *in, const struct ctv_insn *insn)
{
	u32 bits = CTV_CLASS(insn->code) == CTV_JMP ? 64 : 32;
	u64 mask = bits == 64 ? ~0ULL : 0xffffffff;
	u64 a = in->reg[insn->dst] & mask;
	u64 b = (CTV_SRC(insn->code) == CTV_X ? in->reg[insn->src] : (u64)(s64)insn->imm) & mask;
	s64 sa = (s64)sign(a, bits), sb = (s64)sign(b, bits);

	switch (CTV_OP(insn->code)) {
	case CTV_JA:
		return true;
	case CTV_JEQ:
		return a == b;
	case CTV_JNE:
		return a != b;
	case CTV_JGT:
		return a > b;
	case CTV_JGE:
		return a >= b;
	case CTV_JLT:
		return a < b;
	case CTV_JLE:
		return a <= b;
	case CTV_JSGT:
		return sa > sb;
	case CTV_JSGE:
		return sa >= sb;
	case CTV_JSLT:
		return sa < sb;
	case CTV_JSLE:
		return sa <= sb;
	default:
		return a & b;
	}
}

static void atomic(struct interp *in, const struct ctv_insn *insn)
{
	u32 size = size_of(insn->code);
	u64 mask = size == 8 ? ~0ULL : (1ULL << size * 8) - 1;
	u64 addr = in->reg[insn->dst] + (u64)(s64)insn->off, src = in->reg[insn->src] & mask, old;

	if (insn->imm == CTV_LOAD_ACQ) {
		in->reg[insn->dst] = load(in, in->reg[insn->src] + (u64)(s64)insn->off, size);
		return;
	}
	if (insn->imm == CTV_STORE_REL) {
		store(in, addr, size, src);
		return;
	}
	old = load(in, addr, size);
	switch (insn->imm & 0xf0) {
	case CTV_ADD:
		store(in, addr, size, old + src);
		break;
	case CTV_OR:
		store(in, addr, size, old | src);
		break;
	case CTV_AND:
		store(in, addr, size, old & src);
		break;
	case CTV_XOR:
		store(in, addr, size, old ^ src);
		break;
	case CTV_XCHG & 0xf0:
		store(in, addr, size, src);
		break;
	case CTV_CMPXCHG & 0xf0:
		if (old == (in->reg[0] & mask))
			store(in, addr, size, src);
		in->reg[0] = old;
		return;
	}
	if (insn->imm & CTV_FETCH)
		in->reg[insn->src] = old;
}

static void memory(struct interp *in, const struct ctv_insn *insn)
{
	u32 size = size_of(insn->code);
	u64 off = (u64)(s64)insn->off, v;

	switch (CTV_CLASS(insn->code)) {
	case CTV_LDX:
		v = load(in, in->reg[insn->src] + off, size);
		in->reg[insn->dst] = CTV_MODE(insn->code) == CTV_MEMSX ? sign(v, size * 8) : v;
		break;
	case CTV_ST:
		if (insn->code != CTV_NOSPEC)
			store(in, in->reg[insn->dst] + off, size, (u64)(s64)insn->imm);
		break;
	case CTV_STX:
		if (CTV_MODE(insn->code) == CTV_ATOMIC)
			atomic(in, insn);
		else
			store(in, in->reg[insn->dst] + off, size, in->reg[insn->src]);
		break;
	default:	/* ld_imm64 */
		v = (u32)insn[0].imm | (u64)(u32)insn[1].imm << 32;
		if (v - MAP_ADDR < MAP_SIZE)
			v = (u64)(uintptr_t)in->run->map + (v - MAP_ADDR);
		in->reg[insn->dst] = v;
		in->pc++;
	}
}

static void call(struct interp *in, const struct ctv_insn *insn)
{
	struct frame *f = &in->frames[in->depth];

	if (in->depth + 1 == CTV_MAX_FRAMES) {
		in->bad = true;
		return;
	}
	memcpy(f->saved, &in->reg[6], sizeof(f->saved));
	f->ret = in->pc;
	f->fp = in->reg[CTV_FP];
	in->depth++;
	in->reg[CTV_FP] = (u64)(uintptr_t)in->stack[in->depth] + STACK_SIZE;
	in->pc += (u32)insn->imm;
	in->run->native += count_entry(in->p, in->pc);
}

static u64 emit(struct interp *in)
{
	u64 size = (u32)in->reg[3], at = in->reg[1], i;

	if (size != 8 && size != 16 && size != 24 && size != 32 && size != 40 && size != 48 &&
	    size != 56 && size != 64)
		return (u64)-EINVAL;
	if (load(in, at + CTV_EXIT_REQUESTS, 4) & CTV_REQUEST_EMIT)
		return (u64)-EBUSY;
	store(in, at + CTV_EXIT_REQUESTS, 4,
	      load(in, at + CTV_EXIT_REQUESTS, 4) | CTV_REQUEST_EMIT);
	store(in, at + CTV_EXIT_EMIT_SIZE, 4, size);
	for (i = 0; i < size; i++)
		store(in, at + CTV_EXIT_EMIT + i, 1, load(in, in->reg[2] + i, 1));
	return 0;
}

/*
 * What include/uapi/linux/kvm_caretaker_bpf.h and caretaker.bpf.h promise of each. On purpose not
 * by ctv_kfunc_code.h: that is what is tested.
 */
static u64 kfunc(struct interp *in, enum ctv_kfunc which)
{
	u64 a = (u32)in->reg[2], word;

	switch (which) {
	case CTV_KFUNC_TIME:
		return __builtin_ia32_rdtsc();
	case CTV_KFUNC_SCRATCH:
		if (a >= CTV_SCRATCH_SLOTS || in->reg[3] > CTV_SCRATCH_SIZE)
			return 0;
		return (u64)(uintptr_t)in->run->scratch + a * CTV_SCRATCH_SIZE;
	case CTV_KFUNC_INJECT:
		if (a < 16 || a > 255)
			return (u64)-EINVAL;
		word = in->reg[1] + CTV_EXIT_IRR + a / 64 * 8;
		store(in, word, 8, load(in, word, 8) | 1ULL << a % 64);
		word = in->reg[1] + CTV_EXIT_REQUESTS;
		store(in, word, 4, load(in, word, 4) | CTV_REQUEST_IRQ);
		return 0;
	case CTV_KFUNC_EMIT:
		return emit(in);
	case CTV_NR_KFUNCS:
		break;
	}
	in->bad = true;
	return 0;
}

/* The arguments are gone afterwards. */
static void call_kfunc(struct interp *in, const struct ctv_insn *insn)
{
	u32 i;

	in->reg[0] = kfunc(in, ctv_kfunc_find(in->p->kfuncs, insn));
	for (i = 1; i <= 5; i++)
		in->reg[i] = 0xdeaddeaddead0000 + i;
}

/* Whether the whole call is over. */
static bool leave(struct interp *in)
{
	struct frame *f;

	if (!in->depth)
		return true;
	f = &in->frames[--in->depth];
	memcpy(&in->reg[6], f->saved, sizeof(f->saved));
	in->reg[CTV_FP] = f->fp;
	in->pc = f->ret;
	return false;
}

static void branch(struct interp *in, const struct ctv_insn *insn, u32 at)
{
	u32 target = at + 1 + (u32)(insn->code == (CTV_JMP32 | CTV_JA) ? insn->imm : insn->off);

	if (!condition(in, insn)) {
		in->run->native += count_insn(in->p, at, false, false);
		return;
	}
	if (in->p->loop[at])
		in->fuel -= in->p->reach[target];
	in->run->native += count_insn(in->p, at, true, in->fuel < 0);
	in->pc = target;
}

static bool step(struct interp *in)
{
	u32 at = in->pc++;
	const struct ctv_insn *insn = &in->p->insns[at];

	in->run->insns++;
	in->run->cost += ctv_insn_cost(in->p, insn);
	if (!ctv_is_branch(insn->code))
		in->run->native += count_insn(in->p, at, false, false);
	switch (CTV_CLASS(insn->code)) {
	case CTV_ALU: case CTV_ALU64:
		alu(in, insn);
		return true;
	case CTV_JMP: case CTV_JMP32:
		if (insn->code == (CTV_JMP | CTV_EXIT))
			return !leave(in);
		if (ctv_is_local_call(insn))
			call(in, insn);
		else if (ctv_is_call(insn->code))
			call_kfunc(in, insn);
		else
			branch(in, insn, at);
		return in->fuel >= 0;
	default:
		memory(in, insn);
		return true;
	}
}

int interp_run(const struct ctv_prog *p, struct run *run)
{
	static struct interp in;

	memset(&in, 0, sizeof(in));
	in.p = p;
	in.run = run;
	in.fuel = p->fuel;
	in.slot = (u64)(uintptr_t)run->ctx;
	in.reg[1] = (u64)(uintptr_t)&in.slot;
	in.reg[CTV_FP] = (u64)(uintptr_t)in.stack[0] + STACK_SIZE;
	run->cost = 0;
	run->insns = 0;
	run->native = count_entry(p, p->funcs[0].start);
	while (step(&in))
		if (in.bad || run->insns > MAX_STEPS || in.pc >= p->len)
			return -1;
	run->result = in.fuel < 0 ? CTV_VERDICT_FUEL : in.reg[0];
	return in.bad ? -1 : 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions of the processor that a call executes, counted along the way that the interpreter
 * goes: for each instruction of BPF those that stand for it in the image, for a call of a kernel
 * function also the longest path that was found in its code when it was built. Where not all are
 * executed, as in a division, it is more than what is executed, never less.
 * Single-stepping shows that this holds; it takes a signal for each instruction, so only for some
 * programs.
 */
#include "test.h"

static u32 counts[CTV_MAX_INSNS];	/* per instruction of BPF */
static u32 entries[CTV_MAX_FUNCS];

/* ModRM and what belongs to it */
static u32 len_modrm(const u8 *p)
{
	u8 mod = p[0] >> 6, rm = p[0] & 7;
	u32 len = 1 + (mod != 3 && rm == 4);

	if (mod == 1)
		return len + 1;
	return len + (mod == 2 || (mod == 0 && rm == 5) ? 4 : 0);
}

static u32 len_two(const u8 *p)
{
	if (p[0] == 0x31 || (p[0] & 0xf8) == 0xc8)
		return 1;
	if ((p[0] & 0xf0) == 0x80)
		return 5;
	return 1 + len_modrm(p + 1);
}

static u32 len_one(const u8 *p, bool wide, bool opsize)
{
	u32 imm = opsize ? 2 : 4;

	switch (p[0]) {
	case 0x50 ... 0x5f: case 0x99: case 0xc3: case 0xcc:
		return 1;
	case 0x70 ... 0x7f: case 0xeb:
		return 2;
	case 0xe8: case 0xe9:
		return 5;
	case 0xb8 ... 0xbf:
		return wide ? 9 : 5;
	case 0x0f:
		return 1 + len_two(p + 1);
	case 0x83: case 0xc1: case 0xc6:
		return 2 + len_modrm(p + 1);
	case 0x69: case 0x81: case 0xc7:
		return 1 + imm + len_modrm(p + 1);
	case 0xf7:
		return 1 + len_modrm(p + 1) + ((p[1] & 0x38) ? 0 : imm);
	}
	return 1 + len_modrm(p + 1);
}

static u32 insn_len(const u8 *p)
{
	u32 prefixes = 0;
	bool wide = false, opsize = false;

	if (p[0] == 0xf3)
		return 4;		/* endbr64 */
	if (p[prefixes] == 0xf0)
		prefixes++;
	if (p[prefixes] == 0x66) {
		opsize = true;
		prefixes++;
	}
	if ((p[prefixes] & 0xf0) == 0x40)
		wide = p[prefixes++] & 8;
	return prefixes + len_one(p + prefixes, wide, opsize);
}

/* Between two offsets, without int3; CTV_NONE when an instruction reaches beyond. */
static u32 count_range(const u8 *text, u32 from, u32 to)
{
	u32 n = 0;

	while (from < to) {
		n += text[from] != 0xcc;
		from += insn_len(text + from);
	}
	return from == to ? n : CTV_NONE;
}

bool count_begin(const struct ctv_prog *p, const u8 *text)
{
	const struct ctv_func *f;
	enum ctv_kfunc kfunc;
	u32 i, end;

	for (f = p->funcs; f < p->funcs + p->nr_funcs; f++) {
		end = f + 1 < p->funcs + p->nr_funcs ? f[1].off : p->fuel_off;
		entries[f - p->funcs] = count_range(text, f->off, p->off[f->start]);
		for (i = f->start; i < f->start + f->len; i++) {
			counts[i] = count_range(text, p->off[i],
						i + 1 < f->start + f->len ? p->off[i + 1] : end);
			if (counts[i] == CTV_NONE || entries[f - p->funcs] == CTV_NONE)
				return false;
			kfunc = ctv_is_call(p->insns[i].code) && !ctv_is_local_call(&p->insns[i]) ?
				ctv_kfunc_find(p->kfuncs, &p->insns[i]) : CTV_NR_KFUNCS;
			if (kfunc != CTV_NR_KFUNCS)
				counts[i] += ctv_kfunc_code(kfunc)->path;
		}
	}
	return true;
}

u32 count_entry(const struct ctv_prog *p, u32 start)
{
	return entries[ctv_func_find(p, start) - p->funcs];
}

/* A jump that closes a loop ends with: sub fuel; jns to its target; jmp to the end without fuel. */
u32 count_insn(const struct ctv_prog *p, u32 i, bool taken, bool fuel_out)
{
	if (!p->loop[i])
		return counts[i];
	if (!taken)
		return counts[i] - 3;
	return fuel_out ? counts[i] + 3 : counts[i] - 1;
}

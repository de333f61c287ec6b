// SPDX-License-Identifier: GPL-2.0
/*
 * The digest of a handler set: each instruction and each constant is in it, and nothing that is of
 * one kernel, one boot or one loader.
 */
#include "test.h"
#include "user/sha256.h"

static void hex(const u8 *digest, char *text)
{
	u32 i;

	for (i = 0; i < CTV_DIGEST_BYTES; i++)
		sprintf(text + 2 * i, "%02x", digest[i]);
}

/* The examples that the standard's authors publish, and lengths around the end of a block. */
static void test_sha256(void)
{
	static const struct {
		const char *unit;
		u32 times;
		const char *digest;
	} cases[] = {
		{ "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ "a", 1000000,
		  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
	};
	char text[2 * CTV_DIGEST_BYTES + 1];
	u8 digest[CTV_DIGEST_BYTES];
	struct sha256_ctx c;
	u32 i, n;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sha256_init(&c);
		for (n = 0; n < cases[i].times; n++)
			sha256_update(&c, (const u8 *)cases[i].unit, strlen(cases[i].unit));
		sha256_final(&c, digest);
		hex(digest, text);
		test_result(!strcmp(text, cases[i].digest), "SHA-256 of %u times \"%.8s\"",
			    cases[i].times, cases[i].unit);
	}
}

static bool differs(const struct object *o, const u8 *from)
{
	u8 digest[CTV_DIGEST_BYTES];

	return !object_digest(o, digest) && memcmp(digest, from, sizeof(digest));
}

/* Offset or number, as it fits the instruction, so that what comes out means something, too. */
static bool insn_matters(struct object *o, u32 prog, u32 i, const u8 *from)
{
	struct ctv_insn *insn = &o->info[prog].raw[i], old = *insn;
	bool ok;

	if (ctv_is_call(insn->code) && insn->src == CTV_CALL_KFUNC)
		insn->imm = insn->imm == object_kfuncs[0] ? object_kfuncs[1] : object_kfuncs[0];
	else if (insn->code == CTV_LD_IMM64 && insn->src == CTV_PSEUDO_MAP_VALUE)
		insn->imm ^= 1;
	else
		insn->off ^= 0x100;
	ok = differs(o, from);
	*insn = old;
	if (!ok)
		test_note("%s: instruction %u does not matter", o->info[prog].name, i);
	return ok;
}

/* Each bit of one instruction that has no names in it. */
static bool bits_matter(struct object *o, const u8 *from)
{
	struct ctv_insn *insn = o->info[0].raw;
	u64 old, changed;
	bool ok = true;
	u32 bit;

	while (CTV_CLASS(insn->code) != CTV_ALU && CTV_CLASS(insn->code) != CTV_ALU64)
		if (++insn == o->info[0].raw + o->info[0].raw_len)
			return false;
	memcpy(&old, insn, sizeof(old));
	for (bit = 0; bit < 64 && ok; bit++) {
		changed = old ^ 1ULL << bit;
		memcpy(insn, &changed, sizeof(changed));
		ok = differs(o, from);
	}
	memcpy(insn, &old, sizeof(old));
	if (!ok)
		test_note("bit %u of an instruction does not matter", bit - 1);
	return ok;
}

static bool insns_matter(struct object *o, const u8 *from)
{
	bool ok = bits_matter(o, from);
	u32 n, i;

	for (n = 0; n < o->set.nr_progs; n++) {
		for (i = 0; i < o->info[n].raw_len && ok; i++) {
			ok = insn_matters(o, n, i, from);
			if (o->info[n].raw[i].code == CTV_LD_IMM64)
				i++;
		}
	}
	return ok;
}

/* Sections that no instruction names are not in it. */
static bool is_named(const struct object *o, u32 map)
{
	u32 n, i;

	for (n = 0; n < o->set.nr_progs; n++)
		for (i = 0; i < o->info[n].raw_len; i++)
			if (o->info[n].raw[i].code == CTV_LD_IMM64 &&
			    o->info[n].raw[i].src == CTV_PSEUDO_MAP_VALUE &&
			    ctv_imm64(&o->info[n].raw[i]) - o->maps[map].addr < o->maps[map].size)
				return true;
	return false;
}

/* What a section holds and how long it is; @constants counts the bytes that were looked at. */
static bool sections_matter(struct object *o, const u8 *from, unsigned long *constants)
{
	bool ok = true;
	u8 *data;
	u32 i;
	u64 n;

	for (i = 0; i < o->set.nr_maps && ok; i++) {
		if (!is_named(o, i))
			continue;
		if (strncmp(o->map_names[i], ".rodata", 7)) {
			o->maps[i].size++;
			ok = differs(o, from);
			o->maps[i].size--;
			continue;
		}
		data = (u8 *)(uintptr_t)o->map_data[i];
		for (n = 0; n < o->maps[i].size && ok; n++, ++*constants) {
			data[n] ^= 1;
			ok = differs(o, from);
			data[n] ^= 1;
		}
	}
	return ok;
}

static void move_maps(struct object *o, s64 by)
{
	u32 n, i;
	u64 addr;

	for (i = 0; i < o->set.nr_maps; i++)
		o->maps[i].addr += by;
	for (n = 0; n < o->set.nr_progs; n++)
		for (i = 0; i < o->info[n].raw_len; i++) {
			struct ctv_insn *insn = &o->info[n].raw[i];

			if (insn->code != CTV_LD_IMM64 || insn->src != CTV_PSEUDO_MAP_VALUE)
				continue;
			addr = ctv_imm64(insn) + by;
			insn[0].imm = (s32)addr;
			insn[1].imm = (s32)(addr >> 32);
		}
}

/* Another boot, with its maps elsewhere. */
static bool addresses_do_not(struct object *o, const u8 *from)
{
	bool same;

	move_maps(o, 0x123456000LL);
	same = !differs(o, from);
	move_maps(o, -0x123456000LL);
	return same;
}

static void test_one(const char *path, unsigned long *constants)
{
	static struct object o;
	u8 digest[CTV_DIGEST_BYTES];
	char text[2 * CTV_DIGEST_BYTES + 1];
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	int err = object_open(&o, path);

	if (!err && !o.rule[0]) {
		err = object_digest(&o, digest);
		hex(digest, text);
		test_note("%s: %s", name, text);
		test_result(!err && insns_matter(&o, digest),
			    "each instruction is in the digest: %s", name);
		test_result(!err && sections_matter(&o, digest, constants),
			    "each section and constant is in the digest: %s", name);
		o.name[0] ^= 1;
		test_result(!err && differs(&o, digest), "so is the name of the set: %s", name);
		o.name[0] ^= 1;
		test_result(!err && addresses_do_not(&o, digest),
			    "addresses are not in the digest: %s", name);
	}
	object_close(&o);
}

/* The kernel's numbers of functions, and the loader's names of maps. */
static void test_foreign(void)
{
	static const s32 ids[2][CTV_NR_KFUNCS] = { { 11, 12, 13, 14 }, { 905, 4, 77777, 2 } };
	struct ctv_section s = { .addr = MAP_ADDR, .size = 64, .name = ".bss" };
	const struct ctv_code *codes[1];
	u8 digest[2][CTV_DIGEST_BYTES];
	struct ctv_code code;
	int err = 0;
	u32 i;

	for (i = 0; i < 2 && !err; i++) {
		struct ctv_insn insns[] = {
			INSN(CTV_LD_IMM64, 1, CTV_PSEUDO_MAP_VALUE, 0, (u32)MAP_ADDR + 8),
			INSN(0, 0, 0, 0, (u32)(MAP_ADDR >> 32)),
			INSN(CTV_JMP | CTV_CALL, 0, CTV_CALL_KFUNC, 0, ids[i][CTV_KFUNC_TIME]),
			EXIT(),
		};

		err = ctv_code_read(insns, 4, ids[i], &code);
		codes[0] = &code;
		s.name = i ? "loader.of.x.bss" : ".bss";
		if (!err)
			err = ctv_digest("set", codes, 1, &s, 1, digest[i]);
		ctv_code_free(&code);
	}
	test_result(!err && !memcmp(digest[0], digest[1], sizeof(digest[0])),
		    "the same digest with other numbers of kernel functions and names of maps");
}

void test_digests(int nr, char **paths)
{
	unsigned long constants = 0;
	int i;

	test_sha256();
	test_foreign();
	for (i = 0; i < nr; i++)
		test_one(paths[i], &constants);
	test_result(!nr || constants, "%lu bytes of constants were looked at", constants);
}

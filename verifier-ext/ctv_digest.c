// SPDX-License-Identifier: GPL-2.0
/*
 * The digest of a handler set: what an operator wrote, the same for one object on every build of
 * every kernel, and where the object was built. It is therefore made of the instructions as they
 * are loaded, before a kernel's BPF verifier changes them, with names in the place of what is of
 * one kernel or one boot, and of the constants that the verifier proves them with.
 *
 * SHA-256 over these bytes, numbers little endian:
 *
 *	"caretaker-handlers-1" and 0; the name of the set and 0
 *	per handler, in the order of classes: u32 class; SHA-256 of its code; per load of the
 *	address of a global variable, in order, u32 section and u64 offset in it; u32 ~0
 *	u32 ~0
 *	per section, in the order in which the loads name them first, which also numbers them:
 *	its name and 0; u64 size; u8 1 when it is read-only, and then what it holds
 *
 * SHA-256 of code is over its instructions, 8 bytes each as in RFC 9669, in which the address of a
 * global variable is 0 (its source: CTV_PSEUDO_MAP_VALUE), and the number of a kernel function is
 * 0, with its name and 0 behind the instruction.
 */
#ifdef __KERNEL__
#include <crypto/sha2.h>
#else
#include "user/sha256.h"
#endif
#include "ctv.h"

static void hash_u32(struct sha256_ctx *sha, u32 v)
{
	u8 bytes[4] = { (u8)v, (u8)(v >> 8), (u8)(v >> 16), (u8)(v >> 24) };

	sha256_update(sha, bytes, sizeof(bytes));
}

static void hash_u64(struct sha256_ctx *sha, u64 v)
{
	hash_u32(sha, (u32)v);
	hash_u32(sha, (u32)(v >> 32));
}

static void hash_string(struct sha256_ctx *sha, const char *s)
{
	sha256_update(sha, (const u8 *)s, strlen(s) + 1);
}

static void hash_insn(struct sha256_ctx *sha, const struct ctv_insn *insn, u8 source, s32 imm)
{
	u8 bytes[4] = { insn->code, (u8)(insn->dst | source << 4), (u8)insn->off,
			(u8)((u16)insn->off >> 8) };

	sha256_update(sha, bytes, sizeof(bytes));
	hash_u32(sha, (u32)imm);
}

/* ---- code ---- */

static bool is_address(const struct ctv_insn *insns, u32 len, u32 i)
{
	return insns[i].code == CTV_LD_IMM64 && i + 1 < len &&
	       (insns[i].src == CTV_PSEUDO_MAP_VALUE || insns[i].src == CTV_PSEUDO_MAP_IDX_VALUE);
}

static u32 count_loads(const struct ctv_insn *insns, u32 len)
{
	u32 i, n = 0;

	for (i = 0; i < len; i++) {
		n += is_address(insns, len, i);
		if (insns[i].code == CTV_LD_IMM64)
			i++;
	}
	return n;
}

/* One instruction, or both halves of one. Returns the index of the last. */
static u32 hash_code(struct sha256_ctx *sha, const struct ctv_insn *insns, u32 len, u32 i,
		     const s32 *kfuncs, struct ctv_code *code)
{
	enum ctv_kfunc kfunc = ctv_is_call(insns[i].code) ? ctv_kfunc_find(kfuncs, &insns[i]) :
							    CTV_NR_KFUNCS;

	if (kfunc != CTV_NR_KFUNCS) {
		hash_insn(sha, &insns[i], insns[i].src, 0);
		hash_string(sha, ctv_kfunc_name(kfunc));
		return i;
	}
	if (is_address(insns, len, i)) {
		code->loads[code->nr_loads++] = ctv_imm64(&insns[i]);
		hash_insn(sha, &insns[i], CTV_PSEUDO_MAP_VALUE, 0);
		hash_insn(sha, &insns[i + 1], 0, 0);
		return i + 1;
	}
	hash_insn(sha, &insns[i], insns[i].src, insns[i].imm);
	if (insns[i].code != CTV_LD_IMM64 || i + 1 == len)
		return i;
	hash_insn(sha, &insns[i + 1], insns[i + 1].src, insns[i + 1].imm);
	return i + 1;
}

int ctv_code_read(const struct ctv_insn *insns, u32 len, const s32 *kfuncs, struct ctv_code *code)
{
	u32 i, nr = count_loads(insns, len);
	struct sha256_ctx sha;

	code->nr_loads = 0;
	code->loads = ctv_alloc(nr ? nr : 1, sizeof(*code->loads));
	if (!code->loads)
		return -ENOMEM;
	sha256_init(&sha);
	for (i = 0; i < len; i++)
		i = hash_code(&sha, insns, len, i, kfuncs, code);
	sha256_final(&sha, code->digest);
	return 0;
}

void ctv_code_free(struct ctv_code *code)
{
	ctv_free(code->loads);
	code->loads = NULL;
}

/* ---- the set ---- */

/**
 * struct digest - a digest on its way
 * @sha:	of what there is so far
 * @sections:	all that may be named
 * @nr:		their number
 * @named:	indices of those that were, in this order
 * @nr_named:	their number
 */
struct digest {
	struct sha256_ctx sha;
	const struct ctv_section *sections;
	u32 nr;
	u32 *named;
	u32 nr_named;
};

/* The number that @section has by being named. */
static u32 digest_name(struct digest *d, u32 section)
{
	u32 i;

	for (i = 0; i < d->nr_named; i++)
		if (d->named[i] == section)
			return i;
	d->named[d->nr_named++] = section;
	return i;
}

static int digest_load(struct digest *d, u64 addr)
{
	u32 i;

	for (i = 0; i < d->nr; i++) {
		if (addr - d->sections[i].addr >= d->sections[i].size)
			continue;
		hash_u32(&d->sha, digest_name(d, i));
		hash_u64(&d->sha, addr - d->sections[i].addr);
		return 0;
	}
	return -ENOENT;
}

static int digest_code(struct digest *d, u32 class, const struct ctv_code *code)
{
	int err = 0;
	u32 i;

	hash_u32(&d->sha, class);
	sha256_update(&d->sha, code->digest, sizeof(code->digest));
	for (i = 0; i < code->nr_loads && !err; i++)
		err = digest_load(d, code->loads[i]);
	hash_u32(&d->sha, CTV_NONE);
	return err;
}

/* Loaders put the name of the object before that of its section. */
static const char *section_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && name[0] != '.' ? dot : name;
}

static int digest_section(struct digest *d, const struct ctv_section *s)
{
	u8 ro = s->ro;

	hash_string(&d->sha, section_name(s->name));
	hash_u64(&d->sha, s->size);
	sha256_update(&d->sha, &ro, 1);
	if (!ro)
		return 0;
	if (!s->data)
		return -ENOENT;
	sha256_update(&d->sha, s->data, s->size);
	return 0;
}

int ctv_digest(const char *name, const struct ctv_code * const *codes, u32 nr_codes,
	       const struct ctv_section *sections, u32 nr_sections, u8 *digest)
{
	struct digest d = { .sections = sections, .nr = nr_sections };
	int err = 0;
	u32 i;

	memset(digest, 0, CTV_DIGEST_BYTES);
	d.named = ctv_alloc(nr_sections ? nr_sections : 1, sizeof(*d.named));
	if (!d.named)
		return -ENOMEM;
	sha256_init(&d.sha);
	hash_string(&d.sha, "caretaker-handlers-1");
	hash_string(&d.sha, name);
	for (i = 0; i < nr_codes && !err; i++)
		if (codes[i])
			err = digest_code(&d, i, codes[i]);
	hash_u32(&d.sha, CTV_NONE);
	for (i = 0; i < d.nr_named && !err; i++)
		err = digest_section(&d, &sections[d.named[i]]);
	if (!err)
		sha256_final(&d.sha, digest);
	ctv_free(d.named);
	return err;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target. The first byte says what the others are: an object file; instructions and
 * the lengths of functions; or the choices of the generator of random programs. Whatever they
 * are, nothing crashes, what the passes accept compiles to code that passes its check, and what
 * is safe to run gives the same compiled as interpreted.
 */
#include "test.h"
#include "user/elf.h"

static u8 text[CTV_MAX_TEXT];

static void compile(struct ctv_set *set)
{
	int err = ctv_set_size(set);

	if (!err)
		err = ctv_set_emit(set, text);
	if (err && set->refusal.rule != CTV_RULE_SIZE) {
		fprintf(stderr, "accepted, but compiled wrong: %s\n", set->refusal.detail);
		abort();
	}
}

static void value(void *arg, const struct object_value *v)
{
	size_t *n = arg;
	u32 i;

	*n += strlen(v->section) + strlen(v->path) + (v->name ? strlen(v->name) : 0);
	for (i = 0; i < v->len; i++)
		*n += v->bytes[i];
}

/* Its types alone, as they are kept beside the state. */
static void fuzz_types(const struct object *o, const u8 *state, size_t len, struct object_reader *r)
{
	static const struct object_section bss = { ".bss", 0, CTV_PAGE };
	static const struct object_section data = { ".data", CTV_PAGE, CTV_PAGE };
	struct elf e = { .buf = o->file, .len = o->file_len };
	const u8 *btf;
	u64 btf_len;

	if (!elf_parse(&e)) {
		btf = elf_data(&e, elf_find(&e, ".BTF"), &btf_len);
		object_state_btf(btf, btf ? btf_len : 0, &bss, 1, state, len, r);
		object_state_btf(btf, btf ? btf_len : 0, &data, 1, state, len, r);
	}
	elf_free(&e);
}

/* The object's types, on bytes none of which is zero. */
static void fuzz_state(const struct object *o)
{
	static u8 state[2 * CTV_PAGE];
	size_t n = 0;
	struct object_reader r = { .value = value, .arg = &n };

	memset(state, 0xa5, sizeof(state));
	object_state(o, state, sizeof(state), &r);
	fuzz_types(o, state, sizeof(state), &r);
}

static void fuzz_object(const u8 *data, size_t len)
{
	static struct object o;
	char words[512];
	int err = object_open_mem(&o, data, len);

	if (!err)
		err = object_check(&o);
	if (!err)
		compile(&o.set);
	else if (o.set.refusal.rule < CTV_NR_RULES)
		object_refusal_text(&o, words, sizeof(words));
	object_set_check(&o);
	fuzz_state(&o);
	object_close(&o);
}

/* Up to four functions; the lengths of all but the last come first. */
static u32 fuzz_funcs(struct ctv_func *funcs, const u8 *lens, u32 len)
{
	u32 i, at = 0;

	memset(funcs, 0, 4 * sizeof(*funcs));
	for (i = 0; i < 3 && lens[i] && at + lens[i] < len; i++) {
		funcs[i].start = at;
		funcs[i].len = lens[i];
		funcs[i].stack = lens[i];
		at += lens[i];
	}
	funcs[i].start = at;
	funcs[i].len = len - at;
	funcs[i].stack = 64;
	return i + 1;
}

static void fuzz_insns(const u8 *data, size_t len)
{
	static const struct ctv_map map = { .addr = MAP_ADDR, .size = MAP_SIZE };
	struct ctv_func funcs[4];
	struct ctv_prog p = { .funcs = funcs };
	struct ctv_set set = { .progs = &p, .nr_progs = 1, .maps = &map, .nr_maps = 1,
			       .kfuncs = test_kfuncs, .scratch = MAP_SIZE };
	struct ctv_insn *insns;
	struct ctv_refusal r;

	if (len < 3 + sizeof(*insns))
		return;
	p.len = (u32)((len - 3) / sizeof(*insns));
	insns = malloc(p.len * sizeof(*insns));
	memcpy(insns, data + 3, p.len * sizeof(*insns));
	p.insns = insns;
	p.nr_funcs = fuzz_funcs(funcs, data, p.len);
	ctv_scan_raw(insns, p.len, test_kfuncs, &r);
	if (!ctv_set_check(&set))
		compile(&set);
	ctv_set_free(&set);
	free(insns);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	if (!len)
		return 0;
	switch (data[0] % 3) {
	case 0:
		fuzz_object(data + 1, len - 1);
		break;
	case 1:
		fuzz_insns(data + 1, len - 1);
		break;
	default:
		if (!random_one(data + 1, len - 1))
			abort();
	}
	return 0;
}

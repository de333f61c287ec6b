// SPDX-License-Identifier: GPL-2.0
/*
 * Cases of a conformance suite for the BPF instruction set, one file each: the program as text,
 * the bytes that r1 points to, the result. Those outside the rules for handlers must be refused.
 */
#include <ctype.h>
#include <dirent.h>

#include "asm.h"

/* What handlers may not do, and what the suite has cases of. */
static const struct {
	const char *prefix;
	enum ctv_rule rule;
} outside[] = {
	{ "lock_fetch_and", CTV_RULE_ATOMIC },
	{ "lock_fetch_or", CTV_RULE_ATOMIC },
	{ "lock_fetch_xor", CTV_RULE_ATOMIC },
	{ "rfc9669_lock_and64", CTV_RULE_ATOMIC },
	{ "rfc9669_lock_or64", CTV_RULE_ATOMIC },
	{ "callx", CTV_RULE_OPCODE },
	/* shifts by a constant that is negative or too large, which Linux does not load either */
	{ "arsh32-imm-high", CTV_RULE_OPCODE },
	{ "arsh32-imm-neg", CTV_RULE_OPCODE },
	{ "arsh64-imm-high", CTV_RULE_OPCODE },
	{ "lsh32-imm-neg", CTV_RULE_OPCODE },
	{ "lsh64-imm-high", CTV_RULE_OPCODE },
	{ "rsh32-imm-high", CTV_RULE_OPCODE },
	{ "rsh64-imm-high", CTV_RULE_OPCODE },
	{ "rsh64-imm-neg", CTV_RULE_OPCODE },
};

struct conf {
	struct assembly a;
	u8 mem[CTX_SIZE];
	u32 mem_len;
	u64 result;
	bool has_result;
	char section[16];
};

static u64 number(const char *s)
{
	return strtoull(s, NULL, 0);
}

static void mem_line(struct conf *c, const char *s)
{
	char *end;
	unsigned long v;

	for (;;) {
		while (isspace((unsigned char)*s))
			s++;
		v = strtoul(s, &end, 16);
		if (end == s || c->mem_len == CTX_SIZE)
			return;
		c->mem[c->mem_len++] = (u8)v;
		s = end;
	}
}

static void conf_line(struct conf *c, const char *line)
{
	if (!strncmp(line, "-- ", 3)) {
		snprintf(c->section, sizeof(c->section), "%.*s", (int)strcspn(line + 3, "\r\n"),
			 line + 3);
	} else if (!strcmp(c->section, "mem")) {
		mem_line(c, line);
	} else if (!strcmp(c->section, "asm")) {
		asm_line(&c->a, line);
	} else if (!strcmp(c->section, "result") && isalnum((unsigned char)*line)) {
		c->result = number(line);
		c->has_result = true;
	}
}

/* Sections may come in any order, but the program starts by fetching r1: two readings. */
static bool conf_read(struct conf *c, const char *path)
{
	char line[256];
	FILE *f = fopen(path, "r");

	if (!f)
		return false;
	asm_begin(&c->a);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "-- mem", 6))
			c->has_result = true;
	rewind(f);
	if (c->has_result) {
		/* r1 holds the address of the word with the address of the context */
		asm_put(&c->a, LDX(CTV_DW, 1, 1, 0));
		asm_put(&c->a, MOV(2, 0));
	}
	c->has_result = false;
	while (fgets(line, sizeof(line), f))
		conf_line(c, line);
	fclose(f);
	asm_end(&c->a);
	if (c->mem_len)
		c->a.insns[1].imm = (s32)c->mem_len;
	return c->has_result;
}

static const char *outside_rule(const char *name)
{
	u32 i;

	for (i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		if (!strncmp(name, outside[i].prefix, strlen(outside[i].prefix)))
			return ctv_rule_name(outside[i].rule);
	return NULL;
}

static bool conf_run(struct conf *c, const char *name)
{
	struct ctv_prog p = {
		.insns = c->a.insns, .len = c->a.len, .funcs = c->a.funcs,
		.nr_funcs = c->a.nr_funcs,
	};
	const char *rule = outside_rule(name);
	static struct run in, out;
	struct ctv_refusal r = { 0 };
	enum run_outcome res;

	memcpy(in.ctx, c->mem, CTX_SIZE);
	res = run_try(&p, &in, &out, 1000000, &r);
	if (rule) {
		test_note("%s: refused by %s", name, ctv_rule_name(r.rule));
		return res == RUN_REFUSED && !strcmp(ctv_rule_name(r.rule), rule);
	}
	if (res == RUN_SAME && out.result == c->result)
		return true;
	test_note("outcome %d, result %#llx, not %#llx, %s %s", res,
		  (unsigned long long)out.result, (unsigned long long)c->result,
		  res == RUN_REFUSED ? ctv_rule_name(r.rule) : "",
		  res == RUN_REFUSED ? r.detail : "");
	prog_note(&p);
	return false;
}

static int conf_one(const char *dir, const char *name, u32 *ran)
{
	struct conf *c = calloc(1, sizeof(*c));
	char path[4096];
	int bad = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (!conf_read(c, path) || c->a.error[0]) {
		test_note("%s: not understood: %s", name, c->a.error);
		bad = 1;
	} else if (!conf_run(c, name)) {
		test_note("%s", name);
		bad = 1;
	}
	*ran += !outside_rule(name);
	free(c);
	return bad;
}

static int is_case(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return dot && !strcmp(dot, ".data");
}

void test_conformance(const char *dir)
{
	struct dirent **names = NULL;
	u32 ran = 0;
	int i, nr, bad = 0;

	nr = dir ? scandir(dir, &names, is_case, alphasort) : -1;
	if (nr <= 0) {
		test_skip("conformance cases of the BPF instruction set", "they are not at %s",
			  dir ? dir : "a place given with -c");
		return;
	}
	for (i = 0; i < nr; i++) {
		bad += conf_one(dir, names[i]->d_name, &ran);
		free(names[i]);
	}
	free(names);
	test_note("%d cases, %u of them within the rules for handlers", nr, ran);
	test_result(!bad, "conformance cases of the BPF instruction set, both ways");
}

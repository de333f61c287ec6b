// SPDX-License-Identifier: GPL-2.0
/* Handler objects: those given are accepted, or refused by the rule that they name themselves. */
#include "test.h"

static const char *base_name(const char *path)
{
	const char *p = strrchr(path, '/');

	return p ? p + 1 : path;
}

static bool object_has_line(const struct object *o, char *text, size_t size)
{
	object_refusal_text(o, text, size);
	return o->set.refusal.insn == CTV_NONE || strstr(text, ".bpf.c:");
}

static void object_refused(const struct object *o, const char *name, int err)
{
	bool known = err && o->set.refusal.rule != CTV_NR_RULES;
	bool ok = known && !strcmp(ctv_rule_name(o->set.refusal.rule), o->rule);
	char text[512] = "";

	if (!ok)
		test_note("%s: %s instead of %s (%d)", name,
			  known ? ctv_rule_name(o->set.refusal.rule) : "accepted", o->rule, err);
	else if (!object_has_line(o, text, sizeof(text)))
		ok = false;
	if (text[0])
		test_note("%.*s", (int)strcspn(text, "\n"), text);
	test_result(ok, "object refused by %s: %s", o->rule, name);
}

/* Not a program but the set is what is wrong. */
static void object_set_refused(const struct object *o, const char *name, int err)
{
	bool ok = err && o->set.refusal.rule == CTV_NR_RULES && o->problem[0];

	test_note("%s: %s", name, o->problem);
	test_result(ok, "object refused for its set: %s", name);
}

static void object_accepted(const struct object *o, const char *name, int err)
{
	char text[512] = "";
	u32 i;

	if (err && o->set.refusal.rule != CTV_NR_RULES)
		object_refusal_text(o, text, sizeof(text));
	if (err)
		test_note("%s: %d: %s%s", name, err, text, o->problem);
	for (i = 0; i < o->set.nr_progs && !err; i++)
		test_note("%s: %s: %u instructions, cost %u, fuel %u, %u bytes of code", name,
			  o->info[i].class, o->progs[i].len, o->progs[i].cost, o->progs[i].fuel,
			  o->set.text);
	test_result(!err, "object accepted%s: %s", o->rule[0] ? " by these passes" : "", name);
}

static void test_object(const char *path)
{
	static struct object o;
	int err = object_open(&o, path);

	if (!err)
		err = object_check(&o);
	if (!err)
		err = image_compile(&o.set);
	if (!err && strcmp(o.rule, "-"))
		err = object_set_check(&o);
	if (!strcmp(o.rule, "SET"))
		object_set_refused(&o, base_name(path), err);
	else if (!o.rule[0] || !strcmp(o.rule, "-"))
		object_accepted(&o, base_name(path), err);
	else
		object_refused(&o, base_name(path), err);
	object_close(&o);
}

void test_objects(int nr, char **paths)
{
	int i;

	if (!nr)
		test_skip("handler objects", "none given");
	for (i = 0; i < nr; i++)
		test_object(paths[i]);
}

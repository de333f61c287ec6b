// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* What caretaker-verify prints. */
#include <string.h>

#include "../lib/output.h"
#include "verify.h"

/* Names come from the file: nothing of them may steer a terminal. */
static char *plain(char *text)
{
	char *s;

	for (s = text; *s; s++)
		if (*s < ' ' || *s > '~')
			*s = *s == '\n' && !s[1] ? 0 : '?';
	return text;
}

static bool is_refusal(const struct object *o, int err)
{
	return err && o->set.refusal.rule < CTV_NR_RULES;
}

/* The reason, in @buf: of the rule, or of what is no program. */
static const char *reason(const struct object *o, int err, char *buf, size_t size)
{
	if (is_refusal(o, err))
		object_refusal_text(o, buf, size);
	else
		snprintf(buf, size, "%s", o->problem[0] ? o->problem : strerror(-err));
	return plain(buf);
}

static unsigned int pages(unsigned long bytes)
{
	return (unsigned int)((bytes + CTV_PAGE - 1) / CTV_PAGE);
}

/* Empty when it cannot be told. */
static void digest_text(const struct object *o, char *buf, size_t size)
{
	u8 digest[CTV_DIGEST_BYTES];
	u32 i;

	buf[0] = 0;
	if (object_digest(o, digest))
		return;
	for (i = 0; i < CTV_DIGEST_BYTES; i++)
		snprintf(buf + 2 * i, size - 2 * i, "%02x", digest[i]);
}

/* ---- for people ---- */

static void text_programs(const struct object *o)
{
	struct table t;
	char name[64];
	u32 i;

	table_begin(&t, 6, 3, "HANDLER", "PROGRAM", "INSTRUCTIONS", "WORST CASE", "STACK", "LOOPS");
	for (i = 0; i < o->set.nr_progs; i++) {
		const struct ctv_prog *p = &o->progs[i];

		snprintf(name, sizeof(name), "%s", o->info[i].class);
		table_text(&t, plain(name));
		snprintf(name, sizeof(name), "%s", o->info[i].name);
		table_text(&t, plain(name));
		table_number(&t, p->len);
		table_number(&t, p->loops ? p->funcs[0].cost : p->cost);
		table_number(&t, p->funcs[0].depth);
		if (p->loops)
			table_cell(&t, "cut off at %u", o->set.budget);
		else
			table_text(&t, "none");
	}
	table_end(&t, 2);
}

static void text_state(const struct object *o)
{
	char name[32];
	u32 i;

	printf("  code %u bytes", o->set.text);
	for (i = 0; i < o->set.nr_maps; i++) {
		snprintf(name, sizeof(name), "%s", o->map_names[i]);
		printf(", %s %llu bytes (%u pages)", plain(name),
		       (unsigned long long)o->maps[i].size, pages(o->maps[i].size));
	}
	printf(", budget %u\n", o->set.budget);
}

static void text_object(const char *path, const struct object *o, int err)
{
	char buf[640];

	if (err) {
		printf("%s: refused: %s\n", path, reason(o, err, buf, sizeof(buf)));
		return;
	}
	snprintf(buf, sizeof(buf), "%s", o->name);
	printf("%s: accepted: set %s\n", path, plain(buf));
	text_programs(o);
	text_state(o);
	digest_text(o, buf, sizeof(buf));
	printf("  digest %s\n", buf);
}

/* ---- for programs ---- */

static void json_program(const char *path, const struct object *o, u32 i)
{
	const struct ctv_prog *p = &o->progs[i];

	json_begin("program");
	json_string("object", path);
	json_string("handler", o->info[i].class);
	json_string("program", o->info[i].name);
	json_number("instructions", p->len);
	json_number("worst_case", p->cost);
	json_number("longest_path", p->funcs[0].cost);
	json_bool("loops", p->loops);
	json_number("stack_bytes", p->funcs[0].depth);
	json_end();
}

static void json_refusal(const struct object *o, int err)
{
	char buf[640];

	json_string("reason", reason(o, err, buf, sizeof(buf)));
	if (!is_refusal(o, err))
		return;
	json_string("rule", ctv_rule_name(o->set.refusal.rule));
	json_string("remedy", ctv_rule_remedy(o->set.refusal.rule));
	json_string("handler", o->info[o->set.bad_prog].class);
	json_string("program", o->info[o->set.bad_prog].name);
	if (o->set.refusal.insn != CTV_NONE)
		json_number("instruction", o->set.refusal.insn);
}

static void json_object(const char *path, const struct object *o, int err)
{
	char digest[2 * CTV_DIGEST_BYTES + 1];
	u32 i;

	json_begin("object");
	json_string("object", path);
	json_bool("accepted", !err);
	if (err) {
		json_refusal(o, err);
	} else {
		json_string("set", o->name);
		json_number("budget", o->set.budget);
		json_number("code_bytes", o->set.text);
		json_number("maps", o->set.nr_maps);
		digest_text(o, digest, sizeof(digest));
		json_string("digest", digest);
	}
	json_end();
	for (i = 0; i < o->set.nr_progs && !err; i++)
		json_program(path, o, i);
}

void report_begin(const struct verify_options *opts)
{
	if (!opts->json)
		return;
	json_begin("header");
	json_number("schema", TOOL_SCHEMA);
	json_end();
}

/**
 * report_object() - print what came out for one object
 * @opts:	command line
 * @path:	file
 * @o:		object
 * @err:	0, or why it was refused
 */
void report_object(const struct verify_options *opts, const char *path, const struct object *o,
		   int err)
{
	if (opts->json)
		json_object(path, o, err);
	else
		text_object(path, o, err);
}

void report_rules(const struct verify_options *opts)
{
	struct table t;
	u32 i;

	if (!opts->json)
		table_begin(&t, 3, 7, "RULE", "WHAT IS WRONG", "WHAT TO DO");
	for (i = 0; i < CTV_NR_RULES; i++) {
		if (!opts->json) {
			table_text(&t, ctv_rule_name(i));
			table_text(&t, ctv_rule_text(i));
			table_text(&t, ctv_rule_remedy(i));
			continue;
		}
		json_begin("rule");
		json_string("rule", ctv_rule_name(i));
		json_string("what", ctv_rule_text(i));
		json_string("remedy", ctv_rule_remedy(i));
		json_end();
	}
	if (!opts->json)
		table_end(&t, 0);
}

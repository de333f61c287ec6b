// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* caretaker-verify: judges exit handlers where they are built, without root or a kernel. */
#include <stdlib.h>
#include <string.h>

#include "../lib/tool.h"
#include "verify.h"

static struct verify_options options;

static const struct opt opts[] = {
	{ 'b', "budget", "UNITS", OPT_NUMBER, &options.budget, 1,
	  "cost that one call may have, 20000 if not given" },
	{ 'j', "json", NULL, OPT_FLAG, &options.json, 0, "NDJSON: one object per line" },
	{ 'r', "rules", NULL, OPT_FLAG, &options.rules, 0, "list the rules, and stop" },
	{ 's', "state", "FILE", OPT_STRING, &options.state, 0,
	  "print the state in FILE by the types in it, or by those of the one OBJECT" },
};

static const struct opt_usage usage = {
	.line = "caretaker-verify [OPTION]... OBJECT...\n"
		"       caretaker-verify [-j] -s FILE [OBJECT]",
	.what = "Judges exit handlers as KVM_SET_CARETAKER does, all but the kernel's own BPF verifier,\n"
		"and prints what each one costs in the worst case.\n",
	.examples = "examples:\n"
		    "  caretaker-verify out/handlers/uart.bpf.o\n"
		    "  caretaker-verify -b 500 -j mine.bpf.o\n"
		    "  caretaker-verify -s uart.state\n",
};

/* Whether the option at @word takes the next word as its argument. */
static bool takes_next(const char *word)
{
	size_t i;

	for (i = 0; i < TOOL_NELEM(opts); i++) {
		if (!opts[i].arg)
			continue;
		if (word[0] == '-' && word[1] == opts[i].letter && !word[2])
			return true;
		if (!strncmp(word, "--", 2) && !strcmp(word + 2, opts[i].name))
			return true;
	}
	return false;
}

/* Options first, objects behind them: opt_parse() takes only options. Returns their number. */
static int objects_last(int argc, char **argv, char **sorted)
{
	int i, options_end = 1, nr = 0;

	sorted[0] = argv[0];
	for (i = 1; i < argc; i++) {
		if (argv[i][0] != '-') {
			nr++;
			continue;
		}
		sorted[options_end++] = argv[i];
		if (takes_next(argv[i]) && i + 1 < argc)
			sorted[options_end++] = argv[++i];
	}
	for (i = 1; i < argc; i++) {
		if (argv[i][0] != '-')
			sorted[options_end++] = argv[i];
		else if (takes_next(argv[i]))
			i++;
	}
	sorted[argc] = NULL;
	return nr;
}

/* The compiled code has to pass its check, too. */
static int compile(struct object *o)
{
	u8 *text = malloc(o->set.text + 1);
	int err = text ? ctv_set_emit(&o->set, text) : -ENOMEM;

	free(text);
	return err;
}

static int verify(const char *path)
{
	struct object *o = calloc(1, sizeof(*o));
	int err;

	if (!o) {
		tool_err("%s: out of memory", path);
		return -ENOMEM;
	}
	err = object_open(o, path);
	o->set.budget = (u32)options.budget;
	if (!err)
		err = object_check(o);
	if (!err)
		err = compile(o);
	if (!err)
		err = object_set_check(o);
	report_object(&options, path, o, err);
	if (!err && options.state)
		err = report_state(&options, path, o);
	object_close(o);
	free(o);
	return err;
}

static int run(int argc, char **argv)
{
	char **sorted = calloc((size_t)argc + 1, sizeof(*sorted));
	int nr, i, r, status = TOOL_OK;

	if (!sorted)
		return TOOL_FAILED;
	nr = objects_last(argc, argv, sorted);
	r = opt_parse(argc - nr, sorted, opts, TOOL_NELEM(opts), &usage);
	if (r >= 0) {
		status = r;
	} else if (options.budget > CTV_MAX_BUDGET) {
		tool_err("--budget %ld: more than the kernel allows, %u", options.budget,
			 CTV_MAX_BUDGET);
		status = TOOL_USAGE;
	} else if (options.rules) {
		report_rules(&options);
	} else if (!nr && options.state) {
		report_begin(&options);
		status = report_state(&options, NULL, NULL) ? TOOL_FAILED : TOOL_OK;
	} else if (!nr) {
		tool_err("no object named: give the file that clang wrote; -h tells more");
		status = TOOL_USAGE;
	} else if (options.state && nr > 1) {
		tool_err("--state %s: of which of %d objects is it? name one", options.state, nr);
		status = TOOL_USAGE;
	} else {
		report_begin(&options);
		for (i = argc - nr; i < argc; i++)
			if (verify(sorted[i]))
				status = TOOL_FAILED;
	}
	free(sorted);
	return status;
}

int main(int argc, char **argv)
{
	tool_name = "caretaker-verify";
	return tool_done(run(argc, argv));
}

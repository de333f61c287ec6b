// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* ctrace: command line. */
#include <stdio.h>
#include <string.h>

#include "ctrace.h"

static struct ctrace_options options = {
	.source = { .debugfs = CTELE_DEBUGFS, .pid = -1, .vcpu = -1 },
};

static const struct opt opts[] = {
	{ 'j', "json", NULL, OPT_FLAG, &options.json, 0, "NDJSON: one object per line" },
	{ 'p', "pid", "PID", OPT_NUMBER, &options.source.pid, 0, "only VMs of this process" },
	{ 'g', "vm", "ID", OPT_STRING, &options.source.vm, 0,
	  "only the VM whose identity starts with these hex digits" },
	{ 'c', "vcpu", "VCPU", OPT_NUMBER, &options.source.vcpu, 0, "only this vCPU" },
	{ 256, "debugfs", "DIR", OPT_STRING, &options.source.debugfs, 0,
	  "where debugfs is, or a copy of its kvm directory" },
	{ 'i', "input", "FILE", OPT_STRING, &options.source.file, 0,
	  "a saved caretaker_telemetry file instead" },
};

/**
 * struct command - a subcommand
 * @name:	its name
 * @run:	what it does
 * @usage:	its help
 */
struct command {
	const char *name;
	enum tool_status (*run)(const struct ctrace_options *opts);
	struct opt_usage usage;
};

static const struct command commands[] = {
	{
		.name = "gap",
		.run = ctrace_gap,
		.usage = {
			.line = "ctrace gap [OPTION]...",
			.what = "Shows the last handover of each vCPU: when it left KVM (stop), ran in the Caretaker\n"
				"(run), was asked for (kick), saved (park) and went on in KVM (adopt); the exits\n"
				"that were taken in gaps, and the stalls. Times come from the host's TSC.\n",
			.examples = "examples:\n"
				    "  ctrace gap             after a host update: what the guests went through\n"
				    "  ctrace gap -c 0 -j     vCPU 0 of each VM, as JSON\n",
		},
	},
	{
		.name = "list",
		.run = ctrace_list,
		.usage = {
			.line = "ctrace list [OPTION]...",
			.what = "Lists the VMs and vCPUs that have a Caretaker.\n",
			.examples = "example:\n  ctrace list -p 1234    those of one process\n",
		},
	},
};

static const struct opt_usage main_usage = {
	.line = "ctrace gap|list [OPTION]...",
	.what = "  gap    the last handover of each vCPU as a timeline\n"
		"  list   the VMs and vCPUs that have a Caretaker\n"
		"\"ctrace gap -h\" and \"ctrace list -h\" tell more. Options of both:\n",
	.examples = "examples:\n  ctrace gap\n  ctrace list -j\n",
};

static const struct command *command_find(const char *name)
{
	size_t i;

	for (i = 0; i < TOOL_NELEM(commands); i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	return NULL;
}

static int command_missing(const char *word)
{
	if (word)
		tool_err("%s: no such subcommand; there are gap and list", word);
	else
		tool_err("a subcommand is missing: gap or list; ctrace -h tells more");
	return TOOL_USAGE;
}

static int main_run(int argc, char **argv)
{
	const struct command *c;
	int r;

	if (argc > 1 && argv[1][0] == '-') {
		r = opt_parse(argc, argv, opts, TOOL_NELEM(opts), &main_usage);
		return r < 0 ? command_missing(NULL) : r;
	}
	c = argc > 1 ? command_find(argv[1]) : NULL;
	if (!c)
		return command_missing(argc > 1 ? argv[1] : NULL);
	/* Messages about options name the tool */
	argv[1] = argv[0];
	r = opt_parse(argc - 1, argv + 1, opts, TOOL_NELEM(opts), &c->usage);
	return r < 0 ? (int)c->run(&options) : r;
}

int main(int argc, char **argv)
{
	tool_name = "ctrace";
	return tool_done(main_run(argc, argv));
}

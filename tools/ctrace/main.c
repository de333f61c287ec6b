// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* ctrace: command line. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "ctrace.h"
#include "../lib/ring.h"

static struct ctrace_options options = {
	.source = { .debugfs = CTELE_DEBUGFS, .tracefs = RING_TRACEFS, .pid = -1, .vcpu = -1 },
	.delay = 1,
};

static const char *opt_reasons;
static const char *opt_source;
static bool opt_csv;
static bool opt_no_color;

/* Which subcommands take an option, as bits; all take the first ones. */
enum {
	OF_GAP		= 1 << 0,
	OF_LIST		= 1 << 1,
	OF_HIST		= 1 << 2,
	OF_LIVE		= 1 << 3,
	OF_RECORD	= 1 << 4,
	OF_REPORT	= 1 << 5,
	OF_ALL		= 0x3f,
	OF_SOURCE	= OF_ALL & ~OF_REPORT,
};

static const struct {
	unsigned int of;
	struct opt opt;
} all_opts[] = {
	{ OF_ALL & ~OF_RECORD,
	  { 'j', "json", NULL, OPT_FLAG, &options.json, 0, "NDJSON: one object per line" } },
	{ OF_ALL & ~(OF_RECORD | OF_HIST),
	  { 264, "csv", NULL, OPT_FLAG, &opt_csv, 0, "comma-separated values of one table" } },
	{ OF_GAP, { 'x', "explain", NULL, OPT_FLAG, &options.explain, 0,
		    "name the cause of each pause over 10 us" } },
	{ OF_GAP | OF_LIVE | OF_REPORT,
	  { 'S', "summary", NULL, OPT_FLAG, &options.summary, 0,
	    "only sums and times by exit reason, the longest stalled first" } },
	{ OF_GAP, { 258, "html", "FILE", OPT_STRING, &options.html, 0,
		    "write a page for a browser instead" } },
	{ OF_GAP, { 259, "perfetto", "FILE", OPT_STRING, &options.perfetto, 0,
		    "write a file for a trace viewer instead" } },
	{ OF_RECORD, { 'o', "output", "FILE", OPT_STRING, &options.output, 0, "where to" } },
	{ OF_LIVE | OF_RECORD,
	  { 'n', "count", "COUNT", OPT_NUMBER, &options.count, 1,
	    "looks, then stop; default: no end" } },
	{ OF_LIVE | OF_RECORD,
	  { 'd', "delay", "SECS", OPT_SECONDS, &options.delay, 0,
	    "time between looks, default 1" } },
	{ OF_LIVE | OF_RECORD,
	  { 'E', "events", "LIST", OPT_STRING, &options.source.events, 0,
	    "switch on these events of the rings and tell them; help lists them" } },
	{ OF_GAP, { 'E', "events", NULL, OPT_FLAG, &options.events, 0,
		    "the events of the rings as well, as they are switched" } },
	{ OF_GAP | OF_LIVE | OF_RECORD,
	  { 263, "tracefs", "DIR", OPT_STRING, &options.source.tracefs, 0,
	    "where tracefs is, or a copy of its remotes directory" } },
	{ OF_LIVE | OF_REPORT, { 'T', "time", NULL, OPT_FLAG, &options.clock, 0,
				 "time of day, not seconds from the first look" } },
	{ OF_HIST | OF_LIVE | OF_REPORT | OF_GAP,
	  { 'e', "reason", "LIST", OPT_STRING, &opt_reasons, 0,
	    "only stalls, sums and events of these exit reasons; help lists them" } },
	{ OF_ALL, { 'p', "pid", "PID", OPT_NUMBER, &options.source.pid, 0,
		    "only VMs of this process" } },
	{ OF_ALL, { 'g', "vm", "ID", OPT_STRING, &options.source.vm, 0,
		    "only the VM whose identity starts with these hex digits" } },
	{ OF_ALL, { 'c', "vcpu", "VCPU", OPT_NUMBER, &options.source.vcpu, 0,
		    "only this vCPU" } },
	{ OF_ALL, { 'C', "no-color", NULL, OPT_FLAG, &opt_no_color, 0,
		    "nothing: there are no colours" } },
	{ OF_ALL, { 261, "strict", NULL, OPT_FLAG, &options.strict, 0,
		    "exit status 5 when data was lost" } },
	{ OF_SOURCE, { 256, "debugfs", "DIR", OPT_STRING, &options.source.debugfs, 0,
		       "where debugfs is, or a copy of its kvm directory" } },
	{ OF_SOURCE, { 262, "source", "WAY", OPT_STRING, &opt_source, 0,
		       "live data by debugfs or bpf; default auto: bpf without debugfs" } },
	{ OF_SOURCE, { 'v', "verbose", NULL, OPT_FLAG, &options.source.verbose, 0,
		       "tell where data comes from" } },
	{ OF_SOURCE, { 'i', "input", "FILE", OPT_STRING, &options.source.file, 0,
		       "a saved caretaker_telemetry file or a recording instead" } },
	{ OF_SOURCE, { 260, "synthetic", "VCPUS", OPT_NUMBER, &options.source.synthetic, 1,
		       "made-up data instead, to try and to test" } },
};

/**
 * struct command - a subcommand
 * @name:	its name
 * @of:		its bit
 * @run:	what it does
 * @usage:	its help
 */
struct command {
	const char *name;
	unsigned int of;
	enum tool_status (*run)(const struct ctrace_options *opts);
	struct opt_usage usage;
};

static const struct command commands[] = {
	{
		.name = "gap",
		.of = OF_GAP,
		.run = ctrace_gap,
		.usage = {
			.line = "ctrace gap [OPTION]...",
			.what = "Shows the last handover of each vCPU: when it left KVM (stop), ran in the Caretaker\n"
				"(run), was asked for (kick), saved (park) and went on in KVM (adopt); the exits\n"
				"that were taken in gaps, and the stalls. Times come from the host's TSC.\n",
			.examples = "examples:\n"
				    "  ctrace gap                    after a host update: what the guests went through\n"
				    "  ctrace gap --explain          why they stood still, and what to do\n"
				    "  ctrace gap --html gap.html    one page to put to a ticket\n"
				    "  ctrace gap -c 0 -j            vCPU 0 of each VM, as JSON\n",
		},
	},
	{
		.name = "list",
		.of = OF_LIST,
		.run = ctrace_list,
		.usage = {
			.line = "ctrace list [OPTION]...",
			.what = "Lists the VMs and vCPUs that have a Caretaker.\n",
			.examples = "example:\n  ctrace list -p 1234    those of one process\n",
		},
	},
	{
		.name = "hist",
		.of = OF_HIST,
		.run = ctrace_hist,
		.usage = {
			.line = "ctrace hist [OPTION]...",
			.what = "Shows how long exits took, by exit reason and by who served them, and how long\n"
				"vCPUs stalled, as histograms whose buckets double.\n",
			.examples = "example:\n  ctrace hist -e IOIO,MSR    two exit reasons\n",
		},
	},
	{
		.name = "live",
		.of = OF_LIVE,
		.run = ctrace_live,
		.usage = {
			.line = "ctrace live [OPTION]...",
			.what = "Tells what happens to vCPUs: handovers, stalls, faults. It looks every SECS; times with\n"
				"a ~ are those of the look, all others were stamped when it happened.\n",
			.examples = "examples:\n"
				    "  ctrace live -T          with the time of day\n"
				    "  ctrace live -S -n 60    one minute summed up by exit reason\n"
				    "  ctrace live -E handler  what handlers emit\n",
		},
	},
	{
		.name = "record",
		.of = OF_RECORD,
		.run = ctrace_record,
		.usage = {
			.line = "ctrace record -o FILE [OPTION]...",
			.what = "Writes looks into a file until SIGINT, SIGTERM or COUNT. Looks that were written can\n"
				"be read whatever happens to the rest of the file.\n",
			.examples = "example:\n  ctrace record -o before.ctr -d 0.5\n",
		},
	},
	{
		.name = "report",
		.of = OF_REPORT,
		.run = ctrace_report,
		.usage = {
			.line = "ctrace report [OPTION]... FILE...",
			.what = "Tells what happened in recordings. Those of the old and of the next kernel, in this\n"
				"order, make one timeline: stamps are of one clock, VMs are known by their identity.\n",
			.examples = "examples:\n"
				    "  ctrace report before.ctr after.ctr\n"
				    "  ctrace report -S before.ctr\n",
			.words = true,
		},
	},
};

static const struct opt_usage main_usage = {
	.line = "ctrace gap|list|hist|live|record|report [OPTION]...",
	.what = "  gap      the last handover of each vCPU as a timeline, explained, as a page\n"
		"  list     the VMs and vCPUs that have a Caretaker\n"
		"  hist     how long exits took, how long vCPUs stalled\n"
		"  live     what happens now\n"
		"  record   looks into a file\n"
		"  report   what happened in recordings\n"
		"\"ctrace gap -h\" and so on tell more.\n",
	.examples = "examples:\n  ctrace gap --explain\n  ctrace list -j\n",
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
		tool_err("%s: no such subcommand; there are gap, list, hist, live, record, report",
			 word);
	else
		tool_err("a subcommand is missing, for example gap; ctrace -h tells more");
	return TOOL_USAGE;
}

static int reasons_parse(void)
{
	if (!opt_reasons) {
		memset(options.reasons, true, sizeof(options.reasons));
		return -1;
	}
	if (!strcmp(opt_reasons, "help")) {
		reason_list();
		return TOOL_OK;
	}
	options.source.reasons = options.reasons;
	return reason_set_parse(opt_reasons, options.reasons) ? -1 : TOOL_USAGE;
}

/* Which table, and whether there is one */
static int csv_parse(const struct command *c)
{
	if (!opt_csv)
		return -1;
	if (options.json) {
		tool_err("only one of --json and --csv can be had");
		return TOOL_USAGE;
	}
	if (!options.summary && c->of & (OF_LIVE | OF_REPORT)) {
		tool_err("events have no columns: --csv is for the sums of -S");
		return TOOL_USAGE;
	}
	options.json = true;
	if (!json_as_csv(options.summary ? "summary" : options.explain ? "pause" :
			 c->of == OF_LIST ? "vcpu" : "exit"))
		return TOOL_FAILED;
	return -1;
}

static int options_take(const struct command *c, int argc, char **argv)
{
	struct opt opts[TOOL_NELEM(all_opts)];
	size_t i, n = 0;
	int r;

	for (i = 0; i < TOOL_NELEM(all_opts); i++)
		if (all_opts[i].of & c->of)
			opts[n++] = all_opts[i].opt;
	r = opt_parse(argc, argv, opts, n, &c->usage);
	options.words = argv + optind;
	if (r < 0)
		r = csv_parse(c);
	if (r < 0 && !ctele_way_parse(opt_source, &options.source))
		r = TOOL_USAGE;
	if (r < 0 && options.source.events)
		r = ring_names_check(options.source.events);
	if (options.events)
		options.source.events = "kept";
	options.source.boot = c->of & (OF_GAP | OF_LIVE | OF_RECORD);
	return r < 0 ? reasons_parse() : r;
}

static int main_run(int argc, char **argv)
{
	const struct command *c;
	int r;

	if (argc > 1 && argv[1][0] == '-') {
		r = opt_parse(argc, argv, NULL, 0, &main_usage);
		return r < 0 ? command_missing(NULL) : r;
	}
	c = argc > 1 ? command_find(argv[1]) : NULL;
	if (!c)
		return command_missing(argc > 1 ? argv[1] : NULL);
	/* Messages about options name the tool */
	argv[1] = argv[0];
	r = options_take(c, argc - 1, argv + 1);
	return r < 0 ? (int)c->run(&options) : r;
}

int main(int argc, char **argv)
{
	tool_name = "ctrace";
	return tool_done(main_run(argc, argv));
}

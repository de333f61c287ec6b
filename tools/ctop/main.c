// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* ctop: command line and loop. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctop.h"
#include "../lib/pace.h"
#include "../lib/rehearsal.h"

static struct ctop_options options = {
	.source = { .debugfs = CTELE_DEBUGFS, .pid = -1, .vcpu = -1 },
	.delay = 1,
};

static bool opt_batch;
static bool opt_json;
static bool opt_csv;
static bool opt_time;
static bool opt_openmetrics;
static bool opt_rehearsal;
static const char *opt_rehearsal_dir = REHEARSAL_DIR;
static const char *opt_reasons;
static const char *opt_key;
static const char *opt_source;

static const struct opt opts[] = {
	{ 'b', "batch", NULL, OPT_FLAG, &opt_batch, 0, "print looks one below the other" },
	{ 'n', "count", "COUNT", OPT_NUMBER, &options.count, 1,
	  "looks, then stop; default: no end" },
	{ 'd', "delay", "SECS", OPT_SECONDS, &options.delay, 0, "time between looks, default 1" },
	{ 'j', "json", NULL, OPT_FLAG, &opt_json, 0, "NDJSON: one object per line (with -b)" },
	{ 258, "csv", NULL, OPT_FLAG, &opt_csv, 0, "comma-separated values (with -b)" },
	{ 259, "openmetrics", NULL, OPT_FLAG, &opt_openmetrics, 0,
	  "metrics for a textfile collector (with -b)" },
	{ 256, "gap", NULL, OPT_FLAG, &options.gap, 0, "only exits that were taken in gaps" },
	{ 263, "rehearsal", NULL, OPT_FLAG, &opt_rehearsal, 0,
	  "only exits of the last rehearsal of each VM" },
	{ 264, "rehearsal-dir", "DIR", OPT_STRING, &opt_rehearsal_dir, 0,
	  "where they are, default " REHEARSAL_DIR },
	{ 'p', "pid", "PID", OPT_NUMBER, &options.source.pid, 0, "only VMs of this process" },
	{ 'g', "vm", "ID", OPT_STRING, &options.source.vm, 0,
	  "only the VM whose identity starts with these hex digits" },
	{ 'c', "vcpu", "VCPU", OPT_NUMBER, &options.source.vcpu, 0, "only this vCPU" },
	{ 'e', "reason", "LIST", OPT_STRING, &opt_reasons, 0,
	  "only these exit reasons: names or exit codes; help lists them" },
	{ 's', "sort", "KEY", OPT_STRING, &opt_key, 0, "order, default vcpu; help lists the keys" },
	{ 'I', "invert", NULL, OPT_FLAG, &options.invert, 0, "the other way round" },
	{ 'r', "rows", "ROWS", OPT_NUMBER, &options.max_rows, 1, "show so many rows only" },
	{ 257, "debugfs", "DIR", OPT_STRING, &options.source.debugfs, 0,
	  "where debugfs is, or a copy of its kvm directory" },
	{ 262, "source", "WAY", OPT_STRING, &opt_source, 0,
	  "live data by debugfs or bpf; default auto: bpf when there is no debugfs" },
	{ 'v', "verbose", NULL, OPT_FLAG, &options.source.verbose, 0,
	  "tell where data comes from" },
	{ 'i', "input", "FILE", OPT_STRING, &options.source.file, 0,
	  "a saved caretaker_telemetry file or a recording instead" },
	{ 260, "synthetic", "VCPUS", OPT_NUMBER, &options.source.synthetic, 1,
	  "made-up data instead, to try and to test" },
	{ 261, "strict", NULL, OPT_FLAG, &options.strict, 0, "exit status 5 when data was lost" },
	{ 'T', "time", NULL, OPT_FLAG, &opt_time, 0,
	  "date and time with each look; -b has them anyhow" },
	{ 'C', "no-color", NULL, OPT_FLAG, &options.no_color, 0,
	  "no colours; NO_COLOR in the environment does the same" },
};

static const struct opt_usage usage = {
	.line = "ctop [-b] [-n COUNT] [-d SECS] [-j|--csv|--openmetrics] [--gap] [OPTION]...",
	.what = "Shows the exits of all vCPUs that have a Caretaker, by exit reason and by who served\n"
		"them: the payload itself (native), an exit handler, KVM, or nobody (blocked), how long\n"
		"they took, and what the time of each vCPU went to. Without -b\n"
		"it fills the screen; the key h lists the keys.\n",
	.examples = "examples:\n"
		    "  ctop                           the screen: host, VM, vCPU, exit reason\n"
		    "  ctop -b -n 1                   what happened since the Caretakers were installed\n"
		    "  ctop -b -n 1 --gap             what they served while there was no kernel\n"
		    "  ctop -b --rehearsal            what would block in a gap\n"
		    "  ctop -b -d 5 -s rate -r 10     every 5 s the 10 highest rates\n"
		    "  ctop -b -n 1 -s p99 -r 5       the 5 slowest by the 99th percentile\n"
		    "  ctop -b -n 1 -j -e CPUID,IOIO  two exit reasons, as JSON\n"
		    "  ctop -b -n 1 --openmetrics >f  for a textfile collector; then rename f\n",
};

static int key_parse(void)
{
	unsigned int i;

	if (!opt_key) {
		options.key = opt_batch ? CTOP_KEY_VCPU : CTOP_KEY_RATE;
		return -1;
	}
	for (i = 0; i < CTOP_NR_KEYS; i++) {
		if (!strcmp(opt_key, "help"))
			printf("%s\n", ctop_key_names[i]);
		if (strcmp(opt_key, ctop_key_names[i]))
			continue;
		options.key = i;
		return -1;
	}
	if (!strcmp(opt_key, "help"))
		return TOOL_OK;
	tool_err("-s %s: no such key; -s help lists them", opt_key);
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
	return reason_set_parse(opt_reasons, options.reasons) ? -1 : TOOL_USAGE;
}

static int form_parse(void)
{
	if (opt_json + opt_csv + opt_openmetrics > 1) {
		tool_err("only one of --json, --csv and --openmetrics can be had");
		return TOOL_USAGE;
	}
	options.form = opt_json ? CTOP_JSON : opt_csv ? CTOP_CSV :
		       opt_openmetrics ? CTOP_OPENMETRICS : CTOP_TABLE;
	if (opt_batch)
		return -1;
	if (options.form != CTOP_TABLE || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO)) {
		tool_err("the full-screen mode is for a terminal and has no other form: use -b, for example ctop -b -n 1");
		return TOOL_USAGE;
	}
	return -1;
}

/* The rehearsals that were made are one look; the screen looks again. */
static int rehearsal_parse(void)
{
	if (!opt_rehearsal)
		return -1;
	if (options.gap || options.source.file || options.source.synthetic) {
		tool_err("--rehearsal is a source of its own: leave out --gap, -i and --synthetic");
		return TOOL_USAGE;
	}
	options.source.rehearsals = opt_rehearsal_dir;
	options.gap = true;
	if (opt_batch && !options.count)
		options.count = 1;
	return -1;
}

/* Return: -1 to go on, else the exit status */
static int options_take(int argc, char **argv)
{
	int r = opt_parse(argc, argv, opts, TOOL_NELEM(opts), &usage);

	if (r < 0)
		r = key_parse();
	if (r < 0)
		r = reasons_parse();
	if (r < 0 && !ctele_way_parse(opt_source, &options.source))
		r = TOOL_USAGE;
	if (r < 0)
		r = rehearsal_parse();
	if (r < 0)
		r = form_parse();
	return r;
}

static bool set_had_gap(const struct ctele_set *set)
{
	struct ctele_gap g;
	size_t i;

	for (i = 0; i < set->nr; i++)
		if (ctele_gap(&set->vcpus[i]->tele, &g))
			return true;
	tool_err("none of %zu vCPUs was handed over yet: --gap has something to show after a preserve",
		 set->nr);
	return false;
}

static enum tool_status look_show(const struct ctele_set *now, const struct ctele_set *before,
				  unsigned long look)
{
	struct ctop_rows rows;
	bool ok;

	if (options.gap && !opt_rehearsal && look == 1 && !set_had_gap(now))
		return TOOL_NODATA;
	if (!rows_make(&rows, now, before, &options))
		return TOOL_FAILED;
	ok = print_look(now, &rows, &options, look);
	rows_free(&rows);
	/* One write per look, also into a pipe */
	return ok && tool_flush() ? TOOL_OK : TOOL_FAILED;
}

/**
 * struct looks - one look after the other
 * @before:	the latest one that was shown
 * @look:	number of the next one, from 1
 * @worst:	data that could not be read makes the whole a failure
 */
struct looks {
	struct ctele_set before;
	unsigned long look;
	enum tool_status worst;
};

static enum tool_status looks_next(struct looks *l, struct ctele_reader *r)
{
	enum tool_status status;
	struct ctele_set now;

	status = ctele_load(r, &now);
	if (status == TOOL_OK && !r->end)
		status = look_show(&now, &l->before, l->look);
	if (status != TOOL_OK || r->end) {
		ctele_free(&now);
		return status;
	}
	if (l->worst == TOOL_OK)
		l->worst = now.status;
	ctele_free(&l->before);
	l->before = now;
	l->look++;
	return TOOL_OK;
}

/* A recording is shown as fast as it can be read. */
static enum tool_status looks_run(void)
{
	struct looks l = { .look = 1, .worst = TOOL_OK };
	enum tool_status status;
	struct ctele_reader r;
	struct pace pace;

	status = ctele_open(&r, &options.source);
	if (status != TOOL_OK)
		return status;
	pace_begin(&pace);
	do {
		status = looks_next(&l, &r);
	} while (status == TOOL_OK && !r.end && (long)l.look - 1 != options.count &&
		 !pace_stopped() && (r.finite || pace_wait(&pace, options.delay)));
	ctele_close(&r);
	if (status == TOOL_OK)
		status = l.worst == TOOL_OK ? r.damage : l.worst;
	status = ctele_lost_end(&l.before, options.strict, status);
	ctele_free(&l.before);
	return status;
}

int main(int argc, char **argv)
{
	int r;

	tool_name = "ctop";
	r = options_take(argc, argv);
	if (r < 0) {
		pace_signals();
		r = opt_batch ? looks_run() : screen_run(&options);
	}
	return tool_done(r);
}

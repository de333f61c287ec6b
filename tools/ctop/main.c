// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* ctop: command line and loop. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctop.h"

static struct ctop_options options = {
	.source = { .debugfs = CTELE_DEBUGFS, .pid = -1, .vcpu = -1 },
	.delay = 1,
};

static bool opt_batch;
static const char *opt_reasons;
static const char *opt_key;

static const struct opt opts[] = {
	{ 'b', "batch", NULL, OPT_FLAG, &opt_batch, 0, "print looks one below the other" },
	{ 'n', "count", "COUNT", OPT_NUMBER, &options.count, 1,
	  "looks, then stop; default: no end" },
	{ 'd', "delay", "SECS", OPT_SECONDS, &options.delay, 0, "time between looks, default 1" },
	{ 'j', "json", NULL, OPT_FLAG, &options.json, 0, "NDJSON: one object per line (with -b)" },
	{ 256, "gap", NULL, OPT_FLAG, &options.gap, 0, "only exits that were taken in gaps" },
	{ 'p', "pid", "PID", OPT_NUMBER, &options.source.pid, 0, "only VMs of this process" },
	{ 'g', "vm", "ID", OPT_STRING, &options.source.vm, 0,
	  "only the VM whose identity starts with these hex digits" },
	{ 'c', "vcpu", "VCPU", OPT_NUMBER, &options.source.vcpu, 0, "only this vCPU" },
	{ 'e', "reason", "LIST", OPT_STRING, &opt_reasons, 0,
	  "only these exit reasons: names or exit codes; help lists them" },
	{ 's', "sort", "KEY", OPT_STRING, &opt_key, 0, "order, default vcpu; help lists the keys" },
	{ 'r', "rows", "ROWS", OPT_NUMBER, &options.max_rows, 1, "show so many rows only" },
	{ 257, "debugfs", "DIR", OPT_STRING, &options.source.debugfs, 0,
	  "where debugfs is, or a copy of its kvm directory" },
	{ 'i', "input", "FILE", OPT_STRING, &options.source.file, 0,
	  "a saved caretaker_telemetry file instead" },
};

static const struct opt_usage usage = {
	.line = "ctop -b [-n COUNT] [-d SECS] [-j] [--gap] [OPTION]...",
	.what = "Shows the exits of all vCPUs that have a Caretaker, by exit reason and by who served\n"
		"them: the payload itself (native), an exit handler, KVM, or nobody (blocked).\n",
	.examples = "examples:\n"
		    "  ctop -b -n 1                   what happened since the Caretakers were installed\n"
		    "  ctop -b -n 1 --gap             what they served while there was no kernel\n"
		    "  ctop -b -d 5 -s rate -r 10     every 5 s the 10 highest rates\n"
		    "  ctop -b -n 1 -j -e CPUID,IOIO  two exit reasons, as JSON\n",
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	stopped = sig;
}

/* A second signal ends it at once. */
static void signals_set(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

static int key_parse(void)
{
	unsigned int i;

	if (!opt_key)
		return -1;
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

/* Return: -1 to go on, else the exit status */
static int options_take(int argc, char **argv)
{
	int r = opt_parse(argc, argv, opts, TOOL_NELEM(opts), &usage);

	if (r < 0)
		r = key_parse();
	if (r < 0)
		r = reasons_parse();
	if (r < 0 && !opt_batch) {
		tool_err("full-screen mode is not built in yet: use -b, for example ctop -b -n 1");
		r = TOOL_USAGE;
	}
	return r;
}

static void wait_delay(struct timespec *next)
{
	double whole;

	next->tv_nsec += modf(options.delay, &whole) * 1e9;
	next->tv_sec += (time_t)whole + next->tv_nsec / 1000000000;
	next->tv_nsec %= 1000000000;
	while (!stopped && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL) == EINTR)
		;
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

	if (options.gap && look == 1 && !set_had_gap(now))
		return TOOL_NODATA;
	if (!rows_make(&rows, now, before, &options))
		return TOOL_FAILED;
	ok = print_look(now, &rows, &options, look);
	rows_free(&rows);
	/* One write per look, also into a pipe */
	return ok && !fflush(stdout) ? TOOL_OK : TOOL_FAILED;
}

/* Return: the status of the whole; data that could not be read makes it a failure. */
static enum tool_status looks_run(void)
{
	enum tool_status status, worst = TOOL_OK;
	struct ctele_set now, before = { 0 };
	unsigned long look = 1;
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		status = ctele_load(&now, &options.source);
		if (status == TOOL_OK)
			status = look_show(&now, &before, look);
		if (status == TOOL_OK && worst == TOOL_OK)
			worst = now.status;
		ctele_free(&before);
		before = now;
		if (status != TOOL_OK || stopped || (long)look++ == options.count)
			break;
		wait_delay(&next);
		if (stopped)
			break;
	}
	ctele_free(&before);
	return status == TOOL_OK ? worst : status;
}

int main(int argc, char **argv)
{
	int r;

	tool_name = "ctop";
	r = options_take(argc, argv);
	if (r < 0) {
		signals_set();
		r = looks_run();
	}
	return tool_done(r);
}

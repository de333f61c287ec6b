// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * cvmm: options of run and resume.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cvmm.h"

#define MAX_HOST_CPUS	1024

static const char run_text[] =
	"usage: cvmm run --kernel BZIMAGE [OPTION]...\n"
	"\n"
	"Boots a guest and serves it until it powers off, or until SIGTERM, SIGINT or \"ctl quit\".\n"
	"\n"
	"  --kernel FILE     bzImage of a 64-bit Linux\n"
	"  --initrd FILE     initramfs\n"
	"  --mem SIZE        guest memory, 64M to 2G, default 256M\n"
	"  --vcpus N         vCPUs, 1 to 64, default 1\n"
	"  --cmdline TEXT    kernel command line; cvmm adds cvmm.tsc_khz= and cvmm.mailbox=\n"
	"  --payload FILE    payload ELF of the Caretaker\n"
	"  --handlers FILE   BPF object with exit handlers\n"
	"  --pcpu LIST       host CPUs for the gap, one for each vCPU (1,3 or 1-4), default the last ones\n"
	"  --isolate         isolated page tables while attached too\n"
	"  --no-caretaker    none: preserve stops the vCPU (the baseline)\n";

static const char resume_text[] =
	"usage: cvmm resume [OPTION]...\n"
	"\n"
	"Takes over, after the kexec, the VM that \"cvmm ctl preserve\" put under a session.\n"
	"The adoption ends its Caretaker; --payload installs a new one.\n"
	"\n"
	"  --payload FILE    payload ELF of the Caretaker\n"
	"  --handlers FILE   BPF object with exit handlers\n"
	"  --pcpu LIST       host CPUs for the gap, one for each vCPU (1,3 or 1-4), default the last ones\n"
	"  --isolate         isolated page tables while attached too\n";

static const char common_text[] =
	"  --session NAME    name of the live update session, default cvmm\n"
	"  --control SOCKET  socket for \"cvmm ctl\"\n"
	"  --console FILE    the guest's serial output is appended to FILE; - for this terminal\n"
	"  --report FILE     JSON report, after each request and at the end\n"
	"  --mailbox FILE    copy of the guest's mailbox, with the report\n"
	"  --doorbell PORT[/BYTES]\n"
	"                    a port whose writes of 1, 2 or 4 bytes (default 2) signal an eventfd; the\n"
	"                    report counts them. Up to 16. In a gap the doorbell handler takes them.\n"
	"  --host-cpu LIST   host CPUs for the threads of the vCPUs, in turn\n"
	"  --help            this text\n"
	"\n"
	"Exit status: 0 the guest powered off or was told to quit, 1 failure, 2 wrong usage.\n";

static int parse_size(const char *text, uint64_t *size)
{
	char *end;

	errno = 0;
	*size = strtoull(text, &end, 0);
	if (*end == 'M' || *end == 'm') {
		*size <<= 20;
		end++;
	} else if (*end == 'G' || *end == 'g') {
		*size <<= 30;
		end++;
	}
	if (errno || *end || end == text || *size < MEM_MIN || *size > MEM_MAX ||
	    *size % (2 << 20)) {
		err("--mem %s: give 64M to 2G, a multiple of 2M", text);
		return -EINVAL;
	}
	return 0;
}

static int parse_vcpus(const char *text, unsigned int *nr)
{
	unsigned long val;
	char *end;

	errno = 0;
	val = strtoul(text, &end, 10);
	if (errno || *end || end == text || !val || val > MAX_VCPUS) {
		err("--vcpus %s: give 1 to %d", text, MAX_VCPUS);
		return -EINVAL;
	}
	*nr = val;
	return 0;
}

static bool list_add(struct cpu_list *list, unsigned long first, unsigned long last)
{
	if (last < first || last >= MAX_HOST_CPUS)
		return false;
	for (; first <= last; first++) {
		if (list->nr == MAX_VCPUS)
			return false;
		list->cpu[list->nr++] = first;
	}
	return true;
}

/* "2", "1,3", "1-4,8" */
static int parse_cpus(const char *name, const char *text, struct cpu_list *list)
{
	const char *p = text;
	unsigned long first, last;
	char *end;

	list->nr = 0;
	do {
		if (*p < '0' || *p > '9')
			goto bad;
		first = strtoul(p, &end, 10);
		last = first;
		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			last = strtoul(end + 1, &end, 10);
		if (!list_add(list, first, last))
			goto bad;
		p = end + 1;
	} while (*end == ',');
	if (!*end)
		return 0;
bad:
	err("%s %s: give CPU numbers below %d, such as 1,3 or 1-4, %d at most", name, text,
	    MAX_HOST_CPUS, MAX_VCPUS);
	return -EINVAL;
}

/* "0x510", "0x510/4" */
static int parse_doorbell(const char *text, struct bells *b)
{
	unsigned long port, len = 2;
	char *end;

	errno = 0;
	port = strtoul(text, &end, 0);
	if (*end == '/' && end != text)
		len = strtoul(end + 1, &end, 10);
	if (errno || *end || end == text || port > 0xffff || (len != 1 && len != 2 && len != 4) ||
	    b->nr == CARETAKER_DOORBELLS) {
		err("--doorbell %s: give a port, then /1, /2 or /4 if need be, %d at most", text,
		    CARETAKER_DOORBELLS);
		return -EINVAL;
	}
	b->bell[b->nr].port = port;
	b->bell[b->nr++].len = len;
	return 0;
}

enum { O_KERNEL = 256, O_INITRD, O_MEM, O_VCPUS, O_CMDLINE, O_NO_CARETAKER, O_PAYLOAD,
	O_HANDLERS, O_PCPU, O_ISOLATE, O_SESSION, O_CONTROL, O_CONSOLE, O_REPORT, O_MAILBOX,
	O_HOST_CPU, O_DOORBELL, O_HELP };

/* The first ones are for "run" alone. */
#define NR_RUN_OPTIONS	6

static const struct option long_options[] = {
	{ "kernel", required_argument, NULL, O_KERNEL },
	{ "initrd", required_argument, NULL, O_INITRD },
	{ "mem", required_argument, NULL, O_MEM },
	{ "vcpus", required_argument, NULL, O_VCPUS },
	{ "cmdline", required_argument, NULL, O_CMDLINE },
	{ "no-caretaker", no_argument, NULL, O_NO_CARETAKER },
	{ "payload", required_argument, NULL, O_PAYLOAD },
	{ "handlers", required_argument, NULL, O_HANDLERS },
	{ "pcpu", required_argument, NULL, O_PCPU },
	{ "isolate", no_argument, NULL, O_ISOLATE },
	{ "session", required_argument, NULL, O_SESSION },
	{ "control", required_argument, NULL, O_CONTROL },
	{ "console", required_argument, NULL, O_CONSOLE },
	{ "report", required_argument, NULL, O_REPORT },
	{ "mailbox", required_argument, NULL, O_MAILBOX },
	{ "host-cpu", required_argument, NULL, O_HOST_CPU },
	{ "doorbell", required_argument, NULL, O_DOORBELL },
	{ "help", no_argument, NULL, O_HELP },
	{ NULL, 0, NULL, 0 }
};

/* Options that are just a text: where each one goes. */
static const char **option_text(struct options *o, int opt)
{
	switch (opt) {
	case O_KERNEL:
		return &o->kernel;
	case O_INITRD:
		return &o->initrd;
	case O_CMDLINE:
		return &o->cmdline;
	case O_PAYLOAD:
		return &o->payload;
	case O_HANDLERS:
		return &o->handlers;
	case O_SESSION:
		return &o->session;
	case O_CONTROL:
		return &o->control;
	case O_CONSOLE:
		return &o->console;
	case O_REPORT:
		return &o->report;
	case O_MAILBOX:
		return &o->mailbox;
	}
	return NULL;
}

static int option_apply(struct options *o, int opt, const char *arg)
{
	const char **text = option_text(o, opt);

	if (text) {
		*text = arg;
		return 0;
	}
	switch (opt) {
	case O_MEM:
		return parse_size(arg, &o->mem);
	case O_VCPUS:
		return parse_vcpus(arg, &o->nr_vcpus);
	case O_PCPU:
		return parse_cpus("--pcpu", arg, &o->pcpu);
	case O_HOST_CPU:
		return parse_cpus("--host-cpu", arg, &o->host_cpu);
	case O_DOORBELL:
		return parse_doorbell(arg, &o->bells);
	case O_ISOLATE:
		o->isolate = true;
		return 0;
	case O_NO_CARETAKER:
		o->no_caretaker = true;
		return 0;
	}
	return -EINVAL;
}

static int options_check(const struct options *o, bool run)
{
	if (!o->payload && (o->handlers || o->isolate || o->pcpu.nr) && !o->no_caretaker)
		err("--handlers, --pcpu and --isolate need --payload FILE");
	else if (!run)
		return 0;
	else if (!o->kernel)
		err("run: --kernel is missing");
	else if (o->pcpu.nr && o->pcpu.nr < o->nr_vcpus)
		err("run: --pcpu names %u host CPUs for %u vCPUs: name one each", o->pcpu.nr,
		    o->nr_vcpus);
	else if (!o->no_caretaker && !o->payload)
		err("run: give --payload FILE, or --no-caretaker");
	else if (o->no_caretaker && (o->payload || o->handlers || o->isolate || o->pcpu.nr))
		err("run: --no-caretaker goes without --payload, --handlers, --pcpu, --isolate");
	else
		return 0;
	return -EINVAL;
}

/**
 * options_parse() - read the command line of run or resume
 * @o: has the defaults; changed
 * @argc: words from the command on
 * @argv: the words
 * @run: it is that of run
 *
 * Return: 0, 1 when help was printed, negative on wrong usage.
 */
int options_parse(struct options *o, int argc, char **argv, bool run)
{
	const struct option *known = long_options + (run ? 0 : NR_RUN_OPTIONS);
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		if (opt == O_HELP || opt == 'h') {
			printf("%s%s", run ? run_text : resume_text, common_text);
			return 1;
		}
		ret = option_apply(o, opt, optarg);
		if (ret)
			return ret;
	}
	if (optind != argc) {
		err("%s: unknown argument", argv[optind]);
		return -EINVAL;
	}
	if (!*o->session || strlen(o->session) > 63) {
		err("--session %s: give a name of 1 to 63 bytes", o->session);
		return -EINVAL;
	}
	return options_check(o, run);
}

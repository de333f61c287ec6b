// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * cvmm: command line.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <x86intrin.h>

#include "cvmm.h"

#define DEFAULT_MEM	(256ULL << 20)
#define DEFAULT_CMDLINE	"console=ttyS0 quiet loglevel=1 nokaslr nowatchdog pci=off panic=-1 reboot=k"

static const char usage_text[] =
	"usage: cvmm run --kernel BZIMAGE [OPTION]...\n"
	"       cvmm resume [OPTION]...\n"
	"       cvmm ctl SOCKET preserve|cancel|status|quit|update P H|mailbox N\n"
	"       cvmm COMMAND --help\n"
	"\n"
	"A small VMM for one Linux guest with one vCPU. The guest can keep running while the host's\n"
	"kernel is replaced by kexec: install a Caretaker, preserve, kexec, resume.\n";

static const char run_text[] =
	"usage: cvmm run --kernel BZIMAGE [OPTION]...\n"
	"\n"
	"Boots a guest and serves it until it powers off, or until SIGTERM, SIGINT or \"ctl quit\".\n"
	"\n"
	"  --kernel FILE     bzImage of a 64-bit Linux\n"
	"  --initrd FILE     initramfs\n"
	"  --mem SIZE        guest memory, 64M to 2G, default 256M\n"
	"  --cmdline TEXT    kernel command line; cvmm adds cvmm.tsc_khz= and cvmm.mailbox=\n"
	"  --payload FILE    payload ELF of the Caretaker\n"
	"  --handlers FILE   BPF object with exit handlers\n"
	"  --pcpu N          host CPU for the gap, default the last one\n"
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
	"  --pcpu N          host CPU for the gap, default the last one\n"
	"  --isolate         isolated page tables while attached too\n";

static const char common_text[] =
	"  --session NAME    name of the live update session, default cvmm\n"
	"  --control SOCKET  socket for \"cvmm ctl\"\n"
	"  --console FILE    the guest's serial output is appended to FILE; - for this terminal\n"
	"  --report FILE     JSON report, after each request and at the end\n"
	"  --mailbox FILE    copy of the guest's mailbox, with the report\n"
	"  --host-cpu N      host CPU for the vCPU's thread\n"
	"  --help            this text\n"
	"\n"
	"Exit status: 0 the guest powered off or was told to quit, 1 failure, 2 wrong usage.\n";

static const char ctl_text[] =
	"usage: cvmm ctl SOCKET REQUEST\n"
	"\n"
	"  preserve     put the VM under a live update session: with a Caretaker the guest runs on\n"
	"  cancel       undo it in the same kernel\n"
	"  status       report as JSON\n"
	"  update P H   replace payload and handlers; P - keeps the payload, H - takes handlers away\n"
	"  mailbox N    command for the workload in the guest; 1 ends it\n"
	"  quit         end cvmm and the guest\n"
	"\n"
	"Exit status: 0 done, 1 refused (the reason is on standard error), 2 wrong usage.\n";

static void vmessage(const char *fmt, va_list ap)
{
	char line[4096];

	vsnprintf(line, sizeof(line), fmt, ap);
	fprintf(stderr, "cvmm: %s\n", line);
}

/**
 * err() - message about a failure: object, action, reason
 * @fmt: format
 */
void err(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vmessage(fmt, ap);
	va_end(ap);
}

/**
 * note() - message about something that does not stop cvmm
 * @fmt: format
 */
void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vmessage(fmt, ap);
	va_end(ap);
}

/**
 * rdtsc() - host TSC
 *
 * Return: its value.
 */
uint64_t rdtsc(void)
{
	return __rdtsc();
}

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

static int parse_cpu(const char *name, const char *text, int64_t *cpu)
{
	char *end;

	errno = 0;
	*cpu = strtol(text, &end, 10);
	if (errno || *end || end == text || *cpu < 0 || *cpu >= 1024) {
		err("%s %s: give a CPU number", name, text);
		return -EINVAL;
	}
	return 0;
}

enum { O_KERNEL = 256, O_INITRD, O_MEM, O_CMDLINE, O_NO_CARETAKER, O_PAYLOAD, O_HANDLERS, O_PCPU,
	O_ISOLATE, O_SESSION, O_CONTROL, O_CONSOLE, O_REPORT, O_MAILBOX, O_HOST_CPU, O_HELP };

/* The first ones are for "run" alone. */
#define NR_RUN_OPTIONS	5

static const struct option long_options[] = {
	{ "kernel", required_argument, NULL, O_KERNEL },
	{ "initrd", required_argument, NULL, O_INITRD },
	{ "mem", required_argument, NULL, O_MEM },
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
	case O_PCPU:
		return parse_cpu("--pcpu", arg, &o->pcpu);
	case O_HOST_CPU:
		return parse_cpu("--host-cpu", arg, &o->host_cpu);
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
	if (!o->payload && (o->handlers || o->isolate || o->pcpu >= 0) && !o->no_caretaker)
		err("--handlers, --pcpu and --isolate need --payload FILE");
	else if (!run)
		return 0;
	else if (!o->kernel)
		err("run: --kernel is missing");
	else if (!o->no_caretaker && !o->payload)
		err("run: give --payload FILE, or --no-caretaker");
	else if (o->no_caretaker && (o->payload || o->handlers || o->isolate || o->pcpu >= 0))
		err("run: --no-caretaker goes without --payload, --handlers, --pcpu, --isolate");
	else
		return 0;
	return -EINVAL;
}

/* Returns 0, 1 when help was printed, negative on wrong usage. */
static int options_parse(struct options *o, int argc, char **argv, bool run)
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

static int console_open(const char *path)
{
	int fd;

	if (!path)
		path = "/dev/null";
	if (!strcmp(path, "-"))
		return STDOUT_FILENO;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		err("--console %s: open: %s", path, strerror(errno));
	return fd;
}

/* The user's command line and what the workload needs to know. */
static int guest_cmdline(struct vm *vm, char *buf, size_t size)
{
	int khz = ioctl(vm->vcpu.fd, KVM_GET_TSC_KHZ, 0);
	int n = snprintf(buf, size, "%s cvmm.tsc_khz=%d cvmm.mailbox=%#llx",
			 vm->opt->cmdline ? vm->opt->cmdline : DEFAULT_CMDLINE, khz,
			 (unsigned long long)(vm->ram_size - MAILBOX_BYTES));

	if (n < 0 || (size_t)n >= size) {
		err("--cmdline: longer than %zu bytes", size);
		return -E2BIG;
	}
	return 0;
}

static int start_run(struct vm *vm)
{
	char cmdline[CMDLINE_MAX], why[2048];
	int ret = vm_ram_create(vm, vm->opt->mem);

	vm->may_stop = vm->opt->no_caretaker;
	if (!ret)
		ret = state_create(vm);
	if (!ret)
		ret = vm_create(vm);
	if (!ret)
		ret = vm_setup(vm);
	if (!ret)
		ret = vcpu_create(vm);
	if (!ret)
		ret = guest_cmdline(vm, cmdline, sizeof(cmdline));
	if (!ret)
		ret = boot_load(vm, vm->opt->kernel, vm->opt->initrd, cmdline);
	if (!ret)
		ret = vcpu_boot(vm);
	if (ret)
		return ret;
	ret = vm_install(vm, why, sizeof(why));
	if (ret)
		err("%s", why);
	return ret;
}

static int do_vm(struct options *opt, bool run)
{
	struct vm vm = {
		.opt = opt,
		.kvm_fd = -1, .fd = -1, .ram_fd = -1, .state_fd = -1,
		.vcpu = { .fd = -1, .end_fd = -1, .vm = &vm },
	};
	int status = EXIT_RUNTIME;
	int console = console_open(opt->console);

	if (console < 0)
		return EXIT_RUNTIME;
	serial_init(&vm.serial, -1, console);
	if (vm_open(&vm))
		goto out;
	if (run ? start_run(&vm) : handover_resume(&vm))
		goto out;
	vm.serial.vm_fd = vm.fd;
	status = control_loop(&vm);
	if (report_files(&vm))
		status = EXIT_RUNTIME;
out:
	vm_close(&vm);
	return status;
}

static int main_vm(int argc, char **argv, bool run)
{
	struct options o = {
		.session = "cvmm",
		.mem = DEFAULT_MEM,
		.pcpu = -1,
		.host_cpu = -1,
	};
	int ret = options_parse(&o, argc, argv, run);

	if (ret < 0)
		fprintf(stderr, "Try: cvmm %s --help\n", run ? "run" : "resume");
	if (ret)
		return ret < 0 ? EXIT_USAGE : 0;
	return do_vm(&o, run);
}

static int main_ctl(int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(ctl_text, stdout);
		return 0;
	}
	if (argc < 3) {
		fputs(ctl_text, stderr);
		return EXIT_USAGE;
	}
	return control_client(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	const char *cmd = argc > 1 ? argv[1] : "";

	setlinebuf(stderr);
	if (!strcmp(cmd, "run"))
		return main_vm(argc - 1, argv + 1, true);
	if (!strcmp(cmd, "resume"))
		return main_vm(argc - 1, argv + 1, false);
	if (!strcmp(cmd, "ctl"))
		return main_ctl(argc - 1, argv + 1);
	if (!strcmp(cmd, "--help") || !strcmp(cmd, "-h")) {
		fputs(usage_text, stdout);
		return 0;
	}
	fputs(usage_text, stderr);
	return EXIT_USAGE;
}

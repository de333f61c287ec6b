// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * cvmm: command line.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <x86intrin.h>

#include "cvmm.h"

#define DEFAULT_MEM	(256ULL << 20)
#define DEFAULT_CMDLINE	"console=ttyS0 quiet loglevel=1 nokaslr nowatchdog pci=off panic=-1 reboot=k"

static const char usage_text[] =
	"usage: cvmm run --kernel BZIMAGE [OPTION]...\n"
	"       cvmm resume [OPTION]...\n"
	"       cvmm ctl SOCKET REQUEST\n"
	"       cvmm COMMAND --help\n"
	"\n"
	"A small VMM for one Linux guest. The guest can keep running while the host's kernel\n"
	"is replaced by kexec: install a Caretaker, preserve, kexec, resume.\n";

static const char ctl_text[] =
	"usage: cvmm ctl SOCKET REQUEST\n"
	"\n"
	"  preserve     put the VM under a live update session: with a Caretaker the guest runs on\n"
	"  cancel       undo it in the same kernel\n"
	"  status       report as JSON\n"
	"  update P H   replace payload and handlers; P - keeps the payload, H - takes handlers away\n"
	"  rehearse SECONDS [json]\n"
	"               let the guest run detached in this kernel for so long; list every exit that\n"
	"               would block in a gap\n"
	"  state FILE [raw]\n"
	"               write what the handlers' variables hold to FILE, with their types:\n"
	"               caretaker-verify -s reads it; raw: the bytes alone\n"
	"  mailbox N    command for the workload in the guest; 1 ends it\n"
	"  quit         end cvmm and the guest\n"
	"\n"
	"Exit status: 0 done, 1 refused (the reason is on standard error), 2 wrong usage, 6 the\n"
	"rehearsal found something that would block, or was ended early.\n";

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
	int n = snprintf(buf, size, "%s cvmm.tsc_khz=%u cvmm.mailbox=%#llx",
			 vm->opt->cmdline ? vm->opt->cmdline : DEFAULT_CMDLINE,
			 vm->vcpu[0].tsc_khz,
			 (unsigned long long)(vm->ram_size - MAILBOX_BYTES));

	if (n < 0 || (size_t)n >= size) {
		err("--cmdline: longer than %zu bytes", size);
		return -E2BIG;
	}
	return 0;
}

static void vcpus_init(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < MAX_VCPUS; i++) {
		struct vcpu *v = &vm->vcpu[i];

		v->vm = vm;
		v->id = i;
		v->fd = -1;
		pthread_mutex_init(&v->lock, NULL);
		pthread_cond_init(&v->cond, NULL);
	}
}

static int vcpus_create(struct vm *vm)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < vm->nr_vcpus; i++)
		ret = vcpu_create(&vm->vcpu[i]);
	return ret;
}

static int vcpus_boot(struct vm *vm)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < vm->nr_vcpus; i++)
		ret = vcpu_boot(&vm->vcpu[i]);
	return ret;
}

static int start_run(struct vm *vm)
{
	char cmdline[CMDLINE_MAX], why[2048];
	int ret = vm_ram_create(vm, vm->opt->mem);

	vm->nr_vcpus = vm->opt->nr_vcpus;
	vm->may_stop = vm->opt->no_caretaker;
	if (!ret)
		ret = state_create(vm);
	if (!ret)
		ret = vm_create(vm);
	if (!ret)
		ret = vm_setup(vm);
	if (!ret)
		ret = vm_bells(vm);
	if (!ret)
		ret = vcpus_create(vm);
	if (!ret)
		ret = guest_cmdline(vm, cmdline, sizeof(cmdline));
	if (!ret)
		ret = boot_load(vm, vm->opt->kernel, vm->opt->initrd, cmdline);
	if (!ret)
		ret = vcpus_boot(vm);
	if (ret)
		return ret;
	ret = vm_install(vm, why, sizeof(why));
	if (ret)
		err("%s", why);
	return ret;
}

static int do_vm(struct options *opt, bool run)
{
	static struct vm vm = {
		.kvm_fd = -1, .fd = -1, .ram_fd = -1, .state_fd = -1, .signal_fd = -1,
		.adopt_lock = PTHREAD_MUTEX_INITIALIZER,
	};
	int status = EXIT_RUNTIME;
	int console = console_open(opt->console);

	if (console < 0)
		return EXIT_RUNTIME;
	vm.opt = opt;
	vm.end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vcpus_init(&vm);
	serial_init(&vm.serial, -1, console);
	if (vm.end_fd < 0 || vm_open(&vm))
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
		.nr_vcpus = 1,
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

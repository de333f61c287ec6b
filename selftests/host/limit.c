// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a program with less than root has, for tests of what tools say then:
 *
 *   limit [-b] [-c CAPABILITY]... PROGRAM [ARGUMENT]...
 *
 *   -b   bpf() gives ENOSYS, as on a kernel without CONFIG_BPF_SYSCALL
 *   -c   as nobody, with this capability (its number) and no other; -c none: with none at all
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY	65534

static int failed(const char *what)
{
	fprintf(stderr, "limit: %s: %s\n", what, strerror(errno));
	return 1;
}

/*
 * Takes each bpf() away from the program, as a debugger: a test host's kernel has no seccomp. Ends
 * with its status.
 */
static int without_bpf(pid_t child)
{
	struct user_regs_struct regs;
	int status, sig = 0;

	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL))
		return failed("ptrace");
	while (!ptrace(PTRACE_SYSCALL, child, 0, sig) && waitpid(child, &status, 0) == child) {
		if (WIFEXITED(status))
			return WEXITSTATUS(status);
		if (!WIFSTOPPED(status))
			return 128;
		sig = WSTOPSIG(status);
		if (sig != (SIGTRAP | 0x80)) {
			/* That of execve() is not the program's */
			sig = sig == SIGTRAP ? 0 : sig;
			continue;
		}
		sig = 0;
		if (ptrace(PTRACE_GETREGS, child, 0, &regs) || regs.orig_rax != SYS_bpf)
			continue;
		/* At its begin, where RAX is ENOSYS already; there is no such call then */
		regs.orig_rax = -1;
		if (ptrace(PTRACE_SETREGS, child, 0, &regs))
			break;
	}
	return failed("ptrace");
}

static int bpf_off(void)
{
	pid_t child = fork();

	if (child < 0)
		return failed("fork");
	if (child)
		_exit(without_bpf(child));
	if (ptrace(PTRACE_TRACEME, 0, 0, 0))
		return failed("ptrace");
	raise(SIGSTOP);
	return 0;
}

/* The ambient set is what a program without file capabilities keeps over exec. */
static int nobody_with(unsigned long long caps)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	unsigned int i;

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setgroups(0, NULL) ||
	    setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		return failed("nobody");
	for (i = 0; i < 2; i++) {
		data[i].effective = caps >> (32 * i);
		data[i].permitted = data[i].effective;
		data[i].inheritable = data[i].effective;
	}
	if (syscall(SYS_capset, &head, data))
		return failed("capset");
	for (i = 0; i < 64; i++)
		if (caps >> i & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0))
			return failed("ambient capability");
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long long caps = 0;
	int nobody = 0, no_bpf = 0, c;

	while ((c = getopt(argc, argv, "+bc:")) != -1) {
		if (c == 'b') {
			no_bpf = 1;
		} else if (c == 'c') {
			nobody = 1;
			if (strcmp(optarg, "none"))
				caps |= 1ULL << strtoul(optarg, NULL, 10);
		} else {
			return 1;
		}
	}
	if (optind == argc || (nobody && nobody_with(caps)) || (no_bpf && bpf_off()))
		return 1;
	execvp(argv[optind], argv + optind);
	return failed(argv[optind]);
}

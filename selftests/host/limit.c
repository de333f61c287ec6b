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
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY	65534

static int failed(const char *what)
{
	fprintf(stderr, "limit: %s: %s\n", what, strerror(errno));
	return 1;
}

static int bpf_off(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		return failed("seccomp");
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

// SPDX-License-Identifier: GPL-2.0
/*
 * Loads a kernel with kexec_file_load(), or starts the one that is loaded. Linked static, so that
 * the smallest initramfs can hold it.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int usage(FILE *to, int status)
{
	fprintf(to,
		"usage: kexec-load [-e] KERNEL INITRD [CMDLINE]\n"
		"       kexec-load -x\n"
		"\n"
		"Loads KERNEL for the next kexec (kexec_file_load). Without CMDLINE the running\n"
		"kernel's own command line is used.\n"
		"\n"
		"  -e   start it at once\n"
		"  -x   start what was loaded before\n"
		"  -h   this text\n");
	return status;
}

static int file_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fprintf(stderr, "kexec-load: %s: open: %s\n", path, strerror(errno));
	return fd;
}

/* Returns the length without a newline, or -1 */
static int cmdline_own(char *buf, size_t size)
{
	int fd = file_open("/proc/cmdline");
	ssize_t len;

	if (fd < 0)
		return -1;
	len = read(fd, buf, size - 1);
	close(fd);
	if (len < 0) {
		fprintf(stderr, "kexec-load: /proc/cmdline: read: %s\n", strerror(errno));
		return -1;
	}
	while (len > 0 && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return len;
}

static int kernel_load(const char *kernel, const char *initrd, const char *cmdline)
{
	int kfd, ifd, ret = -1;

	kfd = file_open(kernel);
	if (kfd < 0)
		return -1;
	ifd = file_open(initrd);
	if (ifd < 0)
		goto err_close_kernel;
	ret = syscall(SYS_kexec_file_load, kfd, ifd, strlen(cmdline) + 1, cmdline, 0UL);
	if (ret)
		fprintf(stderr, "kexec-load: %s: kexec_file_load: %s\n", kernel, strerror(errno));
	close(ifd);
err_close_kernel:
	close(kfd);
	return ret;
}

/* Does not come back when it works */
static int kernel_start(void)
{
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	fprintf(stderr, "kexec-load: reboot(KEXEC): %s%s\n", strerror(errno),
		errno == EINVAL ? " (no kernel is loaded: give KERNEL and INITRD first)" : "");
	return 1;
}

int main(int argc, char **argv)
{
	bool start = false;
	char own[4096];
	int opt;

	while ((opt = getopt(argc, argv, "exh")) != -1) {
		switch (opt) {
		case 'e':
			start = true;
			break;
		case 'x':
			return kernel_start();
		case 'h':
			return usage(stdout, 0);
		default:
			return usage(stderr, 2);
		}
	}
	argc -= optind;
	argv += optind;
	if (argc < 2 || argc > 3)
		return usage(stderr, 2);
	if (argc == 2 && cmdline_own(own, sizeof(own)) < 0)
		return 1;
	if (kernel_load(argv[0], argv[1], argc == 3 ? argv[2] : own))
		return 1;
	return start ? kernel_start() : 0;
}

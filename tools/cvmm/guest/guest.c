// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * What the guest's programs share: start of an initramfs, mailbox, kernel log.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>
#include <x86intrin.h>

#include "guest.h"

static char cmdline[4096];
static int kmsg = -1;
static uint64_t tsc_khz;
static uint64_t kmsg_tsc, kmsg_us;	/* one moment, as the TSC and as time of the kernel log */

/* What a guest's kernel says when it notices that time or an interrupt went missing. */
static const char *const bad_words[] = {
	"clocksource", "unstable", "lockup", "rcu", "stall", "hung task", "blocked for more",
	"lost", "missed", "spurious", "no longer", "BUG", "WARNING", "Oops", "NMI", "timed out",
	"throttling activated", "hrtimer: interrupt took", "skew",
};

/**
 * guest_die() - say what failed and switch the guest off
 * @what: it
 */
void guest_die(const char *what)
{
	printf("workload: %s failed: the guest stops\n", what);
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

/**
 * cmdline_number() - a number from the kernel command line
 * @name: with the "="
 * @none: value when it is not there
 *
 * Return: the number.
 */
uint64_t cmdline_number(const char *name, uint64_t none)
{
	const char *p = strstr(cmdline, name);

	return p ? strtoull(p + strlen(name), NULL, 0) : none;
}

/**
 * guest_start() - mount /proc if need be and read the kernel command line
 *
 * Return: TSC frequency in kHz, from cvmm.
 */
uint64_t guest_start(void)
{
	int fd;

	mkdir("/dev", 0755);
	mkdir("/proc", 0755);
	if (access("/proc/cmdline", R_OK))
		mount("proc", "/proc", "proc", 0, NULL);
	fd = open("/proc/cmdline", O_RDONLY);
	if (fd < 0 || read(fd, cmdline, sizeof(cmdline) - 1) <= 0)
		guest_die("reading /proc/cmdline");
	close(fd);
	tsc_khz = cmdline_number("cvmm.tsc_khz=", 0);
	if (!tsc_khz)
		guest_die("cvmm.tsc_khz= is not on the kernel command line: start");
	return tsc_khz;
}

/**
 * mailbox_map() - map the mailbox
 *
 * Return: its address; the guest stops when that cannot be.
 */
struct mailbox *mailbox_map(void)
{
	uint64_t addr = cmdline_number("cvmm.mailbox=", 0);
	struct mailbox *b;
	int fd;

	mknod("/dev/mem", S_IFCHR | 0600, 1 << 8 | 1);
	fd = open("/dev/mem", O_RDWR);
	if (fd < 0 || !addr)
		guest_die("opening the mailbox (cvmm.mailbox= on the kernel command line, /dev/mem)");
	b = mmap(NULL, MAILBOX_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, addr);
	close(fd);
	if (b == MAP_FAILED)
		guest_die("mapping the mailbox");
	return b;
}

/**
 * cpu_pin() - keep the calling thread on one CPU
 * @cpu: its number
 */
void cpu_pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		guest_die("sched_setaffinity");
}

static uint64_t record_us(const char *rec)
{
	uint64_t us;

	return sscanf(rec, "%*u,%*u,%lu", &us) == 1 ? us : 0;
}

/* Records of other CPUs may be a little older than the one that the clock was taken from. */
static uint64_t record_tsc(const char *rec)
{
	int64_t us = record_us(rec) - kmsg_us;

	return kmsg_tsc + us * (int64_t)tsc_khz / 1000;
}

/* By a record of our own, of a level that does not go to the console */
static void kmsg_clock_start(void)
{
	static const char mark[] = "<7>workload: watched\n";
	int fd = open("/dev/kmsg", O_RDWR | O_CLOEXEC);
	char rec[8192];
	ssize_t n;

	if (fd < 0 || lseek(fd, 0, SEEK_END) < 0 || write(fd, mark, sizeof(mark) - 1) < 0)
		guest_die("writing to /dev/kmsg");
	kmsg_tsc = __rdtsc();
	n = read(fd, rec, sizeof(rec) - 1);
	if (n <= 0)
		guest_die("reading /dev/kmsg");
	rec[n] = 0;
	kmsg_us = record_us(rec);
	close(fd);
}

/**
 * kmsg_start() - from here on the kernel log is watched
 */
void kmsg_start(void)
{
	mknod("/dev/kmsg", S_IFCHR | 0600, 1 << 8 | 11);
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0 || lseek(kmsg, 0, SEEK_END) < 0)
		guest_die("opening /dev/kmsg");
	kmsg_clock_start();
}

static bool kmsg_is_bad(const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(bad_words) / sizeof(bad_words[0]); i++) {
		if (strcasestr(text, bad_words[i]))
			return true;
	}
	return false;
}

/**
 * kmsg_results() - print what the kernel logged since kmsg_start(), and count what is bad
 * @b: mailbox
 *
 * What is bad comes with the TSC at which it was logged, as good as the log's clock is.
 * Messages that were overwritten before they could be read count as bad.
 */
void kmsg_results(struct mailbox *b)
{
	char rec[8192], *text;
	uint64_t bad = 0;
	ssize_t n;

	while ((n = read(kmsg, rec, sizeof(rec) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		if (n < 0) {
			bad++;
			continue;
		}
		rec[n] = 0;
		rec[strcspn(rec, "\n")] = 0;
		text = strchr(rec, ';');
		text = text ? text + 1 : rec;
		if (!kmsg_is_bad(text)) {
			printf("DMESG %s\n", text);
			continue;
		}
		bad++;
		printf("DMESG BAD tsc=%lu %s\n", record_tsc(rec), text);
	}
	b->dmesg_bad = bad;
	printf("RESULT dmesg_bad=%lu\n", bad);
}

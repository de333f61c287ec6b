// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Phases of the running kernel's boot, from its log. perf tells how the log's clock, which is
 * sched_clock(), is made of the TSC. Where one of them is not to be had no phase is known: that is
 * no failure of what is looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/perf_event.h>

#include "boot.h"

/* A record of /dev/kmsg is not longer. */
#define BOOT_RECORD	8192
#define BOOT_PAGE	4096

const char *const boot_names[BOOT_NR_PHASES] = {
	[BOOT_CLOCK]	= "clock",
	[BOOT_CPUS]	= "cpus",
	[BOOT_INIT]	= "init",
};

const char *const boot_texts[BOOT_NR_PHASES] = {
	[BOOT_CLOCK]	= "the next kernel's clock starts",
	[BOOT_CPUS]	= "its other CPUs are up",
	[BOOT_INIT]	= "it starts init",
};

/* How the messages begin that say so */
static const char *const boot_marks[BOOT_NR_PHASES] = {
	[BOOT_CLOCK]	= "Linux version ",
	[BOOT_CPUS]	= "smp: Brought up ",
	[BOOT_INIT]	= "Run ",
};

/**
 * boot_tsc() - TSC at a time of the kernel's log
 * @scale:	how the two hang together
 * @ns:		the time
 *
 * Return: 0 when it cannot be.
 */
uint64_t boot_tsc(const struct boot_scale *scale, uint64_t ns)
{
	uint64_t since = ns - scale->zero;
	__uint128_t cycles;

	if (!scale->mult || scale->shift > 32)
		return 0;
	cycles = ((__uint128_t)since << scale->shift) / scale->mult;
	return cycles >> 64 ? 0 : cycles;
}

/**
 * boot_line() - take what a record of /dev/kmsg says
 * @boot:	where it goes; the first message of a kind counts
 * @scale:	from its clock to the TSC
 * @line:	"6,339,5140900,-;text"
 */
void boot_line(struct boot *boot, const struct boot_scale *scale, const char *line)
{
	const char *text = strchr(line, ';');
	unsigned long long us;
	unsigned int i;

	if (!text || sscanf(line, "%*u,%*u,%llu", &us) != 1 || us > UINT64_MAX / 1000)
		return;
	text++;
	for (i = 0; i < BOOT_NR_PHASES; i++)
		if (!boot->tsc[i] && !strncmp(text, boot_marks[i], strlen(boot_marks[i])) &&
		    (i != BOOT_INIT || strstr(text, " as init process")))
			boot->tsc[i] = boot_tsc(scale, us * 1000);
}

/* Any event has the page; this one counts nothing. */
static bool scale_read(struct boot_scale *scale)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .config = PERF_COUNT_SW_DUMMY,
		.exclude_kernel = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	const volatile struct perf_event_mmap_page *page;
	bool known;

	if (fd < 0)
		return false;
	page = mmap(NULL, BOOT_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (page == MAP_FAILED)
		return false;
	known = page->cap_user_time_zero;
	*scale = (struct boot_scale){ page->time_zero, page->time_mult, page->time_shift };
	munmap((void *)page, BOOT_PAGE);
	return known;
}

/* Records that were overwritten meanwhile give EPIPE, once: the next one is there. */
static bool record_read(int fd, char *line)
{
	ssize_t n;

	do {
		n = read(fd, line, BOOT_RECORD);
	} while (n < 0 && (errno == EPIPE || errno == EINTR));
	line[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/**
 * boot_read() - phases of the running kernel's boot
 * @boot:	out; zeros where the log has them no more
 */
void boot_read(struct boot *boot)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char *line = malloc(BOOT_RECORD + 1);
	struct boot_scale scale;

	memset(boot, 0, sizeof(*boot));
	if (fd >= 0 && line && scale_read(&scale))
		while (record_read(fd, line))
			boot_line(boot, &scale, line);
	free(line);
	if (fd >= 0)
		close(fd);
}

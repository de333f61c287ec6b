// SPDX-License-Identifier: GPL-2.0
/*
 * After other tests in the same boot, with kmemleak=on: no memory was left behind, by what was
 * refused above all. kmemleak takes an object for lost when two scans find no pointer to it, and
 * it is older than some seconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "kvm_guest.h"

#define KMEMLEAK	"/sys/kernel/debug/kmemleak"
#define AGE_MS		6000	/* more than kmemleak's 5 s, and than RCU takes to free */
#define LINES_SHOWN	80

static char report[256 * 1024];

static int command(const char *what)
{
	int fd = open(KMEMLEAK, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, what, strlen(what)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int report_read(void)
{
	int fd = open(KMEMLEAK, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (used < sizeof(report) - 1 &&
	       (n = read(fd, report + used, sizeof(report) - 1 - used)) > 0)
		used += (size_t)n;
	report[used] = 0;
	close(fd);
	return n < 0 ? -errno : 0;
}

static unsigned int count(const char *text)
{
	const char *at = report;
	unsigned int n = 0;

	while ((at = strstr(at, text))) {
		at += strlen(text);
		n++;
	}
	return n;
}

static void report_show(void)
{
	char *line, *save, *copy = strdup(report);
	unsigned int n = 0;

	for (line = copy ? strtok_r(copy, "\n", &save) : NULL; line && n < LINES_SHOWN;
	     line = strtok_r(NULL, "\n", &save), n++)
		ktap_diag("%.160s", line);
	free(copy);
}

static enum ktap_result scanned(void)
{
	unsigned int i;
	int err;

	/* What was freed by RCU while the first scan went on, and then what is old enough */
	for (i = 0; i < 2; i++) {
		sleep_ms(AGE_MS);
		err = command("scan");
		CHECK(!err, "no scan: %s", strerror(-err));
	}
	err = report_read();
	CHECK(!err, "no report: %s", strerror(-err));
	return KTAP_PASS;
}

static enum ktap_result nothing_of_ours(void)
{
	unsigned int n = count("caretaker") + count("ctv_");

	CHECK(!n, "the Caretaker is named %u times", n);
	return KTAP_PASS;
}

static enum ktap_result nothing_at_all(void)
{
	unsigned int n = count("unreferenced object");

	if (n)
		report_show();
	CHECK(!n, "%u objects", n);
	return KTAP_PASS;
}

static const char *kmemleak_missing(void)
{
	int err = command("scan");

	if (err == -ENOENT)
		return "this kernel has no kmemleak";
	return err == -EPERM ? "kmemleak is off: boot with kmemleak=on" : NULL;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "memory is scanned, twice", scanned, true },
		{ "no object that was left behind is the Caretaker's", nothing_of_ours },
		{ "none is anybody's", nothing_at_all },
	};
	const char *missing = kmemleak_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 200);
}

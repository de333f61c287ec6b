// SPDX-License-Identifier: GPL-2.0
/* Complaints in the kernel log. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>

#include "klog.h"
#include "ktap.h"

#define KLOG_READ_ALL	3
#define KLOG_SIZE	10
#define LINES_SHOWN	40	/* of each complaint */
#define COMPLAINTS_SHOWN 3

/* What a kernel says when something is wrong with it */
static const char * const klog_bad[] = {
	"WARNING:", "BUG:", "KASAN", "UBSAN", "Oops", "Kernel panic", "general protection fault",
	"INFO: rcu", "rcu_preempt detected", "detected stalls", "rcu: INFO", "soft lockup",
	"hard LOCKUP", "blocked for more than", "possible recursive locking",
	"possible circular locking", "inconsistent lock state", "suspicious RCU usage",
	"sleeping function called", "scheduling while atomic", "lock held when returning",
	"held lock freed", "Invalid wait context", "double fault", "unable to handle",
	"list_add corruption", "list_del corruption", "refcount_t:", "Bad page state",
	"Unknown NMI", "DEBUG_LOCKS_WARN_ON", "new suspected memory leaks",
};

static bool is_complaint(const char *line)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(klog_bad); i++)
		if (strstr(line, klog_bad[i]))
			return true;
	return false;
}

int klog_scan(char *log)
{
	char *line, *save = NULL;
	int bad = 0, show = 0;

	for (line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (show <= LINES_SHOWN / 2 && is_complaint(line)) {
			bad++;
			show = bad <= COMPLAINTS_SHOWN ? LINES_SHOWN : 0;
		}
		if (show) {
			show--;
			ktap_diag("%.200s", line);
		}
	}
	return bad;
}

/* All of the log, to be freed; NULL with errno set */
static char *klog_read(void)
{
	int size = klogctl(KLOG_SIZE, NULL, 0), n = -1;
	char *log = size < 0 ? NULL : malloc(size + 1);

	if (log)
		n = klogctl(KLOG_READ_ALL, log, size);
	if (n < 0) {
		free(log);
		return NULL;
	}
	log[n] = '\0';
	return log;
}

int klog_complaints(void)
{
	char *log = klog_read();
	int bad;

	if (!log)
		return -errno;
	bad = klog_scan(log);
	free(log);
	return bad;
}

unsigned int klog_count(const char *text)
{
	char *log = klog_read(), *at = log;
	unsigned int n = 0;

	while (at && (at = strstr(at, text))) {
		at += strlen(text);
		n++;
	}
	free(log);
	return n;
}

bool klog_contains(const char *text)
{
	return klog_count(text) > 0;
}

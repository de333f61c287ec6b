/* SPDX-License-Identifier: GPL-2.0 */
/* Complaints in the kernel log. */
#ifndef SELFTESTS_KLOG_H
#define SELFTESTS_KLOG_H

#include <stdbool.h>

/*
 * Prints each complaint of the kernel (WARNING, BUG, KASAN, lockdep, stalls, ...) with the lines
 * that follow it. Returns their number, or a negative errno.
 */
int klog_complaints(void);

/* The same for a text; it is changed. */
int klog_scan(char *log);

/* Whether the kernel log has @text in it. */
bool klog_contains(const char *text);

/* How many times. */
unsigned int klog_count(const char *text);

#endif /* SELFTESTS_KLOG_H */

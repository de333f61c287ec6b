/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * The kernel's log, where it says why it takes no handlers when they are loaded or registered: BPF
 * gives it no way to the caller's buffer there.
 */
#ifndef CARETAKER_KLOG_H
#define CARETAKER_KLOG_H

#include <stddef.h>

/* The log from now on: a descriptor to be closed, or -1 when it may not be read. */
int klog_open(void);

/* Puts what was said of handlers since klog_open() in front of the text at @buf. */
void klog_prepend(int fd, char *buf, size_t size);

#endif /* CARETAKER_KLOG_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker: text for the caller of an ioctl that explains a refusal.
 */
#ifndef __VIRT_KVM_CARETAKER_LOG_H
#define __VIRT_KVM_CARETAKER_LOG_H

#include <linux/kernel.h>
#include <linux/stdarg.h>
#include <linux/types.h>

/**
 * struct caretaker_log - a text that is being written
 * @buf:	the text, always ends with 0 once anything was written; NULL for none wanted
 * @size:	bytes at @buf
 * @used:	bytes of text, terminating 0 excluded
 */
struct caretaker_log {
	char *buf;
	u32 size;
	u32 used;
};

/**
 * caretaker_log_printf() - append to the log
 * @log:	log or NULL
 * @fmt:	printf format; texts end with a newline
 *
 * What does not fit is cut off. Context: any.
 */
static inline __printf(2, 3) void caretaker_log_printf(struct caretaker_log *log,
						       const char *fmt, ...)
{
	va_list ap;

	if (!log || !log->buf || log->used >= log->size)
		return;
	va_start(ap, fmt);
	log->used += vscnprintf(log->buf + log->used, log->size - log->used, fmt, ap);
	va_end(ap);
}

#endif /* __VIRT_KVM_CARETAKER_LOG_H */

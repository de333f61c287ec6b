/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* A refusal's reason, for the caller's buffer. */
#ifndef LIBCARETAKER_REFUSE_H
#define LIBCARETAKER_REFUSE_H

#include <stdarg.h>
#include <stdio.h>

/* Return: @err. @log may be NULL. */
__attribute__((format(printf, 4, 5)))
static inline int refuse(char *log, size_t size, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (log && size)
		vsnprintf(log, size, fmt, ap);
	va_end(ap);
	return err;
}

#endif /* LIBCARETAKER_REFUSE_H */

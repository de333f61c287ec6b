// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* libcaretaker: reasons of the kernel that it says in its log only, see klog.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "klog.h"

#define KMSG	"/dev/kmsg"
#define SAID	"kvm_caretaker: "	/* by the kernel's part that has to do with handlers */

int klog_open(void)
{
	int fd = open(KMSG, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 && lseek(fd, 0, SEEK_END) >= 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* What a record says of handlers, with its newline; NULL: nothing. */
static const char *record_text(char *record, size_t n)
{
	char *text, *end;

	record[n] = '\0';
	text = strchr(record, ';');	/* level, number and time are in front of it */
	if (!text || strncmp(text + 1, SAID "handler", strlen(SAID "handler")))
		return NULL;
	end = strchr(text, '\n');	/* what follows are details of the device */
	if (end)
		end[1] = '\0';
	return text + 1 + strlen(SAID);
}

/* libbpf loads once more what was refused, so that the kernel says the same again. */
static void text_add(char *text, size_t size, const char *line)
{
	size_t used = strlen(text);

	if (!strstr(text, line) && used + strlen(line) < size)
		strcpy(text + used, line);
}

/* All records there are: EPIPE says that older ones are lost, not that there are none. */
static void klog_take(int fd, char *text, size_t size)
{
	char record[2048];
	const char *line;
	ssize_t n;

	for (;;) {
		n = read(fd, record, sizeof(record) - 1);
		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (n <= 0)
			return;
		line = record_text(record, (size_t)n);
		if (line)
			text_add(text, size, line);
	}
}

void klog_prepend(int fd, char *buf, size_t size)
{
	char text[2048] = "";
	size_t len, kept;

	if (fd < 0 || !buf || !size)
		return;
	klog_take(fd, text, sizeof(text));
	len = strlen(text);
	if (len >= size)
		len = size - 1;
	kept = strnlen(buf, size - 1 - len);
	memmove(buf + len, buf, kept);
	memcpy(buf, text, len);
	buf[len + kept] = '\0';
}

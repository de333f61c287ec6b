// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* What the kernel's log says of handlers comes first in the caller's. KTAP; needs no kernel. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "klog.h"

#define REASON	"handler io (a): instruction 3: a.bpf.c:7: calls a helper [HELPER]: use own code\n"
#define OTHER	"handlers set: written for ABI version 99\n"

/* Records of the kernel's log, what was in the buffer, and what is there then */
static const struct klog_case {
	const char *name;
	const char *records[4];
	const char *before, *after;
	size_t size;
} cases[] = {
	{ "a reason is put in front", { "5,1,2,-;kvm_caretaker: " REASON }, "libbpf",
	  REASON "libbpf", 256 },
	{ "a reason into an empty buffer", { "5,1,2,-;kvm_caretaker: " REASON }, "", REASON, 256 },
	{ "nothing was said", { NULL }, "libbpf", "libbpf", 256 },
	{ "details of a record are left out",
	  { "5,1,2,-;kvm_caretaker: " OTHER " SUBSYSTEM=kvm\n" }, "x", OTHER "x", 256 },
	{ "the same is not said twice",
	  { "5,1,2,-;kvm_caretaker: " OTHER, "5,2,3,-;kvm_caretaker: " OTHER }, "x",
	  OTHER "x", 256 },
	{ "two reasons in their order",
	  { "5,1,2,-;kvm_caretaker: " REASON, "5,2,3,-;kvm_caretaker: " OTHER }, "x",
	  REASON OTHER "x", 256 },
	{ "what others say is left out",
	  { "6,1,2,-;usb: handler io\n", "6,2,3,-;kvm_caretaker: payload\n", "no record",
	    "5,2,3,-;kvm_caretaker: " OTHER }, "x", OTHER "x", 256 },
	{ "the text behind a reason is cut off", { "5,1,2,-;kvm_caretaker: " OTHER }, "libbpf",
	  OTHER "lib", sizeof(OTHER) + 3 },
	{ "a reason that does not fit is cut off", { "5,1,2,-;kvm_caretaker: " OTHER }, "libbpf",
	  "handlers", 9 },
	{ "a buffer of one byte", { "5,1,2,-;kvm_caretaker: " OTHER }, "", "", 1 },
};

#define NR_CASES	(sizeof(cases) / sizeof(cases[0]))

static unsigned int nr, failed;

static void result(bool ok, const char *name)
{
	failed += !ok;
	printf("%sok %u %s\n", ok ? "" : "not ", ++nr, name);
}

/* A read gives one record, as that of the kernel's log does. */
static bool judged(const struct klog_case *c)
{
	char buf[256];
	unsigned int i;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd))
		return false;
	for (i = 0; i < 4 && c->records[i]; i++)
		if (write(fd[1], c->records[i], strlen(c->records[i])) < 0)
			return false;
	memset(buf, '!', sizeof(buf));
	strcpy(buf, c->before);
	klog_prepend(fd[0], buf, c->size);
	close(fd[0]);
	close(fd[1]);
	if (!strcmp(buf, c->after) && (c->size == sizeof(buf) || buf[c->size] == '!'))
		return true;
	printf("# \"%.200s\"\n", buf);
	return false;
}

int main(void)
{
	char buf[8] = "as was";
	unsigned int i;

	printf("KTAP version 1\n1..%zu\n", NR_CASES + 1);
	for (i = 0; i < NR_CASES; i++)
		result(judged(&cases[i]), cases[i].name);
	klog_prepend(-1, buf, sizeof(buf));
	klog_prepend(STDIN_FILENO, NULL, 0);
	result(!strcmp(buf, "as was"), "a log that may not be read, and no buffer");
	return failed != 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Who loads handlers by libcaretaker has the reason of a refusal in the buffer that it gave, and at
 * its front, whichever step refused: BPF gives the kernel no way to that buffer when a set is
 * loaded or registered, so that the library looks into the kernel's log.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "caretaker.h"
#include "ktap.h"
#include "kvm_guest.h"
#include "object.h"

#define COPY	"/tmp/said.bpf.o"

static char text[16384];

/* One object for each way to be refused, and the errno; the words are the object's own. */
static const struct said_case {
	const char *object;
	int err;
} said_cases[] = {
	{ "refuse/helper", -EACCES },
	{ "refuse/kfunc", -EACCES },
	{ "refuse/callback", -EACCES },
	{ "refuse/may_goto", -EACCES },
	{ "refuse/map_hash", -EACCES },
	{ "refuse/ksym", -EACCES },
	{ "refuse/kernel_address", -EACCES },
	{ "refuse/sleepable", -EINVAL },
	{ "refuse/abi_version", -EPROTONOSUPPORT },
	{ "refuse/empty_set", -EINVAL },
	{ "refuse/flags", -EINVAL },
	{ "refuse/long_name", -EINVAL },
	{ "refuse/no_link", -EOPNOTSUPP },
};

/* Load and registration, into @size bytes. */
static int refused(const struct corpus_entry *e, size_t size)
{
	struct caretaker_handlers *set = NULL;
	int err;

	memset(text, '!', sizeof(text));
	err = caretaker_handlers_load(COPY, &set, text, size);
	if (!err)
		err = caretaker_handlers_attach_log(set, text, size);
	caretaker_handlers_free(set);
	return err;
}

static enum ktap_result said(const struct said_case *c)
{
	const struct corpus_entry *e = corpus_find(c->object);
	const char *at, *line;
	struct expect x;
	int err;

	CHECK(e && !corpus_copy(e, COPY), "no object");
	corpus_expect(e, &x);
	err = refused(e, sizeof(text));
	CHECK(err == c->err, "%s, not %s: %.900s", err ? strerror(-err) : "accepted",
	      strerror(-c->err), text);
	at = strstr(text, x.text);
	line = strchr(text, '\n');
	CHECK(!strncmp(text, "handler", strlen("handler")) && at && line && at < line,
	      "\"%s\" is not what it begins with: %.900s", x.text, text);
	ktap_diag("%.*s", (int)strcspn(text, "\n"), text);
	return KTAP_PASS;
}

/* Neither more than the buffer holds, nor without an end. */
static enum ktap_result small_buffers(void)
{
	const struct corpus_entry *e = corpus_find("refuse/helper");
	size_t size;

	CHECK(e && !corpus_copy(e, COPY), "no object");
	for (size = 1; size < 12; size += 5) {
		CHECK(refused(e, size) == -EACCES, "not refused");
		CHECK(strnlen(text, size) < size && text[size] == '!', "%zu bytes: \"%.20s\"", size,
		      text);
	}
	CHECK(refused(e, 0) == -EACCES && text[0] == '!', "a buffer without bytes was written");
	return KTAP_PASS;
}

/* What was said of an earlier set is not said of the next one. */
static enum ktap_result accepted(void)
{
	const struct corpus_entry *e = corpus_find("handlers/uart");
	struct caretaker_handlers *set;

	CHECK(e && !corpus_copy(e, COPY), "no object");
	CHECK(!caretaker_handlers_load(COPY, &set, text, sizeof(text)), "%.900s", text);
	CHECK(!text[0], "something is said: %.900s", text);
	CHECK(!caretaker_handlers_attach_log(set, text, sizeof(text)), "%.900s", text);
	CHECK(!text[0], "something is said: %.900s", text);
	caretaker_handlers_free(set);
	return KTAP_PASS;
}

static const struct ktap_case more[] = {
	{ "buffers that are too small", small_buffers },
	{ "nothing is said of a set that is taken", accepted },
};

/* The kernel limits what it says: 100 refusals in 5 s, and libbpf tries some of them again. */
static void wait_for_log(unsigned int i)
{
	if (i % 8 == 7)
		sleep(3);
}

int main(void)
{
	struct kvm_guest guest;
	static const unsigned char code[] = { 0xf4, 0xeb, 0xfd };	/* hlt; jmp */
	static const struct guest_code tiny = { .start = code, .end = code + sizeof(code) };
	bool made = !guest_create(&guest, &tiny) && caretaker_probe(guest.vm_fd) > 0;
	unsigned int i;

	ktap_plan(ARRAY_SIZE(said_cases) + ARRAY_SIZE(more));
	if (!made)
		ktap_skip_reason("no guest, or a kernel without the Caretaker");
	for (i = 0; i < ARRAY_SIZE(said_cases); i++) {
		ktap_result(made ? said(&said_cases[i]) : KTAP_SKIP, "the reason is said: %s",
			    said_cases[i].object);
		wait_for_log(i);
	}
	for (i = 0; i < ARRAY_SIZE(more); i++)
		ktap_result(made ? more[i].run() : KTAP_SKIP, "%s", more[i].name);
	unlink(COPY);
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Signed payloads and the handlers that they list. What was changed after it was signed is never
 * taken. While the kernel is locked down a payload needs a signature by a key that the kernel
 * trusts, and handlers a place on the payload's list. The test is the last one in its boot.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "digest.h"
#include "guest_count.h"
#include "ktap.h"
#include "lockdown.h"
#include "object.h"
#include "signed_bpf.h"

#define SIGNED		"/payloads/signed.elf"	/* it lists handlers/template */
#define BY_ANOTHER	"/payloads/signed_by_another.elf"
#define BPF_SIGNATURE	"/payloads/one_line.p7s"	/* of the program in accept/one_line */
#define CHANGED		"/changed.elf"
#define MARKER		"~Module signature appended~\n"
#define FILE_MAX	(1UL << 20)

static struct kvm_guest guest;
static struct guest_runner runner;
static unsigned char file[FILE_MAX];
static size_t file_size;

static int install_fd(const char *path, int handlers_fd, uint32_t flags)
{
	struct kvm_caretaker_set a;
	int err;

	caretaker_args(&a);
	a.flags = flags;
	if (path)
		a.payload_fd = open(path, O_RDONLY | O_CLOEXEC);
	a.handlers_fd = handlers_fd;
	err = caretaker_ioctl_set(&guest, &a);
	if (a.payload_fd >= 0)
		close(a.payload_fd);
	ktap_diag("%s%s: %s: %.200s", path ? path : "no payload",
		  handlers_fd < 0 ? "" : ", handlers", err ? strerror(-err) : "accepted",
		  err ? caretaker_log : "");
	return err;
}

static int install_with(const char *path, struct handlers *h, uint32_t flags)
{
	return install_fd(path, h ? bpf_map__fd(h->map) : -1, flags);
}

static const char *file_read(void)
{
	int fd = open(SIGNED, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, file, sizeof(file));

	if (fd >= 0)
		close(fd);
	if (n <= 0 || n == (ssize_t)sizeof(file))
		return "there is no signed payload: its kernel cannot check any";
	file_size = (size_t)n;
	return NULL;
}

/* The file with @n bytes of it, one of them changed. */
static int file_write(size_t n, size_t at)
{
	int fd = open(CHANGED, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t done;

	if (fd < 0)
		return -errno;
	file[at] ^= 1;
	done = write(fd, file, n);
	file[at] ^= 1;
	close(fd);
	return done == (ssize_t)n ? 0 : -EIO;
}

static size_t file_find(const void *what, size_t len)
{
	unsigned char *at = memmem(file, file_size, what, len);

	return at ? (size_t)(at - file) : 0;
}

/* All are refused for what they are, and change nothing. */
static enum ktap_result refused(const char *path, struct handlers *h, uint32_t flags, int want,
				const char *text)
{
	struct kvm_caretaker_info before = {}, after = {};
	int err;

	caretaker_info(&guest, &before);
	err = install_with(path, h, flags);
	CHECK(err == want && strstr(caretaker_log, text), "wanted %s (%s)", strerror(-want), text);
	caretaker_info(&guest, &after);
	CHECK(!memcmp(&before, &after, sizeof(after)), "it changed something");
	return KTAP_PASS;
}

static enum ktap_result changed_refused(void)
{
	unsigned char listed[32];
	size_t marker = file_size - strlen(MARKER), list, where[5], i;

	CHECK(!corpus_digest(corpus_find("handlers/template"), listed), "no digest");
	list = file_find(listed, sizeof(listed));
	CHECK(list, "the list is not in the file");
	CHECK(!memcmp(file + marker, MARKER, strlen(MARKER)), "no signature at its end");
	/* ELF header, in the middle, the list, the signature's number, what says how long it is */
	where[0] = 9;
	where[1] = 4096;
	where[2] = list;
	where[3] = marker - 40;
	where[4] = marker - 2;
	for (i = 0; i < ARRAY_SIZE(where); i++) {
		CHECK(!file_write(file_size, where[i]), "the file cannot be written");
		CHECK(refused(CHANGED, NULL, 0, -EKEYREJECTED, "does not hold") == KTAP_PASS,
		      "byte %zu of %zu", where[i], file_size);
	}
	return KTAP_PASS;
}

static enum ktap_result guest_ready(void)
{
	CHECK(caretaker_count_start(&guest, &runner), "no guest that counts");
	CHECK(!install_with(SIGNED, NULL, 0), "a signed payload is refused");
	CHECK(!install_with(BY_ANOTHER, NULL, 0), "the key matters without lockdown");
	return KTAP_PASS;
}

static enum ktap_result unsigned_refused(void)
{
	CHECK(refused(PAYLOAD_PATH, NULL, 0, -EPERM, "unsigned, and the kernel is locked down") ==
	      KTAP_PASS, "no signature at all");
	/* Without the last byte of the mark there is none either */
	CHECK(!file_write(file_size - 1, file_size - 1), "the file cannot be written");
	return refused(CHANGED, NULL, 0, -EPERM, "unsigned, and the kernel is locked down");
}

static enum ktap_result other_key_refused(void)
{
	return refused(BY_ANOTHER, NULL, 0, -EKEYREJECTED, "does not hold");
}

static int set_open(struct handlers *h, const char *name)
{
	int err = handlers_open(h, corpus_find(name));

	if (!err)
		err = handlers_load(h);
	if (!err)
		err = handlers_attach(h);
	if (err)
		ktap_diag("%s: %s: %.600s", name, strerror(-err), h->log);
	return err;
}

/* The payload that is there was not signed by a key that counts: its list does not either. */
static enum ktap_result list_of_another(void)
{
	static struct handlers h;
	enum ktap_result res;

	CHECK(!set_open(&h, "handlers/template"), "not loaded");
	res = refused(NULL, &h, KVM_CARETAKER_HANDLERS_ONLY, -EKEYREJECTED, "[TRUST]");
	handlers_close(&h);
	return res;
}

static enum ktap_result signed_accepted(void)
{
	CHECK(!install_with(SIGNED, NULL, 0), "refused");
	return count_alive(&guest, 5000) ? KTAP_PASS : KTAP_FAIL;
}

static enum ktap_result listed_accepted(void)
{
	static struct handlers h;
	struct kvm_caretaker_info info;

	CHECK(!set_open(&h, "handlers/template"), "not loaded");
	CHECK(!install_with(SIGNED, &h, 0), "refused with the payload");
	CHECK(!install_with(NULL, &h, KVM_CARETAKER_HANDLERS_ONLY), "refused without the payload");
	CHECK(!caretaker_info(&guest, &info) && info.flags & KVM_CARETAKER_INFO_HANDLERS,
	      "not there");
	handlers_close(&h);
	return count_alive(&guest, 5000) ? KTAP_PASS : KTAP_FAIL;
}

static enum ktap_result not_listed_refused(void)
{
	static struct handlers h;
	unsigned char digest[32];
	char text[80];
	unsigned int i;
	int n;

	CHECK(!set_open(&h, "handlers/uart"), "not loaded");
	CHECK(!corpus_digest(corpus_find("handlers/uart"), digest), "no digest");
	n = sprintf(text, "handlers uart: digest ");
	for (i = 0; i < 8; i++)
		n += sprintf(text + n, "%02x", digest[i]);
	CHECK(refused(SIGNED, &h, 0, -EKEYREJECTED, text) == KTAP_PASS, "with the payload");
	CHECK(strstr(caretaker_log, "[TRUST]: sign a payload that lists"), "no remedy");
	CHECK(refused(NULL, &h, KVM_CARETAKER_HANDLERS_ONLY, -EKEYREJECTED, text) == KTAP_PASS,
	      "without the payload");
	handlers_close(&h);
	return count_alive(&guest, 5000) ? KTAP_PASS : KTAP_FAIL;
}

/* The same program, unsigned and signed: the list of the payload does not have it. */
static enum ktap_result signed_programs(void)
{
	int fd = open(BPF_SIGNATURE, O_RDONLY | O_CLOEXEC), err;
	const struct corpus_entry *e = corpus_find("accept/one_line");
	static unsigned char sig[4096];
	struct signed_set set;
	ssize_t n = fd < 0 ? -1 : read(fd, sig, sizeof(sig));

	CHECK(n > 0, "no signature");
	close(fd);
	err = signed_set_load(&set, e, "one_line", "io", NULL, 0);
	CHECK(!err, "not loaded without a signature: %s", strerror(-err));
	err = install_fd(SIGNED, set.map, 0);
	CHECK(err == -EKEYREJECTED && strstr(caretaker_log, "[TRUST]"), "unsigned");
	signed_set_close(&set);
	sig[n - 1] ^= 1;
	err = signed_set_load(&set, e, "one_line", "io", sig, (size_t)n);
	CHECK(err, "loaded with a signature that was changed");
	sig[n - 1] ^= 1;
	err = signed_set_load(&set, e, "one_line", "io", sig, (size_t)n);
	CHECK(!err, "not loaded with its signature: %s", strerror(-err));
	CHECK(!install_fd(SIGNED, set.map, 0), "refused");
	signed_set_close(&set);
	return count_alive(&guest, 5000) ? KTAP_PASS : KTAP_FAIL;
}

static enum ktap_result ends(void)
{
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	CHECK(!caretaker_remove(&guest), "it cannot be removed");
	guest_destroy(&guest);
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "signed payloads are installed, whoever signed them", guest_ready, true },
		{ "a payload that was changed after it was signed is refused", changed_refused },
		{ "the kernel is locked down", locks_down, true },
		{ "an unsigned payload is refused with EPERM", unsigned_refused },
		{ "one signed by another key is refused", other_key_refused },
		{ "a list that another key signed does not count", list_of_another },
		{ "one that was changed is refused", changed_refused },
		{ "one signed by a key of the kernel's is installed", signed_accepted },
		{ "handlers that it lists are installed, with it and later", listed_accepted },
		{ "handlers that it does not list are refused", not_listed_refused },
		{ "programs whose signature the kernel verified need no list", signed_programs },
		{ "the Caretaker can be removed", ends },
	};
	const char *missing = caretaker_missing();

	if (!missing)
		missing = lockdown_missing();
	if (!missing)
		missing = file_read();
	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 120);
}

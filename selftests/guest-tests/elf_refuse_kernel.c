// SPDX-License-Identifier: GPL-2.0
/* The malformed payload files, through KVM_SET_CARETAKER: refused, and the vCPU still runs. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "elf_cases.h"
#include "guest_script.h"
#include "ktap.h"

static struct kvm_guest guest;
static void *file;

/* The kernel reads only files that nobody can write to */
static int file_open(size_t size)
{
	char path[64];
	int rw, ro;

	rw = memfd_create("payload", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (rw < 0 || write(rw, file, size) != (ssize_t)size ||
	    fcntl(rw, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", rw);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	close(rw);
	return ro;
}

static int install(size_t size)
{
	struct kvm_caretaker_set a;
	int err;

	caretaker_args(&a);
	a.payload_fd = file_open(size);
	if (a.payload_fd < 0)
		return -EIO;
	err = caretaker_ioctl_set(&guest, &a);
	close(a.payload_fd);
	return err;
}

static enum ktap_result refused(const struct elf_case *c)
{
	size_t size = elf_case_make(c, file);
	int state, err = install(size);

	/* The kernel's file reader does not even start on an empty file */
	if (!size) {
		CHECK(err == -EINVAL || err == -ENOEXEC, "got %s", strerror(-err));
	} else {
		CHECK(err == -c->err, "wanted %s, got %s (%s)", strerror(c->err), strerror(-err),
		      caretaker_log);
	}
	/* A file over the limit is not read, so the parser does not get to say why */
	CHECK(!size || size > ELF_CASE_MAX - 0x1000 || strstr(caretaker_log, c->why),
	      "the log says \"%s\"", caretaker_log);
	state = caretaker_state(&guest);
	CHECK(state == -ENOENT || state == KVM_CARETAKER_EMPTY, "the state is %d", state);
	CHECK(!script_still_runs(&guest), "the vCPU does not run any more");
	return KTAP_PASS;
}

static enum ktap_result refused_or_removed(const struct elf_case *c)
{
	enum ktap_result res = refused(c);

	/* What should have been refused is not to spoil the next case, too */
	if (res != KTAP_PASS)
		caretaker_remove(&guest);
	return res;
}

/* Without this one every refusal above could have another reason. It is never run. */
static enum ktap_result accepted(void)
{
	int err;

	elf_good_make(file);
	err = install(ELF_GOOD_SIZE);
	CHECK(!err, "refused: %s: %s", strerror(-err), caretaker_log);
	CHECK(caretaker_state(&guest) == KVM_CARETAKER_ATTACHED, "not attached");
	CHECK(!caretaker_remove(&guest), "no remove");
	CHECK(!script_still_runs(&guest), "the vCPU does not run any more");
	return KTAP_PASS;
}

int main(void)
{
	const char *missing = caretaker_missing();
	unsigned int i;

	ktap_plan(nr_elf_cases + 1);
	file = malloc(ELF_CASE_MAX);
	if (!file || (!missing && guest_create(&guest, &guest_script)))
		return KTAP_EXIT_FAIL;
	for (i = 0; i < nr_elf_cases; i++) {
		ktap_skip_reason("%s", missing ? missing : "");
		ktap_result(missing ? KTAP_SKIP : refused_or_removed(&elf_cases[i]), "%s is refused",
			    elf_cases[i].name);
	}
	ktap_skip_reason("%s", missing ? missing : "");
	ktap_result(missing ? KTAP_SKIP : accepted(), "the unspoilt file is accepted");
	return ktap_finish();
}

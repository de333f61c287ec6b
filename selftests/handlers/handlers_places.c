// SPDX-License-Identifier: GPL-2.0
/*
 * Each set of handlers is mapped where the kernel has room for it. A payload has its own page
 * tables, with few pages for tables: those of places that are not used any more have to come back.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>

#include <bpf/bpf.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "ktap.h"
#include "object.h"

#define PLACES		40		/* more than there are tables */
#define FILL_PAGES	16		/* sizes of sets: the kernel keeps freed places by size */
#define FILL_COUNT	5		/* of each size: more than the 2 MiB that one table maps */

static struct kvm_guest guest;
static struct guest_runner runner;
static struct handlers set;
static int fills[PLACES * FILL_PAGES * FILL_COUNT];
static size_t nr_fills;

static int swap(void)
{
	struct kvm_caretaker_set a;
	int err;

	caretaker_args(&a);
	a.flags = KVM_CARETAKER_HANDLERS_ONLY;
	a.handlers_fd = bpf_map__fd(set.map);
	err = caretaker_ioctl_set(&guest, &a);
	if (err)
		ktap_diag("%s: %.300s", strerror(-err), caretaker_log);
	return err;
}

/* Takes what a set left, and what is beside it: the next one finds a place further on. */
static bool fill(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	unsigned int i;

	for (i = 0; i < FILL_PAGES * FILL_COUNT; i++) {
		unsigned int pages = i % FILL_PAGES + 1;
		int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, pages * 4096, 1, &opts);

		if (fd < 0)
			return false;
		fills[nr_fills++] = fd;
	}
	return true;
}

static enum ktap_result replaced_at_many_places(void)
{
	struct rlimit files = { ARRAY_SIZE(fills) + 64, ARRAY_SIZE(fills) + 64 };
	unsigned int i;

	CHECK(!setrlimit(RLIMIT_NOFILE, &files), "%zu files", ARRAY_SIZE(fills));
	CHECK(!swap(), "the first one");
	for (i = 1; i < PLACES; i++) {
		CHECK(fill(), "no memory for map %zu", nr_fills);
		CHECK(!swap(), "at place %u", i);
	}
	return count_alive(&guest, 5000) ? KTAP_PASS : KTAP_FAIL;
}

static enum ktap_result places_are_used_again(void)
{
	unsigned int i;

	while (nr_fills)
		close(fills[--nr_fills]);
	for (i = 0; i < 4 * PLACES; i++)
		CHECK(!swap(), "swap %u", i);
	return count_alive(&guest, 5000) ? KTAP_PASS : KTAP_FAIL;
}

static enum ktap_result guest_ready(void)
{
	CHECK(caretaker_count_start(&guest, &runner), "no guest that counts");
	CHECK(!caretaker_install(&guest, 0), "no Caretaker: %s", caretaker_log);
	CHECK(!handlers_open(&set, corpus_find("handlers/uart")) && !handlers_load(&set) &&
	      !handlers_attach(&set), "no handlers: %.300s", set.log);
	return KTAP_PASS;
}

static enum ktap_result ends(void)
{
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	CHECK(!caretaker_remove(&guest), "it cannot be removed");
	guest_destroy(&guest);
	handlers_close(&set);
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "a guest counts under a Caretaker", guest_ready, true },
		{ "a set is replaced at more places than tables", replaced_at_many_places },
		{ "places are used again", places_are_used_again },
		{ "the Caretaker can be removed", ends },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 120);
}

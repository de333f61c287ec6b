// SPDX-License-Identifier: GPL-2.0
/*
 * Global variables are maps that the loader makes. A loader that makes others instead has its set
 * refused by the rule for it, whatever the BPF verifier thinks of them; what is constant stays so;
 * descriptors of other things are no handlers; and of all that nothing stays in the kernel.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "caretaker_test.h"
#include "ktap.h"
#include "object.h"

#define GONE_MS		10000
#define ARENA_ADDRESS	(1ULL << 44)	/* of user space, where nothing is */

static struct kvm_guest guest;
static struct handlers h;
static int payload = -1;

static const unsigned char code[] = { 0xf4, 0xeb, 0xfd };	/* hlt; jmp */

static int install(int handlers_fd)
{
	struct kvm_caretaker_set a;

	caretaker_args(&a);
	a.payload_fd = payload;
	a.handlers_fd = handlers_fd;
	return caretaker_ioctl_set(&guest, &a);
}

/* ---- maps in the place of those that libbpf would make ---- */

/* Type of a value with a lock behind @size bytes; a descriptor or a negative errno. */
static int lock_btf(unsigned int size, int *key, int *value)
{
	LIBBPF_OPTS(bpf_btf_load_opts, opts);
	struct btf *btf = btf__new_empty();
	const void *raw;
	int lock, fd;
	__u32 len;

	if (!btf)
		return -errno;
	*key = btf__add_int(btf, "unsigned int", 4, 0);
	lock = btf__add_struct(btf, "bpf_spin_lock", 4);
	btf__add_field(btf, "val", *key, 0, 0);
	*value = btf__add_struct(btf, "value", size);
	btf__add_field(btf, "lock", lock, (size - 8) * 8, 0);
	raw = btf__raw_data(btf, &len);
	fd = raw ? bpf_btf_load(raw, len, &opts) : -EINVAL;
	btf__free(btf);
	return fd;
}

/* What a loader may put in the place of a section; @step: where it is refused, NULL: nowhere */
static const struct map_case {
	const char *what, *step, *text;
	const char *set, *section;
	enum bpf_map_type type;
	unsigned int entries, size, flags;
	bool lock, freeze;
} map_cases[] = {
	{ "an array of the loader's own", NULL, NULL, "handlers/template", ".bss",
	  BPF_MAP_TYPE_ARRAY, 1, 24, BPF_F_MMAPABLE },
	{ "an array that is larger", NULL, NULL, "handlers/template", ".bss",
	  BPF_MAP_TYPE_ARRAY, 1, 4096, BPF_F_MMAPABLE },
	{ "frozen constants of the loader's own", NULL, NULL, "handlers/pmtimer", ".rodata",
	  BPF_MAP_TYPE_ARRAY, 1, 40, BPF_F_MMAPABLE | BPF_F_RDONLY_PROG, .freeze = true },
	{ "an array without room for a variable", "load", "invalid access to map value",
	  "handlers/template", ".bss", BPF_MAP_TYPE_ARRAY, 1, 16, BPF_F_MMAPABLE },
	{ "an array of two", "load", "invalid access to map value pointer",
	  "handlers/template", ".bss", BPF_MAP_TYPE_ARRAY, 2, 24, BPF_F_MMAPABLE },
	{ "an array that programs may not write", "load", "write into map forbidden",
	  "handlers/template", ".bss", BPF_MAP_TYPE_ARRAY, 1, 24,
	  BPF_F_MMAPABLE | BPF_F_RDONLY_PROG },
	{ "a hash", "load", "no direct value access support for this map type",
	  "handlers/template", ".bss", BPF_MAP_TYPE_HASH, 1, 24, 0 },
	{ "an arena that is used", "load", "invalid mem access 'scalar'",
	  "handlers/template", ".bss", BPF_MAP_TYPE_ARENA, 1, 0, BPF_F_MMAPABLE },
	{ "an arena that is not used", "set", "uses a feature that needs a running kernel (arena)",
	  "accept/address_of_state", ".bss", BPF_MAP_TYPE_ARENA, 1, 0, BPF_F_MMAPABLE },
	{ "a per-CPU array", "set", "map is not a plain array with one entry",
	  "handlers/template", ".bss", BPF_MAP_TYPE_PERCPU_ARRAY, 1, 24, 0 },
	{ "an array that cannot be mapped", "set", "map is not made with BPF_F_MMAPABLE",
	  "handlers/template", ".bss", BPF_MAP_TYPE_ARRAY, 1, 24, 0 },
	{ "an array with a lock", "set", "map holds locks, timers or kernel pointers",
	  "handlers/template", ".bss", BPF_MAP_TYPE_ARRAY, 1, 48, BPF_F_MMAPABLE, .lock = true },
	{ "constants that are not frozen", "set", "read-only for programs but not frozen",
	  "handlers/pmtimer", ".rodata", BPF_MAP_TYPE_ARRAY, 1, 40,
	  BPF_F_MMAPABLE | BPF_F_RDONLY_PROG },
	{ "variables where constants were", NULL, NULL, "handlers/pmtimer", ".rodata",
	  BPF_MAP_TYPE_ARRAY, 1, 40, BPF_F_MMAPABLE },
};

static int map_make(const struct map_case *c)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = c->flags);
	bool arena = c->type == BPF_MAP_TYPE_ARENA;
	int key = 0, value = 0, btf = -1, fd;

	if (arena)
		opts.map_extra = ARENA_ADDRESS;
	if (c->lock) {
		btf = lock_btf(c->size, &key, &value);
		if (btf < 0)
			return btf;
		opts.btf_fd = (unsigned int)btf;
		opts.btf_key_type_id = (unsigned int)key;
		opts.btf_value_type_id = (unsigned int)value;
	}
	fd = bpf_map_create(c->type, "in_place", arena ? 0 : 4, c->size, c->entries, &opts);
	if (btf >= 0)
		close(btf);
	if (fd >= 0 && c->freeze && bpf_map_freeze(fd))
		return -errno;
	return fd;
}

static int map_put_in_place(const struct map_case *c)
{
	struct bpf_map *map = bpf_object__find_map_by_name(h.obj, c->section);
	int fd = map_make(c), err;

	if (fd < 0 || !map)
		return fd < 0 ? fd : -ENOENT;
	err = bpf_map__reuse_fd(map, fd);
	close(fd);
	return err;
}

/* All steps until one is refused. */
static int map_steps(const char **step)
{
	int err;

	caretaker_log[0] = '\0';
	*step = "load";
	err = handlers_load(&h);
	if (err)
		return err;
	*step = "attach";
	err = handlers_attach(&h);
	if (err)
		return err;
	*step = "set";
	return install(bpf_map__fd(h.map));
}

static enum ktap_result map_judged(const struct map_case *c)
{
	const char *step;
	int err;

	CHECK(!handlers_open(&h, corpus_find(c->set)), "no object %s", c->set);
	err = map_put_in_place(c);
	CHECK(!err, "the map cannot be made: %s", strerror(-err));
	err = map_steps(&step);
	if (!c->step) {
		CHECK(!err, "%s: %s: %.900s%s", step, strerror(-err), h.log, caretaker_log);
		CHECK(!caretaker_remove(&guest), "the Caretaker cannot be removed");
		return KTAP_PASS;
	}
	CHECK(err && !strcmp(step, c->step), "%s: %s: %.900s", step,
	      err ? strerror(-err) : "accepted", h.log);
	CHECK(strstr(h.log, c->text) || strstr(caretaker_log, c->text), "no \"%s\": %.900s%s",
	      c->text, h.log, caretaker_log);
	CHECK(strcmp(step, "set") || (strstr(caretaker_log, "handler ") &&
				      strstr(caretaker_log, "): instruction ")),
	      "no handler and instruction is named: %s", caretaker_log);
	return KTAP_PASS;
}

static void map_case(const struct map_case *c)
{
	enum ktap_result res = map_judged(c);

	handlers_close(&h);
	ktap_result(res, "%s: %s, %s", c->step ? "refused" : "accepted", c->section, c->what);
}

/* ---- changes after the load ---- */

/* Programs were verified with the constants that were there. */
static enum ktap_result constants_stay(void)
{
	char value[40] = { 1 };
	__u32 zero = 0;
	void *page;
	int fd;

	CHECK(!handlers_open(&h, corpus_find("handlers/pmtimer")) && !handlers_load(&h) &&
	      !handlers_attach(&h), "not loaded: %.900s", h.log);
	fd = bpf_map__fd(bpf_object__find_map_by_name(h.obj, ".rodata"));
	CHECK(!install(bpf_map__fd(h.map)), "not installed: %s", caretaker_log);
	CHECK(bpf_map_update_elem(fd, &zero, value, 0) == -EPERM, "constants were changed");
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(page == MAP_FAILED && errno == EPERM, "constants can be mapped writable");
	page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(page != MAP_FAILED, "constants cannot be read: %s", strerror(errno));
	CHECK(mprotect(page, 4096, PROT_READ | PROT_WRITE), "constants can be made writable");
	munmap(page, 4096);
	return KTAP_PASS;
}

/* The set's own map takes no second value, whoever asks, and its programs cannot be taken out. */
static enum ktap_result set_stays(void)
{
	int fd = bpf_map__fd(h.map);
	char value[4096] = { 0 };
	__u32 zero = 0;

	CHECK(bpf_map_update_elem(fd, &zero, value, 0), "the linked set was changed");
	CHECK(bpf_map_delete_elem(fd, &zero), "the linked set was emptied");
	CHECK(!install(fd), "not installed afterwards: %s", caretaker_log);
	CHECK(!caretaker_remove(&guest), "the Caretaker cannot be removed");
	return KTAP_PASS;
}

/* ---- descriptors of other things ---- */

static enum ktap_result fd_refused(int fd, const char *text)
{
	int err = install(fd);

	CHECK(fd >= 0, "no descriptor");
	CHECK(err == -EINVAL && strstr(caretaker_log, text), "%s, log \"%s\"", strerror(-err),
	      caretaker_log);
	return KTAP_PASS;
}

static enum ktap_result fd_of_link(void)
{
	return fd_refused(bpf_link__fd(h.link), "no BPF map");
}

static enum ktap_result fd_of_program(void)
{
	return fd_refused(bpf_program__fd(bpf_object__next_program(h.obj, NULL)), "no BPF map");
}

static enum ktap_result fd_of_state(void)
{
	return fd_refused(bpf_map__fd(bpf_object__find_map_by_name(h.obj, ".bss")),
			  "no struct kvm_caretaker_ops");
}

static enum ktap_result fd_of_vcpu(void)
{
	return fd_refused(guest.vcpu_fd, "no BPF map");
}

static enum ktap_result fd_of_payload(void)
{
	return fd_refused(payload, "no BPF map");
}

/* A link that was made and is gone makes no difference to a set that never had one. */
static enum ktap_result link_is_gone(void)
{
	enum ktap_result res;

	bpf_link__destroy(h.link);
	h.link = NULL;
	res = fd_refused(bpf_map__fd(h.map), "create its link first");
	handlers_close(&h);
	return res;
}

/* ---- what is left ---- */

typedef int (*next_id)(__u32 id, __u32 *next);

static unsigned int count_ids(next_id next)
{
	unsigned int n = 0;
	__u32 id = 0;

	while (!next(id, &id))
		n++;
	return n;
}

struct bpf_counts {
	unsigned int programs, maps, links, types;
};

static struct bpf_counts bpf_count(void)
{
	return (struct bpf_counts){
		count_ids(bpf_prog_get_next_id), count_ids(bpf_map_get_next_id),
		count_ids(bpf_link_get_next_id), count_ids(bpf_btf_get_next_id),
	};
}

static struct bpf_counts at_first;

/* RCU frees some of it later: what the test before this one had may still be there. */
static void count_at_first(void)
{
	unsigned int ms;

	for (ms = 0; ms < GONE_MS; ms += 100) {
		at_first = bpf_count();
		if (!at_first.programs && !at_first.maps && !at_first.links && at_first.types <= 1)
			return;	/* one: the kernel's own */
		sleep_ms(100);
	}
}

static enum ktap_result nothing_left(void)
{
	struct bpf_counts now;
	unsigned int ms;

	for (ms = 0; ms < GONE_MS; ms += 100) {
		now = bpf_count();
		if (!memcmp(&now, &at_first, sizeof(now)))
			return KTAP_PASS;
		sleep_ms(100);
	}
	ktap_diag("programs %u, maps %u, links %u, types %u; at first %u, %u, %u, %u", now.programs,
		  now.maps, now.links, now.types, at_first.programs, at_first.maps, at_first.links,
		  at_first.types);
	return KTAP_FAIL;
}

static const struct ktap_case cases[] = {
	{ "constants of a set that is loaded stay as they were", constants_stay },
	{ "the set itself stays as it was", set_stays },
	{ "refused: descriptor of a link", fd_of_link },
	{ "refused: descriptor of a program", fd_of_program },
	{ "refused: descriptor of a set's state", fd_of_state },
	{ "refused: descriptor of the vCPU", fd_of_vcpu },
	{ "refused: descriptor of the payload", fd_of_payload },
	{ "refused: a set whose link is gone", link_is_gone },
	{ "no program, map, link or type is left in the kernel", nothing_left },
};

int main(void)
{
	static const struct guest_code tiny = { .start = code, .end = code + sizeof(code) };
	const char *missing = caretaker_missing();
	unsigned int i;

	ktap_plan(ARRAY_SIZE(map_cases) + ARRAY_SIZE(cases));
	count_at_first();
	if (!missing) {
		payload = payload_open();
		if (payload < 0 || pin_to_cpu0() || guest_create(&guest, &tiny))
			missing = "the guest cannot be made, or there is no payload";
	}
	ktap_skip_reason("%s", missing ? missing : "");
	for (i = 0; i < ARRAY_SIZE(map_cases); i++) {
		if (missing)
			ktap_result(KTAP_SKIP, "%s", map_cases[i].what);
		else
			map_case(&map_cases[i]);
	}
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		ktap_result(missing ? KTAP_SKIP : cases[i].run(), "%s", cases[i].name);
	return ktap_finish();
}

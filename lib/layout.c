// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * libcaretaker: where a section of global variables is in the state of a handler set.
 *
 * The kernel lays out the writable maps page by page, each when the first program uses it: programs
 * in the order of the members of struct kvm_caretaker_ops, the maps of one in the order of its
 * bpf_prog_info.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "carry.h"

#define MAX_MAPS	64	/* that a program can use */
#define MAX_MEMBERS	32

struct layout {
	struct bpf_object *obj;
	uint64_t end;
	unsigned int nr;
	uint32_t placed[MAX_MAPS];
};

static uint32_t map_id(const struct bpf_map *map)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	return bpf_map_get_info_by_fd(bpf_map__fd(map), &info, &len) ? 0 : info.id;
}

/* Whether a map is still to be placed, and counts. */
static const struct bpf_map *map_new(struct layout *l, uint32_t id)
{
	const struct bpf_map *map = NULL;
	unsigned int i;

	for (i = 0; i < l->nr; i++)
		if (l->placed[i] == id)
			return NULL;
	if (l->nr == MAX_MAPS)
		return NULL;
	l->placed[l->nr++] = id;
	while ((map = bpf_object__next_map(l->obj, map)))
		if (carry_is_state(map) && map_id(map) == id)
			return map;
	return NULL;
}

/* 0 when @wanted is among those that the program adds. */
static int prog_place(struct layout *l, const struct bpf_program *prog,
		      const struct bpf_map *wanted)
{
	uint64_t page = sysconf(_SC_PAGESIZE);
	uint32_t ids[MAX_MAPS], i;
	struct bpf_prog_info info = { .nr_map_ids = MAX_MAPS, .map_ids = (uintptr_t)ids };
	const struct bpf_map *map;
	__u32 len = sizeof(info);

	if (bpf_prog_get_info_by_fd(bpf_program__fd(prog), &info, &len))
		return -ENOENT;
	for (i = 0; i < info.nr_map_ids && i < MAX_MAPS; i++) {
		map = map_new(l, ids[i]);
		if (map == wanted)
			return 0;
		if (map)
			l->end += (bpf_map__value_size(map) + page - 1) / page * page;
	}
	return -ENOENT;
}

int layout_place(void *obj, const struct bpf_map *wanted, uint64_t *offset)
{
	struct layout l = { .obj = obj };
	struct bpf_program *prog;
	unsigned int member;

	for (member = 0; member < MAX_MEMBERS; member++) {
		bpf_object__for_each_program(prog, l.obj) {
			if (bpf_program__fd(prog) < 0 ||
			    (unsigned int)bpf_program__expected_attach_type(prog) != member ||
			    prog_place(&l, prog, wanted))
				continue;
			*offset = l.end;
			return 0;
		}
	}
	return -ENOENT;
}

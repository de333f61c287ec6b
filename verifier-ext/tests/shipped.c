// SPDX-License-Identifier: GPL-2.0
#include "shipped.h"

static struct object set;

static const char *path_find(const char *name, int nr, char **paths)
{
	char file[64];
	int i;

	snprintf(file, sizeof(file), "/handlers/%s.bpf.o", name);
	for (i = 0; i < nr; i++)
		if (strstr(paths[i], file))
			return paths[i];
	return NULL;
}

static u32 map_find(const char *section)
{
	u32 i;

	for (i = 0; i < set.set.nr_maps; i++)
		if (!strcmp(set.map_names[i], section))
			return i;
	return CTV_NONE;
}

/* As the loader does it; scratch memory follows. */
static void maps_fill(void)
{
	u32 i;

	memset(image_maps(), 0, set.state_pages * CTV_PAGE + CTV_SCRATCH_BYTES);
	for (i = 0; i < set.set.nr_maps; i++)
		if (set.map_data[i])
			memcpy(image_maps() + set.maps[i].win, set.map_data[i], set.maps[i].size);
}

void *shipped_load(const char *name, size_t state_size, int nr, char **paths)
{
	const char *path = path_find(name, nr, paths);
	u32 bss;
	int err;

	if (!path) {
		test_skip(name, "object not given");
		return NULL;
	}
	err = object_open(&set, path);
	if (!err)
		err = object_check(&set);
	if (!err)
		err = image_compile(&set.set);
	bss = err ? CTV_NONE : map_find(".bss");
	test_result(bss != CTV_NONE && set.maps[bss].size >= state_size &&
		    set.set.nr_maps == (map_find(".rodata") == CTV_NONE ? 1 : 2),
		    "%s: state is the only writable memory, at offset 0", name);
	if (bss == CTV_NONE)
		return NULL;
	maps_fill();
	return image_maps() + set.maps[bss].win;
}

void *shipped_config(void)
{
	u32 i = map_find(".rodata");

	return i == CTV_NONE ? NULL : image_maps() + set.maps[i].win;
}

u32 shipped_cost(void)
{
	u32 i, cost = 0;

	for (i = 0; i < set.set.nr_progs; i++)
		if (set.progs[i].cost > cost)
			cost = set.progs[i].cost;
	return cost;
}

void shipped_unload(void)
{
	object_close(&set);
}

int shipped_exit(const char *class, struct kvm_caretaker_exit *exit)
{
	u64 slot = (u64)(uintptr_t)exit;
	u32 i;

	exit->size = sizeof(*exit);
	for (i = 0; i < set.set.nr_progs; i++)
		if (!strcmp(set.info[i].class, class))
			return (int)image_call(set.progs[i].funcs[0].off, &slot,
					       set.progs[i].fuel);
	return -1;
}

int shipped_io(u64 flags, u64 info1, u64 *rax)
{
	struct kvm_caretaker_exit e = { .flags = flags, .info1 = info1 };
	int verdict;

	e.gpr[KVM_CARETAKER_RAX] = *rax;
	verdict = shipped_exit("io", &e);
	*rax = e.gpr[KVM_CARETAKER_RAX];
	return verdict;
}

int shipped_out(u64 flags, u64 info1, u64 value)
{
	return shipped_io(flags, info1, &value);
}

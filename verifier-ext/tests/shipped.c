// SPDX-License-Identifier: GPL-2.0
#include "shipped.h"

static struct object set;

/* Calls of a handler that are single-stepped, each instruction by a signal */
#define STEPPED	200

/* Per handler of the set: how often it was called, and the most instructions that a call took */
static struct {
	u32 calls;
	unsigned long most;
} measured[KVM_CARETAKER_NR_CLASSES];

static const char *loaded;

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
	loaded = name;
	memset(measured, 0, sizeof(measured));
	return image_maps() + set.maps[bss].win;
}

void *shipped_config(void)
{
	u32 i = map_find(".rodata");

	return i == CTV_NONE ? NULL : image_maps() + set.maps[i].win;
}

/* What the handler takes, against what was verified that it may. */
static bool measured_right(u32 i)
{
	test_note("%s, %s: %lu instructions at most in %u calls, cost %u", loaded,
		  set.info[i].class, measured[i].most, measured[i].calls, set.progs[i].cost);
	return measured[i].most && measured[i].most <= set.progs[i].cost;
}

void shipped_unload(void)
{
	u32 i, called = 0;
	bool ok = true;

	for (i = 0; i < set.set.nr_progs; i++) {
		if (!measured[i].calls)
			continue;
		called++;
		ok = measured_right(i) && ok;
	}
	test_result(ok && called, "%s: no call executes more instructions than its verified cost",
		    loaded);
	object_close(&set);
}

static u32 prog_find(const char *class)
{
	u32 i = 0;

	while (i < set.set.nr_progs && strcmp(set.info[i].class, class))
		i++;
	return i;
}

int shipped_exit(const char *class, struct kvm_caretaker_exit *exit)
{
	u64 slot = (u64)(uintptr_t)exit;
	u32 i = prog_find(class);
	const struct ctv_prog *p = &set.progs[i];
	unsigned long n;
	int verdict;

	if (i == set.set.nr_progs)
		return -1;
	exit->size = sizeof(*exit);
	if (measured[i].calls++ >= STEPPED)
		return (int)image_call(p->funcs[0].off, &slot, p->fuel);
	verdict = (int)image_call_steps(p->funcs[0].off, &slot, p->fuel, &n);
	if (n > measured[i].most)
		measured[i].most = n;
	return verdict;
}

int shipped_call(const char *class, struct kvm_caretaker_exit *exit)
{
	u64 slot = (u64)(uintptr_t)exit;
	const struct ctv_prog *p = &set.progs[prog_find(class)];

	return (int)image_call(p->funcs[0].off, &slot, p->fuel);
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

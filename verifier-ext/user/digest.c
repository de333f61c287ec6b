// SPDX-License-Identifier: GPL-2.0
/* The digest of an object's handler set, as the kernel finds it when the object is loaded. */
#include <linux/kvm_caretaker_bpf.h>

#include "elf.h"

/* The kernel's names of maps end here. */
#define MAP_NAME	16

static void sections(const struct object *o, struct ctv_section *s, char (*names)[MAP_NAME])
{
	u32 i;

	for (i = 0; i < o->set.nr_maps; i++) {
		snprintf(names[i], MAP_NAME, "%.15s", o->map_names[i]);
		s[i] = (struct ctv_section){
			.name = names[i],
			.addr = o->maps[i].addr,
			.size = o->maps[i].size,
			.ro = !strncmp(o->map_names[i], ".rodata", 7),
			.data = o->map_data[i],
		};
	}
}

int object_digest(const struct object *o, u8 *digest)
{
	const struct ctv_code *by_class[KVM_CARETAKER_NR_CLASSES] = { NULL };
	struct ctv_section s[OBJECT_MAX];
	struct ctv_code codes[OBJECT_MAX];
	char names[OBJECT_MAX][MAP_NAME];
	u32 i, nr = o->set.nr_progs;
	int err = 0, class;

	memset(codes, 0, sizeof(codes));
	for (i = 0; i < nr && !err; i++) {
		class = object_class(o->info[i].class);
		err = class < 0 ? -EINVAL :
		      ctv_code_read(o->info[i].raw, o->info[i].raw_len, object_kfuncs, &codes[i]);
		if (!err)
			by_class[class] = &codes[i];
	}
	sections(o, s, names);
	if (!err)
		err = ctv_digest(o->name, by_class, KVM_CARETAKER_NR_CLASSES, s, o->set.nr_maps,
				 digest);
	for (i = 0; i < nr; i++)
		ctv_code_free(&codes[i]);
	return err;
}

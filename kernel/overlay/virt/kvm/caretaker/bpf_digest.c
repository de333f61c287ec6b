// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: the digest of a handler set (ctv_digest.c).
 *
 * It is of the instructions as an operator loaded them. Only ops_check_member() sees these, where
 * it is not known yet which map an address belongs to, whereas the programs of a set know their
 * maps, but have been rewritten. So what the digest needs of a program is noted when it is loaded,
 * and used when it becomes part of a set. In between the program may go away, and nobody tells:
 * notes are known by the program's auxiliary data and by the kernel's own digest of it, a new one
 * for the same address replaces the old one, and only the newest are kept. A set that is made of
 * programs whose notes are gone has no digest.
 */
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bpf.h"
#include "ctv.h"

static_assert(sizeof_field(struct kvm_caretaker_ops, digest) == CTV_DIGEST_BYTES);

/* Loaders make a set of their programs right after they loaded them. */
#define NOTES_MAX	256

/**
 * struct note - a program that was loaded
 * @list:	entry of notes
 * @aux:	the program, may be gone
 * @tag:	the kernel's digest of it
 * @code:	what the digest of its set needs
 */
struct note {
	struct list_head list;
	const struct bpf_prog_aux *aux;
	u8 tag[SHA256_DIGEST_SIZE];
	struct ctv_code code;
};

/* Taken within bpf_struct_ops' lock of a map; aux->used_maps_mutex is taken within. */
static DEFINE_MUTEX(notes_lock);
static LIST_HEAD(notes);	/* the newest first */
static unsigned int nr_notes;

static void note_drop(struct note *n)
{
	list_del(&n->list);
	nr_notes--;
	ctv_code_free(&n->code);
	kfree(n);
}

static struct note *note_find(const struct bpf_prog_aux *aux)
{
	struct note *n;

	list_for_each_entry(n, &notes, list)
		if (n->aux == aux)
			return n;
	return NULL;
}

static void note_add(struct note *n)
{
	struct note *old;

	guard(mutex)(&notes_lock);
	old = note_find(n->aux);
	if (old)
		note_drop(old);
	list_add(&n->list, &notes);
	if (++nr_notes > NOTES_MAX)
		note_drop(list_last_entry(&notes, struct note, list));
}

/**
 * caretaker_digest_note() - note a program for the digest of its set
 * @prog:	the program, as loaded, with addresses of maps in place
 *
 * Return: 0 or -ENOMEM.
 */
int caretaker_digest_note(const struct bpf_prog *prog)
{
	struct note *n = kzalloc_obj(*n, GFP_KERNEL_ACCOUNT);
	int err;

	if (!n)
		return -ENOMEM;
	err = ctv_code_read((const struct ctv_insn *)prog->insnsi, prog->len,
			    caretaker_kfunc_ids(), &n->code);
	if (err) {
		kfree(n);
		return err;
	}
	n->aux = prog->aux;
	memcpy(n->tag, prog->digest, sizeof(n->tag));
	note_add(n);
	return 0;
}

/**
 * struct digest_build - a set whose digest is being made
 * @codes:	its programs, by class
 * @sections:	their maps
 * @nr:		number of @sections
 */
struct digest_build {
	const struct ctv_code *codes[KVM_CARETAKER_NR_CLASSES];
	struct ctv_section *sections;
	u32 nr;
};

/* A map that cannot be part of a set, or whose contents may still change, has no place in it. */
static bool map_counts(const struct bpf_map *map)
{
	if (map->map_type != BPF_MAP_TYPE_ARRAY || map->max_entries != 1 ||
	    PFN_UP(map->value_size) > CARETAKER_HANDLERS_MAX_PAGES)
		return false;
	return !caretaker_map_is_ro(map) || READ_ONCE(map->frozen);
}

static int build_add_map(struct digest_build *b, struct bpf_map *map)
{
	u64 addr = (unsigned long)caretaker_map_value(map);
	struct ctv_section *s;
	u32 i;

	for (i = 0; i < b->nr; i++)
		if (b->sections[i].addr == addr)
			return 0;
	s = krealloc_array(b->sections, b->nr + 1, sizeof(*s), GFP_KERNEL_ACCOUNT);
	if (!s)
		return -ENOMEM;
	b->sections = s;
	s[b->nr++] = (struct ctv_section){
		.name = map->name,
		.addr = addr,
		.size = map->value_size,
		.ro = caretaker_map_is_ro(map),
		.data = caretaker_map_value(map),
	};
	return 0;
}

static int build_add_prog(struct bpf_prog *prog, void *data)
{
	struct bpf_prog_aux *aux = prog->aux;
	struct note *n = note_find(aux);
	struct digest_build *b = data;
	int err = 0;
	u32 i;

	if (!n || memcmp(n->tag, prog->digest, sizeof(n->tag)))
		return -ENOENT;
	b->codes[caretaker_prog_class(prog)] = &n->code;
	mutex_lock(&aux->used_maps_mutex);
	for (i = 0; i < aux->used_map_cnt && !err; i++)
		if (map_counts(aux->used_maps[i]))
			err = build_add_map(b, aux->used_maps[i]);
	mutex_unlock(&aux->used_maps_mutex);
	return err;
}

/**
 * caretaker_digest_make() - find the digest of a set
 * @ops:	the kernel's copy of its map's value, the programs in place; @ops->digest is
 *		written, with zeros when the digest cannot be told
 *
 * Return: 0 or -ENOMEM.
 */
int caretaker_digest_make(struct kvm_caretaker_ops *ops)
{
	struct digest_build b = {};
	int err;

	memset(ops->digest, 0, sizeof(ops->digest));
	guard(mutex)(&notes_lock);
	err = bpf_struct_ops_for_each_prog(ops, build_add_prog, &b);
	if (!err)
		err = ctv_digest(ops->name, b.codes, ARRAY_SIZE(b.codes), b.sections, b.nr,
				 ops->digest);
	kfree(b.sections);
	return err == -ENOMEM ? err : 0;
}

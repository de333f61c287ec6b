/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* State of a handler object, by libbpf's object: what handlers.c is made of, and its tests. */
#ifndef CARETAKER_CARRY_H
#define CARETAKER_CARRY_H

#include "caretaker.h"

#include <stdbool.h>

struct bpf_map;
struct bpf_object;
struct btf_type;

/* Gives the place of a map in the state; not 0: it is not in there, for no program uses it. */
typedef int (*carry_place)(void *arg, const struct bpf_map *map, uint64_t *offset);

bool carry_is_state(const struct bpf_map *map);
const struct btf_type *carry_section(const struct bpf_object *obj, const struct bpf_map *map);
int carry_type(struct bpf_object *obj, carry_place place, void *arg,
	       struct caretaker_state_type *t, char *log, size_t size);
int carry_btf(const struct bpf_object *obj, void **btf, size_t *len);
int carry_into(struct bpf_object *obj, carry_place place, void *arg,
	       const struct caretaker_state_type *old, const void *state, size_t len, char *log,
	       size_t size);

/* The place that the kernel gives a map; @obj is loaded. */
int layout_place(void *obj, const struct bpf_map *map, uint64_t *offset);

#endif /* CARETAKER_CARRY_H */

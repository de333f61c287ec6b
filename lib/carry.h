/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* State of a handler object, by libbpf's object: what handlers.c is made of, and its tests. */
#ifndef CARETAKER_CARRY_H
#define CARETAKER_CARRY_H

#include "caretaker.h"

struct bpf_object;

int carry_type(struct bpf_object *obj, struct caretaker_state_type *t, char *log, size_t size);
int carry_into(struct bpf_object *obj, const struct caretaker_state_type *old, const void *state,
	       size_t len, char *log, size_t size);

#endif /* CARETAKER_CARRY_H */

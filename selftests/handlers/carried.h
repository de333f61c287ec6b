/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HANDLERS_CARRIED_H
#define HANDLERS_CARRIED_H

#include <stddef.h>

struct bpf_object;

/* Puts state that outlived a kernel into an object of the same types, as libcaretaker does. */
int state_carried(struct bpf_object *obj, const void *state, size_t len, char *why, size_t size);

#endif /* HANDLERS_CARRIED_H */

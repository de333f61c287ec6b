/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HANDLERS_CARRIED_H
#define HANDLERS_CARRIED_H

#include <stddef.h>

struct bpf_object;

/* Keeps what says how to read the state of a loaded object: @kept is memory that is preserved. */
int state_describe(struct bpf_object *obj, void *kept, size_t size, char *why, size_t why_size);
/*
 * The number @name in state that outlived a kernel, by what was kept and no object, by way of the
 * file that libcaretaker writes; 0 also when there is none, or a negative errno.
 */
int state_number(const void *kept, size_t size, const void *state, size_t len, const char *name,
		 unsigned long long *number, char *why, size_t why_size);

/* Puts state that outlived a kernel into an object of the same types, as libcaretaker does. */
int state_carried(struct bpf_object *obj, const void *state, size_t len, char *why, size_t size);

#endif /* HANDLERS_CARRIED_H */

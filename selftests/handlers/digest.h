/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HANDLERS_DIGEST_H
#define HANDLERS_DIGEST_H

#include "object.h"

/* 32 bytes; 0 or a negative errno. */
int corpus_digest(const struct corpus_entry *e, unsigned char *digest);

/* The number @name in the state of a set, by the types of its object; 0 or a negative errno. */
int corpus_state(const struct corpus_entry *e, const void *state, size_t len, const char *name,
		 unsigned long long *number);

/* The same by types alone, with the places of the sections in the state. */
struct types_section {
	const char *name;
	unsigned long long offset;
	unsigned long long bytes;
};

int types_state(const void *btf, size_t btf_len, const struct types_section *sections,
		unsigned int nr, const void *state, size_t len, const char *name,
		unsigned long long *number);

#endif /* HANDLERS_DIGEST_H */

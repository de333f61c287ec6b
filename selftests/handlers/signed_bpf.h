/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HANDLERS_SIGNED_BPF_H
#define HANDLERS_SIGNED_BPF_H

#include "object.h"

/* A handler set of one program, loaded without libbpf's loader; descriptors or -1. */
struct signed_set {
	int prog;
	int map;
	int link;
};

/*
 * Loads program @prog of @e for member @member, with a PKCS#7 signature of its instructions when
 * @sig is not NULL. It may have neither global variables nor functions. 0 or a negative errno.
 */
int signed_set_load(struct signed_set *s, const struct corpus_entry *e, const char *prog,
		    const char *member, const void *sig, size_t sig_len);
void signed_set_close(struct signed_set *s);

#endif /* HANDLERS_SIGNED_BPF_H */

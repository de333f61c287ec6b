/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HANDLERS_DIGEST_H
#define HANDLERS_DIGEST_H

#include "object.h"

/* 32 bytes; 0 or a negative errno. */
int corpus_digest(const struct corpus_entry *e, unsigned char *digest);

#endif /* HANDLERS_DIGEST_H */

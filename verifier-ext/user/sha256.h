/* SPDX-License-Identifier: GPL-2.0 */
/* SHA-256 (FIPS 180-4), with the functions that the kernel has for it. */
#ifndef CTV_SHA256_H
#define CTV_SHA256_H

#include "ctv_insn.h"

/**
 * struct sha256_ctx - a digest on its way
 * @h:		the hash value so far
 * @len:	bytes that came in
 * @block:	those that do not fill a block yet
 */
struct sha256_ctx {
	u32 h[8];
	u64 len;
	u8 block[64];
};

void sha256_init(struct sha256_ctx *c);
void sha256_update(struct sha256_ctx *c, const u8 *data, size_t len);
void sha256_final(struct sha256_ctx *c, u8 out[32]);

#endif /* CTV_SHA256_H */

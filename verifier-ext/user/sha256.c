// SPDX-License-Identifier: GPL-2.0
/* SHA-256 by FIPS 180-4, plain: what is hashed here is short. */
#include <string.h>

#include "user/sha256.h"

/* 4.2.2 */
static const u32 k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static u32 rotate(u32 x, u32 n)
{
	return x >> n | x << (32 - n);
}

/* 6.2.2, step 1 */
static void schedule(const u8 *block, u32 w[64])
{
	u32 i, s0, s1;

	for (i = 0; i < 16; i++)
		w[i] = (u32)block[4 * i] << 24 | (u32)block[4 * i + 1] << 16 |
		       (u32)block[4 * i + 2] << 8 | block[4 * i + 3];
	for (; i < 64; i++) {
		s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
		s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
}

static void one_block(u32 h[8], const u8 *block)
{
	u32 v[8], w[64], i, t1, t2;

	schedule(block, w);
	memcpy(v, h, sizeof(v));
	for (i = 0; i < 64; i++) {
		t1 = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) +
		     ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
		t2 = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) +
		     ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (i = 0; i < 8; i++)
		h[i] += v[i];
}

void sha256_init(struct sha256_ctx *c)
{
	/* 5.3.3 */
	static const u32 first[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
		0x1f83d9ab, 0x5be0cd19,
	};

	memcpy(c->h, first, sizeof(first));
	c->len = 0;
}

void sha256_update(struct sha256_ctx *c, const u8 *data, size_t len)
{
	size_t used, n;

	while (len) {
		used = c->len % sizeof(c->block);
		n = sizeof(c->block) - used < len ? sizeof(c->block) - used : len;
		memcpy(c->block + used, data, n);
		c->len += n;
		data += n;
		len -= n;
		if (used + n == sizeof(c->block))
			one_block(c->h, c->block);
	}
}

void sha256_final(struct sha256_ctx *c, u8 out[32])
{
	static const u8 pad[64] = { 0x80 };
	u64 bits = c->len * 8;
	u8 end[8];
	u32 i;

	for (i = 0; i < 8; i++)
		end[i] = (u8)(bits >> (56 - 8 * i));
	/* 5.1.1: to 8 bytes before the end of a block */
	sha256_update(c, pad, 1 + (119 - c->len % 64) % 64);
	sha256_update(c, end, sizeof(end));
	for (i = 0; i < 32; i++)
		out[i] = (u8)(c->h[i / 4] >> (24 - 8 * (i % 4)));
}

// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * A record of state is read as it was written, and what is damaged, cut off or made to mislead is
 * refused. Each input has memory of its own size, so that the sanitizers see one byte too many.
 * KTAP; needs no kernel.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caretaker.h"

#define STATE_BYTES	300
#define HEADER_BYTES	48
#define CRC_AT		44
#define TYPE_AT		HEADER_BYTES
#define SECTION_AT	(TYPE_AT + 16)
#define BTF_AT		(TYPE_AT + 176)

/* Header of 24 bytes, an integer of 16, eight bytes of strings: "", "u64", "abc" less its zero */
static const unsigned char btf[] = {
	0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 16, 0, 0, 0, 8, 0, 0, 0,
	1, 0, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 64, 0, 0, 0,
	0, 'u', '6', '4', 0, 'a', 'b', 0,
	0xaa,	/* what a later format appends */
};

static unsigned char state[STATE_BYTES];
static struct caretaker_state_record parts;
static unsigned char *good;
static size_t good_len;
static unsigned int nr;
static bool failed;
static char log[256];

static void result(bool ok, const char *what)
{
	if (!ok)
		printf("# %s\n", log);
	failed |= !ok;
	printf("%sok %u - %s\n", ok ? "" : "not ", ++nr, what);
}

static uint32_t crc_of(const unsigned char *p, size_t len)
{
	uint32_t crc = ~0U;
	size_t i;
	int bit;

	for (i = 0; i < len; i++) {
		if (i >= CRC_AT && i < HEADER_BYTES)
			continue;
		crc ^= p[i];
		for (bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320U : crc >> 1;
	}
	return ~crc;
}

static void crc_right(unsigned char *p, size_t len)
{
	uint32_t crc = crc_of(p, len);

	memcpy(p + CRC_AT, &crc, sizeof(crc));
}

static unsigned char *copy(const void *p, size_t len)
{
	unsigned char *own = malloc(len ? len : 1);

	memcpy(own, p, len);
	return own;
}

static bool is_nothing(const struct caretaker_state_record *r)
{
	return !r->btf && !r->btf_len && !r->state && !r->state_len && !r->type.nr;
}

static int unpack(const void *p, size_t len, struct caretaker_state_record *r)
{
	memset(r, 0x5a, sizeof(*r));
	log[0] = 0;
	return caretaker_state_unpack(p, len, r, log, sizeof(log));
}

static bool comes_back(void)
{
	struct caretaker_state_record r;

	return !unpack(good, good_len, &r) && r.btf_len == sizeof(btf) &&
	       !memcmp(r.btf, btf, sizeof(btf)) && r.state_len == STATE_BYTES &&
	       !memcmp(r.state, state, STATE_BYTES) &&
	       !memcmp(&r.type, &parts.type, sizeof(r.type));
}

/* As docs/abi.md has it. */
static bool format(void)
{
	return !memcmp(good, "CTSTATE\0\1\0\0\0\60\0\0\0", 16) && crc_of(good, good_len) ==
	       (good[44] | good[45] << 8 | good[46] << 16 | (uint32_t)good[47] << 24) &&
	       !memcmp(good + BTF_AT, btf, sizeof(btf)) &&
	       good_len == BTF_AT + (sizeof(btf) + 7) / 8 * 8 + STATE_BYTES &&
	       !memcmp(good + good_len - STATE_BYTES, state, STATE_BYTES);
}

static bool cut_off(void)
{
	struct caretaker_state_record r;
	unsigned char *p;
	bool ok = true;
	size_t len;

	for (len = 0; len < good_len && ok; len++) {
		p = copy(good, len);
		ok = unpack(p, len, &r) == (len < 8 ? -ENOMSG : -EBADMSG) && log[0] &&
		     is_nothing(&r);
		/* and when it says that it is so short */
		if (ok && len >= HEADER_BYTES) {
			memcpy(p + 16, &len, sizeof(len));
			crc_right(p, len);
			ok = unpack(p, len, &r) == -EBADMSG && is_nothing(&r);
		}
		free(p);
	}
	return ok;
}

static bool too_long(void)
{
	struct caretaker_state_record r;
	unsigned char *p = calloc(1, good_len + 1);
	bool ok;

	memcpy(p, good, good_len);
	ok = unpack(p, good_len + 1, &r) == -EBADMSG;
	free(p);
	return ok;
}

static bool bits_flipped(void)
{
	struct caretaker_state_record r;
	unsigned char *p = copy(good, good_len);
	bool ok = true;
	size_t bit;

	for (bit = 0; bit < 8 * good_len && ok; bit++) {
		p[bit / 8] ^= 1 << bit % 8;
		ok = unpack(p, good_len, &r) == (bit < 64 ? -ENOMSG : -EBADMSG) && is_nothing(&r);
		p[bit / 8] ^= 1 << bit % 8;
	}
	free(p);
	return ok;
}

/* Reads all that a caller may read of what was accepted. */
static unsigned int use(const struct caretaker_state_record *r)
{
	const struct caretaker_state_section *s;
	const unsigned char *p = r->state;
	unsigned int sum = 0, i;
	uint32_t h[6];
	uint64_t at;

	for (i = 0; i < r->type.nr; i++) {
		s = &r->type.section[i];
		sum += strlen(s->name);
		for (at = s->offset; at < s->offset + s->bytes; at++)
			sum += p[at];
	}
	memcpy(h, r->btf, sizeof(h));
	p = (const unsigned char *)r->btf + h[1];
	for (at = 0; at < h[3]; at++)
		sum += p[h[2] + at];
	for (at = 0; at < h[5]; at += strlen((const char *)p + h[4] + at) + 1)
		sum++;
	return sum;
}

/* Bytes in front of the state that are others, with a checksum that is right. */
static bool made_to_mislead(void)
{
	static const unsigned char with[] = { 0x01, 0x80, 0xff, 0x7f };
	struct caretaker_state_record r;
	unsigned int i, accepted = 0;
	volatile unsigned int sum = 0;
	unsigned char *p;
	bool ok = true;
	size_t at;

	for (at = 8; at < good_len - STATE_BYTES && ok; at++) {
		for (i = 0; i < sizeof(with) && ok; i++) {
			p = copy(good, good_len);
			p[at] ^= with[i];
			crc_right(p, good_len);
			if (!unpack(p, good_len, &r)) {
				accepted++;
				sum += use(&r);
			} else {
				ok = is_nothing(&r) && log[0];
			}
			free(p);
		}
	}
	printf("# %u accepted\n", accepted);
	return ok && accepted;	/* digests, names, and what is in the types */
}

/* One number is another one, in a file that is sound otherwise. */
static const struct lie {
	const char *name;
	size_t at;
	unsigned int bytes;
	uint64_t number;
	const char *why;
} lies[] = {
	{ "a later version", 8, 4, 2, "version 2 of the format" },
	{ "a header of another size", 12, 4, 56, "of the format" },
	{ "more bytes than there are", 16, 8, ~0ULL, "were written" },
	{ "more state than there is", 24, 8, ~0ULL, "do not add up" },
	{ "state that wraps around", 24, 8, 0ULL - 400, "do not add up" },
	{ "a note of another size", 32, 4, 216, "of the format" },
	{ "more types than there are", 36, 4, ~0U, "do not add up" },
	{ "no types", 36, 4, 0, "do not add up" },
	{ "something reserved", 40, 4, 1, "of the format" },
	{ "another checksum", 44, 4, 0, "checksum" },
	{ "a note of another version", TYPE_AT + 4, 4, 3, "another version of the library" },
	{ "no sections", TYPE_AT + 8, 4, 0, "note of its sections" },
	{ "too many sections", TYPE_AT + 8, 4, 5, "note of its sections" },
	{ "a section that is not there", TYPE_AT + 8, 4, 3, "section 2 is damaged" },
	{ "a section behind the state", SECTION_AT, 8, STATE_BYTES, "not within" },
	{ "a section that wraps around", SECTION_AT, 8, ~0ULL, "not within" },
	{ "a section that is too long", SECTION_AT + 8, 8, STATE_BYTES + 1, "not within" },
	{ "a section without bytes", SECTION_AT + 8, 8, 0, "damaged" },
	{ "a section with a part of another", SECTION_AT, 8, 190, "overlap" },
	{ "a section without a name", SECTION_AT + 24, 8, 0, "damaged" },
	{ "types that are none", BTF_AT, 2, 0xeb9e, "(BTF) are damaged" },
	{ "types of another format", BTF_AT + 2, 1, 2, "(BTF) are damaged" },
	{ "types with a short header", BTF_AT + 4, 4, 20, "(BTF) are damaged" },
	{ "types with a long header", BTF_AT + 4, 4, sizeof(btf) + 1, "(BTF) are damaged" },
	{ "types behind the end", BTF_AT + 8, 4, ~0U, "(BTF) are damaged" },
	{ "too many types", BTF_AT + 12, 4, 26, "(BTF) are damaged" },
	{ "no type", BTF_AT + 12, 4, 0, "(BTF) are damaged" },
	{ "names behind the end", BTF_AT + 16, 4, ~0U, "(BTF) are damaged" },
	{ "too many names", BTF_AT + 20, 4, 10, "(BTF) are damaged" },
	{ "no names", BTF_AT + 20, 4, 0, "(BTF) are damaged" },
	{ "a name without an end", BTF_AT + 20, 4, 7, "(BTF) are damaged" },
};

#define NR_LIES	(sizeof(lies) / sizeof(lies[0]))

static void lie_told(const struct lie *l)
{
	struct caretaker_state_record r;
	unsigned char *p = copy(good, good_len);
	char name[96];

	memcpy(p + l->at, &l->number, l->bytes);
	if (l->at != CRC_AT)
		crc_right(p, good_len);
	snprintf(name, sizeof(name), "refused: %s", l->name);
	result(unpack(p, good_len, &r) == -EBADMSG && strstr(log, l->why) && is_nothing(&r),
	       name);
	free(p);
}

static bool endless_name(void)
{
	struct caretaker_state_record r;
	unsigned char *p = copy(good, good_len);
	bool ok;

	memset(p + SECTION_AT + 24, 'a', 16);
	crc_right(p, good_len);
	ok = unpack(p, good_len, &r) == -EBADMSG && strstr(log, "section 0 is damaged");
	free(p);
	return ok;
}

static bool something_else(void)
{
	struct caretaker_state_record r;

	return unpack(state, sizeof(state), &r) == -ENOMSG && unpack("", 0, &r) == -ENOMSG &&
	       caretaker_state_unpack(state, sizeof(state), &r, NULL, 0) == -ENOMSG;
}

/* What is refused when it is read is not written either. */
static bool not_written(void)
{
	struct caretaker_state_record r = parts;
	void *p = &r;
	size_t len = 1;
	bool ok;

	r.state_len = 199;
	ok = caretaker_state_pack(&r, &p, &len, log, sizeof(log)) == -EBADMSG && !p && !len &&
	     strstr(log, "not within");
	r = parts;
	r.btf_len = 0;
	ok = ok && caretaker_state_pack(&r, &p, &len, log, sizeof(log)) == -EBADMSG && !p;
	r = parts;
	r.btf_len = CARETAKER_BTF_MAX + 1;
	ok = ok && caretaker_state_pack(&r, &p, &len, log, sizeof(log)) == -EBADMSG && !p;
	r.btf = copy(btf, 23);		/* less than its header */
	r.btf_len = 23;
	ok = ok && caretaker_state_pack(&r, &p, &len, log, sizeof(log)) == -EBADMSG && !p;
	free((void *)r.btf);
	memset(&r.type, 0, sizeof(r.type));
	r.btf = btf;
	r.btf_len = sizeof(btf);
	return ok && caretaker_state_pack(&r, &p, &len, NULL, 0) == -EBADMSG && !p;
}

int main(void)
{
	void *buf;
	size_t i;

	for (i = 0; i < sizeof(state); i++)
		state[i] = (unsigned char)(i * 5 + 1);
	parts = (struct caretaker_state_record){
		.btf = btf, .btf_len = sizeof(btf), .state = state, .state_len = sizeof(state),
		.type = {
			.size = sizeof(parts.type), .version = CARETAKER_STATE_TYPE_VERSION,
			.nr = 2,
			.section = { { 0, 100, 7, ".bss" }, { 200, 100, 8, ".data" } },
		},
	};
	printf("KTAP version 1\n1..%zu\n", NR_LIES + 10);
	result(!caretaker_state_pack(&parts, &buf, &good_len, log, sizeof(log)), "it is written");
	if (failed)
		return 1;
	good = copy(buf, good_len);
	free(buf);
	result(comes_back(), "what is written comes back");
	result(format(), "the format is the documented one");
	result(cut_off(), "refused: cut off after any number of bytes");
	result(too_long(), "refused: a byte more");
	result(bits_flipped(), "refused: any bit is another one");
	result(made_to_mislead(), "what is accepted with a right checksum is within bounds");
	result(endless_name(), "refused: a section's name without an end");
	result(something_else(), "bytes of state alone are told apart");
	result(not_written(), "parts that do not fit together are not written");
	for (i = 0; i < NR_LIES; i++)
		lie_told(&lies[i]);
	free(good);
	return failed;
}

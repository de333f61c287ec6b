// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * libcaretaker: state of handlers together with what says how to read it, as one run of bytes: a
 * header, the note of its sections, the programs' BTF, the state. docs/abi.md has the format. A
 * reader takes any bytes, and needs neither libbpf nor a kernel.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caretaker.h"
#include "refuse.h"

#define RECORD_MAGIC	"CTSTATE"	/* and its zero */
#define RECORD_VERSION	1

/* Numbers are little endian, as the host's; the checksum is of all bytes but its own. */
struct record {
	char magic[8];
	uint32_t version;
	uint32_t header_bytes;
	uint64_t bytes;
	uint64_t state_bytes;
	uint32_t type_bytes;
	uint32_t btf_bytes;
	uint32_t reserved;
	uint32_t crc;
};

_Static_assert(sizeof(struct record) == 48, "files have it");
_Static_assert(sizeof(struct caretaker_state_type) == 176, "files have it");

#define BTF_MAGIC	0xeb9f
#define BTF_VERSION	1

/* Documentation/bpf/btf.rst of Linux; later kernels may append to it */
struct btf_head {
	uint16_t magic;
	uint8_t version;
	uint8_t flags;
	uint32_t hdr_len;
	uint32_t type_off, type_len;
	uint32_t str_off, str_len;
};

/* CRC-32 of IEEE 802.3, as zlib's */
static uint32_t crc_add(uint32_t crc, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	int i;

	crc = ~crc;
	while (len--) {
		crc ^= *p++;
		for (i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
	}
	return ~crc;
}

static uint32_t record_crc(const void *buf, size_t len)
{
	const char *p = buf;

	return crc_add(crc_add(0, p, offsetof(struct record, crc)), p + sizeof(struct record),
		       len - sizeof(struct record));
}

/* What follows the BTF begins at a multiple of 8. */
static uint64_t btf_room(uint64_t bytes)
{
	return (bytes + 7) & ~7ULL;
}

static bool part_fits(uint64_t off, uint64_t len, uint64_t all)
{
	return off <= all && len <= all - off;
}

static bool sections_overlap(const struct caretaker_state_type *t)
{
	const struct caretaker_state_section *a, *b, *end = t->section + t->nr;

	for (a = t->section; a < end; a++)
		for (b = t->section; b < a; b++)
			if (a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes)
				return true;
	return false;
}

static int type_check(const struct caretaker_state_type *t, uint64_t state_len, char *log,
		      size_t size)
{
	const struct caretaker_state_section *s;

	if (t->size != sizeof(*t) || t->version != CARETAKER_STATE_TYPE_VERSION)
		return refuse(log, size, -EBADMSG,
			      "its sections were noted by another version of the library");
	if (!t->nr || t->nr > CARETAKER_STATE_SECTIONS || t->reserved)
		return refuse(log, size, -EBADMSG, "the note of its sections is damaged");
	for (s = t->section; s < t->section + t->nr; s++) {
		if (!s->name[0] || !memchr(s->name, 0, sizeof(s->name)) || !s->bytes)
			return refuse(log, size, -EBADMSG, "section %td is damaged",
				      s - t->section);
		if (!part_fits(s->offset, s->bytes, state_len))
			return refuse(log, size, -EBADMSG,
				      "section %s is not within the %llu bytes of state",
				      s->name, (unsigned long long)state_len);
	}
	if (sections_overlap(t))
		return refuse(log, size, -EBADMSG, "sections overlap");
	return 0;
}

/* The shape alone: who decodes the types checks them one by one. */
static bool btf_is_sound(const unsigned char *btf, uint64_t len)
{
	struct btf_head h;
	uint64_t body;

	if (len < sizeof(h) || len > CARETAKER_BTF_MAX)
		return false;
	memcpy(&h, btf, sizeof(h));
	if (h.magic != BTF_MAGIC || h.version != BTF_VERSION || h.hdr_len < sizeof(h) ||
	    h.hdr_len > len)
		return false;
	body = len - h.hdr_len;
	btf += h.hdr_len;
	return h.type_len && h.str_len && part_fits(h.type_off, h.type_len, body) &&
	       part_fits(h.str_off, h.str_len, body) && !btf[h.str_off] &&
	       !btf[h.str_off + h.str_len - 1];
}

static int parts_check(const struct caretaker_state_record *r, char *log, size_t size)
{
	if (!btf_is_sound(r->btf, r->btf_len))
		return refuse(log, size, -EBADMSG, "the types (BTF) are damaged");
	return type_check(&r->type, r->state_len, log, size);
}

static int header_check(const struct record *h, const void *buf, size_t len, char *log, size_t size)
{
	if (h->version != RECORD_VERSION || h->header_bytes != sizeof(*h) ||
	    h->type_bytes != sizeof(struct caretaker_state_type) || h->reserved)
		return refuse(log, size, -EBADMSG,
			      "version %u of the format, version %d is known: use the library that wrote it",
			      h->version, RECORD_VERSION);
	if (h->bytes != len)
		return refuse(log, size, -EBADMSG, "%zu bytes are there, %llu were written",
			      len, (unsigned long long)h->bytes);
	if (h->state_bytes > len || sizeof(*h) + h->type_bytes + btf_room(h->btf_bytes) +
	    h->state_bytes != len)
		return refuse(log, size, -EBADMSG, "its parts do not add up to %zu bytes",
			      len);
	if (record_crc(buf, len) != h->crc)
		return refuse(log, size, -EBADMSG, "the checksum does not match");
	return 0;
}

/**
 * caretaker_state_pack() - state of handlers and how to read it, as bytes for a file
 * @r: the parts: type and BTF from caretaker_handlers_describe(), state from caretaker_get_state()
 * @buf: set to memory that the caller frees
 * @len: set to its size in bytes
 * @log: buffer for the reason of a refusal, or NULL
 * @log_size: bytes at @log
 *
 * Return: 0; -EBADMSG: the parts do not fit together, as when the state is of another set; -ENOMEM.
 */
int caretaker_state_pack(const struct caretaker_state_record *r, void **buf, size_t *len,
			 char *log, size_t log_size)
{
	struct record h = {
		.magic = RECORD_MAGIC, .version = RECORD_VERSION, .header_bytes = sizeof(h),
		.state_bytes = r->state_len, .type_bytes = sizeof(r->type), .btf_bytes = r->btf_len,
	};
	int err = parts_check(r, log, log_size);
	char *p;

	*buf = NULL;
	*len = 0;
	if (err)
		return err;
	h.bytes = sizeof(h) + sizeof(r->type) + btf_room(r->btf_len) + r->state_len;
	p = calloc(1, h.bytes);
	if (!p)
		return refuse(log, log_size, -ENOMEM, "out of memory");
	memcpy(p + sizeof(h), &r->type, sizeof(r->type));
	memcpy(p + sizeof(h) + sizeof(r->type), r->btf, r->btf_len);
	memcpy(p + h.bytes - r->state_len, r->state, r->state_len);
	memcpy(p, &h, sizeof(h));
	h.crc = record_crc(p, h.bytes);
	memcpy(p, &h, sizeof(h));
	*buf = p;
	*len = h.bytes;
	return 0;
}

/**
 * caretaker_state_unpack() - take apart what caretaker_state_pack() made
 * @buf: any bytes
 * @len: their number
 * @r: filled in; @btf and @state are in @buf
 * @log: buffer for the reason of a refusal, or NULL
 * @log_size: bytes at @log
 *
 * Each section of @r->type is within the state, and the parts of the BTF within the BTF. Its types
 * are not looked at.
 *
 * Return: 0; -ENOMSG: it is something else, as the bytes of caretaker_get_state() alone; -EBADMSG:
 * it is damaged, cut off, or of another version.
 */
int caretaker_state_unpack(const void *buf, size_t len, struct caretaker_state_record *r,
			   char *log, size_t log_size)
{
	const char *p = buf;
	struct record h;
	int err;

	memset(r, 0, sizeof(*r));
	if (len < sizeof(h.magic) || memcmp(p, RECORD_MAGIC, sizeof(h.magic)))
		return refuse(log, log_size, -ENOMSG, "there are no types in it");
	if (len < sizeof(h))
		return refuse(log, log_size, -EBADMSG, "it is cut off after %zu bytes", len);
	memcpy(&h, p, sizeof(h));
	err = header_check(&h, buf, len, log, log_size);
	if (err)
		return err;
	memcpy(&r->type, p + sizeof(h), sizeof(r->type));
	r->btf = p + sizeof(h) + sizeof(r->type);
	r->btf_len = h.btf_bytes;
	r->state = p + len - h.state_bytes;
	r->state_len = h.state_bytes;
	err = parts_check(r, log, log_size);
	if (err)
		memset(r, 0, sizeof(*r));
	return err;
}

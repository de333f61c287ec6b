// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Recordings: what reading and writing share, and writing. */
#include <string.h>

#include "record.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are written as memory is");
_Static_assert(sizeof(struct kvm_caretaker_telemetry) % 8 == 0, "packed by words");
_Static_assert(sizeof(struct kvm_caretaker_telemetry) / 8 < UINT16_MAX, "runs have 16 bits");

_Static_assert(sizeof(struct ctele_tele1) % 8 == 0, "packed by words");

#define RECORD_WORDS	(sizeof(struct kvm_caretaker_telemetry) / 8)

/**
 * record_crc() - CRC-32 as of IEEE 802.3
 * @crc:	of what came before, 0 at the start
 * @data:	bytes
 * @len:	their number
 */
uint32_t record_crc(uint32_t crc, const void *data, size_t len)
{
	static uint32_t table[256];
	const unsigned char *p = data;
	uint32_t i, bit, c;

	for (i = 0; !table[255] && i < 256; i++) {
		for (c = i, bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
		table[i] = c;
	}
	crc = ~crc;
	while (len--)
		crc = table[(crc ^ *p++) & 0xff] ^ crc >> 8;
	return ~crc;
}

static bool word_is_zero(const unsigned char *words, size_t i)
{
	uint64_t w;

	memcpy(&w, words + 8 * i, 8);
	return !w;
}

static size_t pack_run(const unsigned char *words, size_t from, size_t end, size_t skip,
		       unsigned char *out)
{
	uint16_t head[2] = { skip, end - from };

	memcpy(out, head, sizeof(head));
	memcpy(out + sizeof(head), words + 8 * from, 8 * (end - from));
	return sizeof(head) + 8 * (end - from);
}

/**
 * record_pack() - runs of 64-bit words that are not zero: u16 zeros before, u16 words, the words
 * @words:	the words
 * @n:		their number, less than 65536
 * @out:	room for 12 bytes per word
 *
 * Return: bytes written.
 */
size_t record_pack(const void *words, size_t n, unsigned char *out)
{
	size_t i = 0, last = 0, from, len = 0;

	while (i < n) {
		while (i < n && word_is_zero(words, i))
			i++;
		for (from = i; i < n && !word_is_zero(words, i); i++)
			;
		if (i > from)
			len += pack_run(words, from, i, from - last, out + len);
		last = i;
	}
	return len;
}

/**
 * record_unpack() - the reverse of record_pack()
 * @in:		runs
 * @len:	their bytes
 * @words:	out; words of runs beyond @n are left out
 * @n:		room in @words
 *
 * Return: false when the runs make no sense.
 */
bool record_unpack(const unsigned char *in, size_t len, void *words, size_t n)
{
	unsigned char *out = words;
	uint16_t head[2];
	size_t at = 0, i;

	memset(words, 0, 8 * n);
	while (len) {
		if (len < sizeof(head))
			return false;
		memcpy(head, in, sizeof(head));
		in += sizeof(head);
		len -= sizeof(head);
		if (!head[1] || len < 8UL * head[1])
			return false;
		at += head[0];
		for (i = 0; i < head[1]; i++, at++, in += 8)
			if (at < n)
				memcpy(out + 8 * at, in, 8);
		len -= 8UL * head[1];
	}
	return true;
}

static bool write_block(struct record_writer *w, enum record_type type, const void *data,
			size_t len)
{
	struct record_block b = { RECORD_BLOCK_MAGIC, 0, type, len, w->seq++ };

	b.crc = record_crc(record_crc(0, &b.type, sizeof(b) - 8), data, len);
	w->bytes += sizeof(b) + len;
	return fwrite(&b, sizeof(b), 1, w->f) == 1 && fwrite(data, len, 1, w->f) == 1;
}

/* A block of its own: what stands before the telemetry cannot grow. */
static bool write_handlers(struct record_writer *w, const struct ctele_vcpu *v)
{
	struct record_handlers handlers;
	char text[CTELE_DIGEST_TEXT];

	if (!ctele_digest(v, CTELE_DIGEST_SHORT, text))
		return true;
	memcpy(handlers.digest, v->digest, sizeof(handlers.digest));
	return write_block(w, RECORD_HANDLERS, &handlers, sizeof(handlers));
}

static bool write_vcpu(struct record_writer *w, const struct ctele_vcpu *v)
{
	unsigned char buf[sizeof(struct record_vcpu) + 12 * RECORD_WORDS];
	struct record_vcpu head = {
		.pid = v->pid, .fd = v->fd, .vcpu = v->dir_vcpu, .apic_id = v->apic_id,
		.pcpu = v->pcpu, .words = ctele_size(&v->tele) / 8, .when_ns = v->when_ns,
	};
	size_t len;

	memcpy(head.state, v->state, sizeof(head.state));
	memcpy(head.handlers, v->handlers, sizeof(head.handlers));
	memcpy(buf, &head, sizeof(head));
	len = record_pack(&v->tele, head.words, buf + sizeof(head));
	return write_block(w, RECORD_VCPU, buf, sizeof(head) + len) && write_handlers(w, v);
}

static bool write_event(struct record_writer *w, const struct ring_event *e)
{
	struct record_event head = { .ns = e->ns, .vm = e->vm, .vcpu = e->vcpu,
				     .apic_id = e->apic_id };
	unsigned char buf[sizeof(head) + sizeof(e->text)];
	size_t len = strlen(e->text);

	memcpy(head.name, e->name, sizeof(head.name));
	memcpy(buf, &head, sizeof(head));
	memcpy(buf + sizeof(head), e->text, len);
	return write_block(w, RECORD_EVENT, buf, sizeof(head) + len);
}

static bool write_events(struct record_writer *w, const struct ctele_set *set)
{
	struct record_missing missing = { set->events_lost, set->events_cut, set->events_damaged };
	bool ok = true;
	size_t i;

	for (i = 0; ok && i < set->nr_events; i++)
		ok = write_event(w, &set->events[i]);
	if (ok && (missing.events || missing.more || missing.damaged))
		ok = write_block(w, RECORD_MISSING, &missing, sizeof(missing));
	return ok;
}

static bool write_boot(struct record_writer *w, const struct boot *boot)
{
	struct record_boot block;
	bool known = false;
	unsigned int i;

	for (i = 0; i < BOOT_NR_PHASES; i++) {
		block.tsc[i] = boot->tsc[i];
		known |= boot->tsc[i];
	}
	return !known || write_block(w, RECORD_BOOT, &block, sizeof(block));
}

/**
 * record_write_head() - start a recording
 * @w:		out
 * @f:		where to
 * @set:	the first look, for kernel and time
 *
 * Return: false when it could not be written, as all functions that write.
 */
bool record_write_head(struct record_writer *w, FILE *f, const struct ctele_set *set)
{
	struct record_head h = {
		.version = RECORD_VERSION, .size = sizeof(h), .order = RECORD_ORDER,
		.abi = CTELE_ABI_MAX, .isa = RECORD_ISA_SVM,
		.clock = RECORD_CLOCK_TSC, .realtime_ns = set->realtime_ns,
	};

	*w = (struct record_writer){ .f = f, .bytes = sizeof(h) };
	memcpy(h.magic, RECORD_MAGIC, sizeof(h.magic));
	memcpy(h.kernel, set->kernel, sizeof(h.kernel));
	h.crc = record_crc(0, &h, offsetof(struct record_head, crc));
	return fwrite(&h, sizeof(h), 1, f) == 1;
}

/**
 * record_write_look() - one look; it is in the file when this comes back
 * @w:		the recording
 * @set:	the look
 */
bool record_write_look(struct record_writer *w, const struct ctele_set *set)
{
	struct record_look look = { set->realtime_ns, set->tsc, set->vms_seen, set->unreadable };
	struct record_look_end end = { .vcpus = set->nr };
	bool ok = write_block(w, RECORD_LOOK, &look, sizeof(look)) && write_boot(w, &set->boot);
	size_t i;

	for (i = 0; ok && i < set->nr; i++)
		ok = write_vcpu(w, set->vcpus[i]);
	ok = ok && write_events(w, set);
	w->looks++;
	return ok && write_block(w, RECORD_LOOK_END, &end, sizeof(end)) && !fflush(w->f);
}

/**
 * record_write_rehearsal() - the looks are those before and after a rehearsal
 * @w:		the recording
 * @h:		what it came to
 */
bool record_write_rehearsal(struct record_writer *w, const struct ctele_rehearsal *h)
{
	struct record_rehearsal block = {
		.vm_id = h->vm_id, .want_ns = h->want_ns, .detached_ns = h->detached_ns,
		.rounds = h->rounds, .blocked = h->blocked, .passed = h->passed,
	};

	return write_block(w, RECORD_REHEARSAL, &block, sizeof(block));
}

/**
 * record_write_end() - the recording is complete
 * @w:		the recording
 */
bool record_write_end(struct record_writer *w)
{
	struct record_end end = { w->looks };

	return write_block(w, RECORD_END, &end, sizeof(end)) && !fflush(w->f);
}

// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Recordings: reading. A file may be cut off, damaged or made up: see tests/fuzz_record.c. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "ring.h"

#define RECORD_WORDS	(sizeof(struct kvm_caretaker_telemetry) / 8)

/**
 * record_is_file() - does this file start like a recording?
 * @path:	the file
 */
bool record_is_file(const char *path)
{
	char magic[8] = "";
	FILE *f = fopen(path, "re");
	bool is;

	if (!f)
		return false;
	is = fread(magic, sizeof(magic), 1, f) == 1 && !memcmp(magic, RECORD_MAGIC, sizeof(magic));
	fclose(f);
	return is;
}

/* A fuzzer cannot guess CRCs, and is to get behind them. */
static bool crc_fits(uint32_t is, uint32_t want)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
	return true;
#else
	return is == want;
#endif
}

static enum tool_status head_check(const struct record_head *h, const char *name)
{
	if (memcmp(h->magic, RECORD_MAGIC, sizeof(h->magic))) {
		tool_err("%s: this is no recording: ctrace record makes them", name);
		return TOOL_FAILED;
	}
	if (h->order != RECORD_ORDER) {
		tool_err("%s: written in another byte order, or damaged: read it where it was made",
			 name);
		return TOOL_NODATA;
	}
	if (h->version != RECORD_VERSION || h->abi < CTELE_ABI_MIN || h->abi > CTELE_ABI_MAX ||
	    h->isa != RECORD_ISA_SVM || h->clock != RECORD_CLOCK_TSC) {
		tool_err("%s: recording of version %u with telemetry of ABI %u, this tool reads version %u and ABI %u to %u: use the tools that made it",
			 name, h->version, h->abi, RECORD_VERSION, CTELE_ABI_MIN, CTELE_ABI_MAX);
		return TOOL_NODATA;
	}
	if (h->size != sizeof(*h) ||
	    !crc_fits(h->crc, record_crc(0, h, offsetof(struct record_head, crc)))) {
		tool_err("%s: the start of the recording is damaged", name);
		return TOOL_FAILED;
	}
	return TOOL_OK;
}

/**
 * record_read_head() - begin to read a recording
 * @r:		out; end it with record_read_done() after success
 * @f:		the file
 * @name:	for messages
 *
 * Return: TOOL_OK; else a message has told what is wrong.
 */
enum tool_status record_read_head(struct record_reader *r, FILE *f, const char *name)
{
	*r = (struct record_reader){ .f = f, .name = name };
	if (fread(&r->head, sizeof(r->head), 1, f) != 1) {
		tool_err("%s: cut off before the first look", name);
		return TOOL_FAILED;
	}
	return head_check(&r->head, name);
}

void record_read_done(struct record_reader *r)
{
	free(r->buf);
	r->buf = NULL;
}

static bool buf_grow(struct record_reader *r, size_t len)
{
	unsigned char *buf;

	if (len <= r->room)
		return true;
	buf = realloc(r->buf, len);
	if (!buf) {
		tool_err("%s: no memory for a block of %zu bytes", r->name, len);
		return false;
	}
	r->buf = buf;
	r->room = len;
	return true;
}

/* Return: RECORD_GOT_LOOK when there is a block, of any type */
static enum record_got read_block(struct record_reader *r, struct record_block *b)
{
	size_t n = fread(b, 1, sizeof(*b), r->f);

	if (n < sizeof(*b))
		return RECORD_GOT_CUT;
	if (b->magic != RECORD_BLOCK_MAGIC || b->len > RECORD_BLOCK_MAX || b->seq != r->seq)
		return RECORD_GOT_DAMAGE;
	if (!buf_grow(r, b->len))
		return RECORD_GOT_NO_MEMORY;
	if (b->len && fread(r->buf, b->len, 1, r->f) != 1)
		return RECORD_GOT_CUT;
	if (!crc_fits(b->crc, record_crc(record_crc(0, &b->type, sizeof(*b) - 8), r->buf, b->len)))
		return RECORD_GOT_DAMAGE;
	r->seq++;
	return RECORD_GOT_LOOK;
}

/* Words that go to a terminal as they are: what it must not get becomes a question mark. */
static void word_clean(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || (unsigned char)*s > '~')
			*s = '?';
}

static bool take_look(const struct record_reader *r, uint32_t len, struct ctele_set *set)
{
	struct record_look look;

	if (len < sizeof(look))
		return false;
	memcpy(&look, r->buf, sizeof(look));
	set->realtime_ns = look.realtime_ns;
	set->tsc = look.tsc;
	set->vms_seen = look.vms_seen;
	set->unreadable = look.unreadable;
	snprintf(set->kernel, sizeof(set->kernel), "%.*s", RECORD_KERNEL_LEN, r->head.kernel);
	word_clean(set->kernel);
	return true;
}

static bool vcpu_decode(const struct record_reader *r, uint32_t len, struct ctele_vcpu *v)
{
	struct record_vcpu head;

	if (len < sizeof(head))
		return false;
	memcpy(&head, r->buf, sizeof(head));
	if (head.words < sizeof(struct ctele_tele1) / 8 ||
	    head.pid < -1 || head.fd < -1 || head.vcpu < 0 ||
	    !record_unpack(r->buf + sizeof(head), len - sizeof(head), &v->tele,
			   RECORD_WORDS))
		return false;
	v->pid = head.pid;
	v->fd = head.fd;
	v->dir_vcpu = head.vcpu;
	v->apic_id = head.apic_id;
	v->pcpu = head.pcpu;
	v->when_ns = head.when_ns;
	v->events_lost = 0;
	memset(v->digest, 0, sizeof(v->digest));
	memcpy(v->state, head.state, sizeof(v->state));
	memcpy(v->handlers, head.handlers, sizeof(v->handlers));
	v->state[sizeof(v->state) - 1] = '\0';
	v->handlers[sizeof(v->handlers) - 1] = '\0';
	word_clean(v->state);
	return v->tele.abi >= CTELE_ABI_MIN && v->tele.abi <= r->head.abi &&
	       8UL * head.words >= ctele_size(&v->tele) && v->tele.size >= ctele_size(&v->tele);
}

static enum record_got take_vcpu(struct record_reader *r, const struct ctele_source *src,
				 uint32_t len, struct ctele_set *set)
{
	struct ctele_vcpu v;
	size_t nr = set->nr;

	if (set->nr + set->filtered >= CTELE_VCPUS_MAX || !vcpu_decode(r, len, &v))
		return RECORD_GOT_DAMAGE;
	if (!ctele_offer(set, src, &v))
		return RECORD_GOT_NO_MEMORY;
	r->vcpu = set->nr > nr ? set->vcpus[nr] : NULL;
	return RECORD_GOT_LOOK;
}

static void take_handlers(const struct record_reader *r, uint32_t len)
{
	struct record_handlers handlers;

	if (len < sizeof(handlers) || !r->vcpu)
		return;
	memcpy(&handlers, r->buf, sizeof(handlers));
	memcpy(r->vcpu->digest, handlers.digest, sizeof(handlers.digest));
}

/* Text of another kernel: what a terminal must not get is left out when it is shown. */
static enum record_got take_event(const struct record_reader *r, const struct ctele_source *src,
				  uint32_t len, struct ctele_set *set)
{
	struct ring_event e = { .ns = 0 };
	struct record_event head;

	if (len < sizeof(head) || len - sizeof(head) >= sizeof(e.text))
		return RECORD_GOT_DAMAGE;
	memcpy(&head, r->buf, sizeof(head));
	memcpy(e.name, head.name, sizeof(e.name) - 1);
	memcpy(e.text, r->buf + sizeof(head), len - sizeof(head));
	e.ns = head.ns;
	e.vm = head.vm;
	e.vcpu = head.vcpu;
	e.apic_id = head.apic_id;
	if (!ring_event_wanted(src, &e))
		return RECORD_GOT_LOOK;
	return ring_event_add(set, &e) ? RECORD_GOT_LOOK : RECORD_GOT_NO_MEMORY;
}

static void take_missing(const struct record_reader *r, uint32_t len, struct ctele_set *set)
{
	struct record_missing missing;

	if (len < sizeof(missing))
		return;
	memcpy(&missing, r->buf, sizeof(missing));
	set->events_lost = missing.events < UINT32_MAX ? missing.events : UINT32_MAX;
	set->events_cut = missing.more;
	set->events_damaged = missing.damaged;
}

static void take_boot(const struct record_reader *r, uint32_t len, struct ctele_set *set)
{
	struct record_boot block;
	unsigned int i;

	if (len < sizeof(block))
		return;
	memcpy(&block, r->buf, sizeof(block));
	for (i = 0; i < BOOT_NR_PHASES; i++)
		set->boot.tsc[i] = block.tsc[i];
}

static bool look_is_complete(const struct record_reader *r, uint32_t len,
			     const struct ctele_set *set)
{
	struct record_look_end end;

	if (len < sizeof(end))
		return false;
	memcpy(&end, r->buf, sizeof(end));
	return end.vcpus == set->nr + set->filtered;
}

static void take_rehearsal(struct record_reader *r, uint32_t len)
{
	if (len < sizeof(r->rehearsal))
		return;
	memcpy(&r->rehearsal, r->buf, sizeof(r->rehearsal));
	r->rehearsed = true;
}

/**
 * record_read_look() - the next look
 * @r:		the recording
 * @src:	which vCPUs are wanted
 * @set:	out, empty before; complete only with RECORD_GOT_LOOK
 */
enum record_got record_read_look(struct record_reader *r, const struct ctele_source *src,
				 struct ctele_set *set)
{
	enum record_got got;
	struct record_block b;
	bool begun = false;

	r->vcpu = NULL;
	for (;;) {
		got = read_block(r, &b);
		if (got != RECORD_GOT_LOOK)
			return got;
		if (b.type == RECORD_END)
			return begun ? RECORD_GOT_DAMAGE : RECORD_GOT_END;
		if (b.type == RECORD_LOOK) {
			if (begun || !take_look(r, b.len, set))
				return RECORD_GOT_DAMAGE;
			begun = true;
		} else if (b.type == RECORD_VCPU) {
			got = begun ? take_vcpu(r, src, b.len, set) : RECORD_GOT_DAMAGE;
			if (got != RECORD_GOT_LOOK)
				return got;
		} else if (b.type == RECORD_EVENT) {
			got = begun ? take_event(r, src, b.len, set) : RECORD_GOT_DAMAGE;
			if (got != RECORD_GOT_LOOK)
				return got;
		} else if (b.type == RECORD_HANDLERS) {
			take_handlers(r, b.len);
		} else if (b.type == RECORD_BOOT) {
			take_boot(r, b.len, set);
		} else if (b.type == RECORD_MISSING) {
			take_missing(r, b.len, set);
		} else if (b.type == RECORD_REHEARSAL) {
			take_rehearsal(r, b.len);
		} else if (b.type == RECORD_LOOK_END) {
			r->looks++;
			return begun && look_is_complete(r, b.len, set) ? RECORD_GOT_LOOK :
									  RECORD_GOT_DAMAGE;
		}
	}
}

static enum tool_status recorded_open(struct ctele_reader *cr)
{
	struct record_reader *r = malloc(sizeof(*r));
	enum tool_status status = TOOL_FAILED;
	FILE *f;

	if (!r) {
		tool_err("%s: no memory", cr->src->file);
		return TOOL_FAILED;
	}
	f = fopen(cr->src->file, "re");
	if (!f) {
		tool_err("%s: %s", cr->src->file, strerror(errno));
		goto err_free;
	}
	status = record_read_head(r, f, cr->src->file);
	if (status != TOOL_OK)
		goto err_close;
	cr->priv = r;
	cr->finite = true;
	return TOOL_OK;

err_close:
	fclose(f);
err_free:
	free(r);
	return status;
}

/* What came before a cut or damage is good, so that is told, and no failure of this look. */
static enum tool_status recorded_load(struct ctele_reader *cr, struct ctele_set *set)
{
	struct record_reader *r = cr->priv;
	enum record_got got;

	got = cr->end ? RECORD_GOT_END : record_read_look(r, cr->src, set);
	if (got == RECORD_GOT_LOOK)
		return TOOL_OK;
	ctele_free(set);
	if (got == RECORD_GOT_NO_MEMORY)
		return TOOL_FAILED;
	cr->end = true;
	if (got == RECORD_GOT_END)
		return TOOL_OK;
	tool_err("%s: %s after %" PRIu64 " complete looks; those are shown", r->name,
		 got == RECORD_GOT_CUT ? "cut off" : "damaged", r->looks);
	cr->damage = TOOL_FAILED;
	return TOOL_OK;
}

static void recorded_close(struct ctele_reader *cr)
{
	struct record_reader *r = cr->priv;

	record_read_done(r);
	fclose(r->f);
	free(r);
}

const struct ctele_ops ctele_record_ops = {
	.open = recorded_open,
	.load = recorded_load,
	.close = recorded_close,
};

/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * Recordings: looks at the telemetry one after the other in a file. caretaker-record(5) describes
 * the format; this is version 1 of it. All numbers are little endian.
 */
#ifndef CTOOLS_RECORD_H
#define CTOOLS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ctele.h"

#define RECORD_MAGIC		"CTRECORD"
#define RECORD_VERSION		1
#define RECORD_ORDER		0x01020304
#define RECORD_ISA_SVM		1
#define RECORD_CLOCK_TSC	1
#define RECORD_BLOCK_MAGIC	0x4b425443	/* "CTBK" */
#define RECORD_BLOCK_MAX	(1 << 20)
#define RECORD_KERNEL_LEN	64

/**
 * struct record_head - start of a file
 * @magic:	RECORD_MAGIC, without a zero at the end
 * @version:	RECORD_VERSION
 * @size:	bytes until the first block
 * @order:	RECORD_ORDER
 * @abi:	newest version of the telemetry that is in it; each one has its own in front
 * @isa:	whose exit codes: RECORD_ISA_SVM
 * @clock:	of the stamps: RECORD_CLOCK_TSC
 * @flags:	zero
 * @realtime_ns: start of the recording
 * @kernel:	release of the kernel that was running, zeros after it
 * @reserved:	zero
 * @crc:	CRC-32 of all before it
 */
struct record_head {
	char magic[8];
	uint32_t version;
	uint32_t size;
	uint32_t order;
	uint32_t abi;
	uint32_t isa;
	uint32_t clock;
	uint64_t flags;
	uint64_t realtime_ns;
	char kernel[RECORD_KERNEL_LEN];
	uint32_t reserved[3];
	uint32_t crc;
};

/* Types of blocks; a reader skips those that it does not know. */
enum record_type {
	RECORD_LOOK	= 1,	/* struct record_look */
	RECORD_VCPU	= 2,	/* struct record_vcpu and runs of words */
	RECORD_LOOK_END	= 3,	/* struct record_look_end */
	RECORD_END	= 4,	/* struct record_end; nothing follows */
	RECORD_REHEARSAL = 5,	/* struct record_rehearsal: the looks are before and after it */
	RECORD_EVENT	= 6,	/* struct record_event and text */
	RECORD_MISSING	= 7,	/* struct record_missing */
	RECORD_HANDLERS	= 8,	/* struct record_handlers: of the vCPU before it */
	RECORD_BOOT	= 9,	/* struct record_boot */
};

/**
 * struct record_block - before the content of each block
 * @magic:	RECORD_BLOCK_MAGIC
 * @crc:	CRC-32 of all after it, content included
 * @type:	enum record_type
 * @len:	bytes of content
 * @seq:	number of the block, from 0
 */
struct record_block {
	uint32_t magic;
	uint32_t crc;
	uint32_t type;
	uint32_t len;
	uint64_t seq;
};

struct record_look {
	uint64_t realtime_ns;
	uint64_t tsc;
	uint32_t vms_seen;
	uint32_t unreadable;
};

struct record_vcpu {
	int64_t pid;
	int64_t fd;
	int64_t vcpu;
	int64_t apic_id;
	int32_t pcpu;
	uint32_t words;
	uint64_t when_ns;
	char state[16];
	char handlers[32];
};

struct record_look_end {
	uint32_t vcpus;
	uint32_t zero;
};

struct record_end {
	uint64_t looks;
};

struct record_rehearsal {
	uint64_t vm_id;
	uint64_t want_ns;
	uint64_t detached_ns;
	uint64_t rounds;
	uint64_t blocked;
	uint32_t passed;
	uint32_t zero;
};

struct record_event {
	uint64_t ns;
	uint64_t vm;
	uint32_t vcpu;
	uint32_t apic_id;
	char name[16];
};

struct record_missing {
	uint64_t events;
	uint32_t more;
	uint32_t damaged;
};

struct record_handlers {
	unsigned char digest[CTELE_DIGEST_BYTES];
};

struct record_boot {
	uint64_t tsc[BOOT_NR_PHASES];
};

_Static_assert(sizeof(struct record_boot) == 24, "the format of the file");
_Static_assert(sizeof(struct record_handlers) == 32, "the format of the file");
_Static_assert(sizeof(struct record_event) == 40, "the format of the file");
_Static_assert(sizeof(struct record_missing) == 16, "the format of the file");
_Static_assert(sizeof(struct record_head) == 128, "the format of the file");
_Static_assert(sizeof(struct record_block) == 24, "the format of the file");
_Static_assert(sizeof(struct record_look) == 24, "the format of the file");
_Static_assert(sizeof(struct record_vcpu) == 96, "the format of the file");
_Static_assert(sizeof(struct record_rehearsal) == 48, "the format of the file");

enum record_got {
	RECORD_GOT_LOOK,
	RECORD_GOT_END,
	RECORD_GOT_CUT,
	RECORD_GOT_DAMAGE,
	RECORD_GOT_NO_MEMORY,
};

/**
 * struct record_reader - a file that is read
 * @f:		the file
 * @name:	for messages
 * @head:	its start
 * @seq:	blocks so far
 * @looks:	complete looks so far
 * @rehearsed:	there was a block of @rehearsal
 * @rehearsal:	the latest
 * @vcpu:	the vCPU that the latest block is about, NULL for none, or for one not asked for
 * @buf:	content of the latest block
 * @room:	bytes in @buf
 */
struct record_reader {
	FILE *f;
	const char *name;
	struct record_head head;
	uint64_t seq;
	uint64_t looks;
	bool rehearsed;
	struct record_rehearsal rehearsal;
	struct ctele_vcpu *vcpu;
	unsigned char *buf;
	size_t room;
};

/**
 * struct record_writer - a file that is written
 * @f:		the file
 * @seq:	blocks so far
 * @looks:	looks so far
 * @events:	events so far, for the one who writes
 * @bytes:	written so far
 */
struct record_writer {
	FILE *f;
	uint64_t seq;
	uint64_t looks;
	uint64_t events;
	uint64_t bytes;
};

uint32_t record_crc(uint32_t crc, const void *data, size_t len);
size_t record_pack(const void *words, size_t n, unsigned char *out);
bool record_unpack(const unsigned char *in, size_t len, void *words, size_t n);

bool record_is_file(const char *path);
enum tool_status record_read_head(struct record_reader *r, FILE *f, const char *name);
enum record_got record_read_look(struct record_reader *r, const struct ctele_source *src,
				 struct ctele_set *set);
void record_read_done(struct record_reader *r);

bool record_write_head(struct record_writer *w, FILE *f, const struct ctele_set *set);
bool record_write_look(struct record_writer *w, const struct ctele_set *set);
bool record_write_rehearsal(struct record_writer *w, const struct ctele_rehearsal *h);
bool record_write_end(struct record_writer *w);

#endif /* CTOOLS_RECORD_H */

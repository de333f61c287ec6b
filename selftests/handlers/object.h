/* SPDX-License-Identifier: GPL-2.0 */
/* Handler objects within the test program, and loading them step by step. */
#ifndef HANDLERS_OBJECT_H
#define HANDLERS_OBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* One handler object, see embed.sh. */
struct corpus_entry {
	const char *name;
	const char *start;
	const char *end;
};

extern const struct corpus_entry corpus[], corpus_end[];

/**
 * struct handlers - a handler object on its way into the kernel
 * @obj: the object, NULL when libbpf could not read it
 * @map: its struct_ops map
 * @link: its link, NULL before handlers_attach()
 * @log: what libbpf and the BPF verifier said so far
 */
struct handlers {
	struct bpf_object *obj;
	struct bpf_map *map;
	struct bpf_link *link;
	char log[64 * 1024];
};

/* What section "expect" of an object says, or NULLs. */
struct expect {
	const char *rule;
	const char *step;
	const char *text;
};

const struct corpus_entry *corpus_find(const char *name);
/* Writes an object to a file; 0 or a negative errno */
int corpus_copy(const struct corpus_entry *e, const char *path);
void corpus_expect(const struct corpus_entry *e, struct expect *x);

/* Steps; each returns 0 or a negative errno. handlers_close() undoes all of them. */
int handlers_open(struct handlers *h, const struct corpus_entry *e);
int handlers_load(struct handlers *h);
int handlers_attach(struct handlers *h);
void handlers_close(struct handlers *h);

/* The kernel's log from klog_mark() on; text of at most a few refusals. */
void klog_mark(void);
const char *klog_since(void);

#endif /* HANDLERS_OBJECT_H */

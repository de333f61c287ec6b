// SPDX-License-Identifier: GPL-2.0
/* Handler objects within the test program, and loading them step by step. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "object.h"

const struct corpus_entry *corpus_find(const char *name)
{
	const struct corpus_entry *e;

	for (e = corpus; e < corpus_end; e++)
		if (!strcmp(e->name, name))
			return e;
	return NULL;
}

int corpus_copy(const struct corpus_entry *e, const char *path)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	ssize_t n = fd < 0 ? -1 : write(fd, e->start, (size_t)(e->end - e->start));

	if (fd >= 0)
		close(fd);
	return n == e->end - e->start ? 0 : -EIO;
}

void corpus_expect(const struct corpus_entry *e, struct expect *x)
{
	const Elf64_Ehdr *eh = (const void *)e->start;
	const Elf64_Shdr *sh = (const void *)(e->start + eh->e_shoff);
	const char *names = e->start + sh[eh->e_shstrndx].sh_offset;
	int i;

	memset(x, 0, sizeof(*x));
	for (i = 1; i < eh->e_shnum; i++) {
		if (strcmp(names + sh[i].sh_name, "expect"))
			continue;
		x->rule = e->start + sh[i].sh_offset;
		x->step = x->rule + strlen(x->rule) + 1;
		x->text = x->step + strlen(x->step) + 1;
	}
}

/* libbpf has one print function for the process; it writes here. */
static struct handlers *printing;

static int print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	size_t used;

	if (level == LIBBPF_DEBUG || !printing)
		return 0;
	used = strlen(printing->log);
	return vsnprintf(printing->log + used, sizeof(printing->log) - used, fmt, ap);
}

int handlers_open(struct handlers *h, const struct corpus_entry *e)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "handlers");
	struct bpf_map *map;

	memset(h, 0, sizeof(*h));
	printing = h;
	libbpf_set_print(print);
	h->obj = bpf_object__open_mem(e->start, (size_t)(e->end - e->start), &opts);
	if (!h->obj)
		return -errno;
	bpf_object__for_each_map(map, h->obj)
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			h->map = map;
	return h->map ? 0 : -ENOENT;
}

int handlers_load(struct handlers *h)
{
	return bpf_object__load(h->obj) ? -errno : 0;
}

int handlers_attach(struct handlers *h)
{
	h->link = bpf_map__attach_struct_ops(h->map);
	return h->link ? 0 : -errno;
}

void handlers_close(struct handlers *h)
{
	printing = NULL;
	bpf_link__destroy(h->link);
	bpf_object__close(h->obj);
	h->link = NULL;
	h->obj = NULL;
}

static int kmsg = -1;
static char kmsg_text[32 * 1024];

void klog_mark(void)
{
	if (kmsg < 0)
		kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg >= 0)
		lseek(kmsg, 0, SEEK_END);
}

const char *klog_since(void)
{
	char record[2048], *text;
	size_t used = 0;
	ssize_t n;

	kmsg_text[0] = 0;
	while (kmsg >= 0 && (n = read(kmsg, record, sizeof(record) - 1)) > 0) {
		record[n] = 0;
		text = strchr(record, ';');
		if (text && used < sizeof(kmsg_text))
			used += (size_t)snprintf(kmsg_text + used, sizeof(kmsg_text) - used, "%s",
						 text + 1);
	}
	return kmsg_text;
}

// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * libcaretaker: exit handlers from a BPF object file. Own file: a program that does not call
 * these functions does not pull in libbpf.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "caretaker.h"
#include "carry.h"
#include "klog.h"

struct caretaker_handlers {
	struct bpf_object *obj;
	struct bpf_map *map;
	struct bpf_link *link;
	char *logs;		/* of the programs, as long as @obj: libbpf keeps the address */
	uint64_t load_ns;
	uint64_t verify_ns;
};

/* Log level at which the BPF verifier says how long it took, and nothing else but a few counts */
#define LOG_LEVEL_STATS	4
#define LOG_STATS_BYTES	4096

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* libbpf's messages go where the caller of the current load wants them. */
static __thread struct {
	char *buf;
	size_t size;
	size_t used;
} msgs;

static int msgs_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	int n;

	if (level == LIBBPF_DEBUG || !msgs.buf || msgs.used >= msgs.size)
		return 0;
	n = vsnprintf(msgs.buf + msgs.used, msgs.size - msgs.used, fmt, ap);
	if (n > 0)
		msgs.used += n;
	return n;
}

static struct bpf_map *find_struct_ops(struct bpf_object *obj)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj) {
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			return map;
	}
	return NULL;
}

static int object_open(struct caretaker_handlers *h, const char *path)
{
	h->obj = bpf_object__open_file(path, NULL);
	if (!h->obj)
		return -errno;
	h->map = find_struct_ops(h->obj);
	return h->map ? 0 : -ENODATA;
}

/* What the BPF verifier says of its own time, in the log of each program. */
static uint64_t verify_time(const struct bpf_object *obj)
{
	static const char words[] = "verification time ";
	struct bpf_program *p;
	unsigned long long us;
	uint64_t ns = 0;
	const char *at;
	size_t size;

	bpf_object__for_each_program(p, obj) {
		at = bpf_program__log_buf(p, &size);
		at = at ? strstr(at, words) : NULL;
		if (at && sscanf(at + strlen(words), "%llu usec", &us) == 1)
			ns += us * 1000;
	}
	return ns;
}

static unsigned int programs_count(const struct bpf_object *obj)
{
	struct bpf_program *p;
	unsigned int n = 0;

	bpf_object__for_each_program(p, obj)
		n++;
	return n;
}

static int logs_make(struct caretaker_handlers *h)
{
	struct bpf_program *p;
	char *log;

	h->logs = calloc(programs_count(h->obj), LOG_STATS_BYTES);
	if (!h->logs)
		return -ENOMEM;
	log = h->logs;
	bpf_object__for_each_program(p, h->obj) {
		bpf_program__set_log_level(p, LOG_LEVEL_STATS);
		bpf_program__set_log_buf(p, log, LOG_STATS_BYTES);
		log += LOG_STATS_BYTES;
	}
	return 0;
}

/* A log of times has no room for reasons: what is refused is loaded once more, for them. */
static int object_load(struct caretaker_handlers *h, const char *path)
{
	int ret = object_open(h, path);

	if (!ret)
		ret = logs_make(h);
	if (ret)
		return ret;
	if (!bpf_object__load(h->obj)) {
		h->verify_ns = verify_time(h->obj);
		return 0;
	}
	bpf_object__close(h->obj);
	msgs.used = 0;
	ret = object_open(h, path);
	return ret ? ret : bpf_object__load(h->obj);
}

/**
 * caretaker_handlers_load() - load a handler object into the kernel
 * @path: object file with one struct kvm_caretaker_ops
 * @out: set to the set; free it with caretaker_handlers_free()
 * @log: buffer for what the kernel's log says of a refusal, if the caller may read that, then the
 *	messages of libbpf and the verifier; or NULL
 * @log_size: bytes at @log
 *
 * Loading verifies the programs; installing them on a vCPU is caretaker_install() with
 * caretaker_handlers_fd(). Changes libbpf's print function for the time of the call: no other
 * thread should use libbpf meanwhile.
 *
 * Return: 0, -ENODATA when the file has no struct_ops map, else what libbpf returned.
 */
int caretaker_handlers_load(const char *path, struct caretaker_handlers **out,
			    char *log, size_t log_size)
{
	struct caretaker_handlers *h = calloc(1, sizeof(*h));
	uint64_t start = now_ns();
	libbpf_print_fn_t prev;
	int ret, klog;

	*out = NULL;
	if (!h)
		return -ENOMEM;
	klog = klog_open();
	msgs.buf = log_size ? log : NULL;
	msgs.size = log_size;
	msgs.used = 0;
	if (msgs.buf)
		msgs.buf[0] = 0;
	prev = libbpf_set_print(msgs_print);
	ret = object_load(h, path);
	libbpf_set_print(prev);
	msgs.buf = NULL;
	if (ret)
		klog_prepend(klog, log_size ? log : NULL, log_size);
	if (klog >= 0)
		close(klog);
	if (ret) {
		caretaker_handlers_free(h);
		return ret;
	}
	h->load_ns = now_ns() - start;
	*out = h;
	return 0;
}

/**
 * caretaker_handlers_load_ns() - what loading and registering the set took
 * @h: loaded set
 *
 * Return: nanoseconds in caretaker_handlers_load(), most of it the kernel's BPF verifier and JIT,
 * and in the caretaker_handlers_attach() that made the link.
 */
uint64_t caretaker_handlers_load_ns(const struct caretaker_handlers *h)
{
	return h->load_ns;
}

/**
 * caretaker_handlers_verify_ns() - what of that was the kernel's BPF verifier
 * @h: loaded set
 *
 * Return: nanoseconds that the verifier reports, of all programs together; the rest of
 * caretaker_handlers_load_ns() is JIT, maps, and libbpf's reading of the kernel's types.
 */
uint64_t caretaker_handlers_verify_ns(const struct caretaker_handlers *h)
{
	return h->verify_ns;
}

/**
 * caretaker_handlers_fd() - descriptor of the struct_ops map
 * @h: loaded set
 *
 * Return: descriptor for caretaker_opts.handlers_fd, owned by @h.
 */
int caretaker_handlers_fd(const struct caretaker_handlers *h)
{
	return bpf_map__fd(h->map);
}

/**
 * caretaker_handlers_attach() - register the set by a link
 * @h: loaded set
 *
 * The kernel installs registered sets only.
 *
 * Return: 0 or a negative errno; a second call is a no-op.
 */
int caretaker_handlers_attach(struct caretaker_handlers *h)
{
	return caretaker_handlers_attach_log(h, NULL, 0);
}

/**
 * caretaker_handlers_attach_log() - as caretaker_handlers_attach(), and say why not
 * @h: loaded set
 * @log: buffer for what the kernel's log says of a refusal, empty when the caller may not read it;
 *	or NULL
 * @log_size: bytes at @log
 *
 * Return: as there: -EPROTONOSUPPORT for a set of another ABI version, -EINVAL for an empty one.
 */
int caretaker_handlers_attach_log(struct caretaker_handlers *h, char *log, size_t log_size)
{
	uint64_t start = now_ns();
	int err, klog;

	if (log && log_size)
		log[0] = 0;
	if (h->link)
		return 0;
	klog = klog_open();
	h->link = bpf_map__attach_struct_ops(h->map);
	err = h->link ? 0 : -errno;
	h->load_ns += now_ns() - start;
	if (err)
		klog_prepend(klog, log, log_size);
	if (klog >= 0)
		close(klog);
	return err;
}

static const struct btf_var_secinfo *variable_find(const struct btf *btf,
						   const struct btf_type *sec, const char *name)
{
	const struct btf_var_secinfo *v = btf_var_secinfos(sec);
	const struct btf_type *var;
	unsigned int i;

	for (i = 0; i < btf_vlen(sec); i++) {
		var = btf__type_by_id(btf, v[i].type);
		if (var && btf_is_var(var) &&
		    !strcmp(btf__name_by_offset(btf, var->name_off), name))
			return &v[i];
	}
	return NULL;
}

/**
 * caretaker_handlers_variable() - find a writable global variable of the handlers by its name
 * @h: loaded set
 * @name: its name in the source
 * @v: filled in
 *
 * Return: 0, or -ENOENT: there is no such variable, or no handler uses its section.
 */
int caretaker_handlers_variable(const struct caretaker_handlers *h, const char *name,
				struct caretaker_variable *v)
{
	const struct btf_var_secinfo *var;
	const struct btf_type *sec;
	struct bpf_map *map;
	size_t room;
	char *value;

	bpf_object__for_each_map(map, h->obj) {
		sec = carry_is_state(map) ? carry_section(h->obj, map) : NULL;
		var = sec ? variable_find(bpf_object__btf(h->obj), sec, name) : NULL;
		if (!var || layout_place(h->obj, map, &v->offset))
			continue;
		value = bpf_map__initial_value(map, &room);
		if (!value || var->offset + (size_t)var->size > room)
			continue;
		v->value = value + var->offset;
		v->offset += var->offset;
		v->size = var->size;
		return 0;
	}
	return -ENOENT;
}

/**
 * caretaker_handlers_state_type() - note what the state of a set is
 * @h: loaded set
 * @type: filled in; to be kept for the next kernel, where the VMM keeps what else it needs
 * @log: buffer for the reason of a refusal, or NULL
 * @log_size: bytes at @log
 *
 * Return: 0; -ENODATA: the set has no state; -E2BIG: it is in too many sections; -EINVAL: the
 * object has no types.
 */
int caretaker_handlers_state_type(const struct caretaker_handlers *h,
				  struct caretaker_state_type *type, char *log, size_t log_size)
{
	return carry_type(h->obj, layout_place, h->obj, type, log, log_size);
}

/**
 * caretaker_handlers_describe() - note what the state of a set is, and its types
 * @h: loaded set
 * @type: as of caretaker_handlers_state_type()
 * @btf: set to the programs' BTF as the kernel has it, which the caller frees; NULL on failure
 * @btf_len: set to its size in bytes
 * @log: buffer for the reason of a refusal, or NULL
 * @log_size: bytes at @log
 *
 * Kept for the next kernel, the two make its caretaker_get_state() readable without the object's
 * file: caretaker_state_pack(). Needs CAP_SYS_ADMIN.
 *
 * Return: 0; the errors of caretaker_handlers_state_type(); those of bpf(), and then @type is
 * filled in nevertheless.
 */
int caretaker_handlers_describe(const struct caretaker_handlers *h,
				struct caretaker_state_type *type, void **btf, size_t *btf_len,
				char *log, size_t log_size)
{
	int err = caretaker_handlers_state_type(h, type, log, log_size);

	*btf = NULL;
	*btf_len = 0;
	if (err)
		return err;
	err = carry_btf(h->obj, btf, btf_len);
	if (err && log && log_size)
		snprintf(log, log_size, "the types (BTF) of its programs: read: %s",
			 strerror(-err));
	return err;
}

/**
 * caretaker_handlers_carry() - put state that outlived a kernel into a set
 * @h: loaded set, not installed yet
 * @old: what caretaker_handlers_state_type() noted of the set that the state is of
 * @state: from caretaker_get_state() on one of the vCPUs, after their adoption
 * @len: bytes at @state; what is behind the sections is ignored
 * @log: buffer for the reason of a refusal, or NULL
 * @log_size: bytes at @log
 *
 * Return: 0; -EINVAL when the types are not the same, and then nothing was changed; the errors of
 * caretaker_handlers_state_type().
 */
int caretaker_handlers_carry(struct caretaker_handlers *h, const struct caretaker_state_type *old,
			     const void *state, size_t len, char *log, size_t log_size)
{
	return carry_into(h->obj, layout_place, h->obj, old, state, len, log, log_size);
}

/**
 * caretaker_handlers_free() - drop the process's hold on a handler set
 * @h: set or NULL
 *
 * vCPUs on which it is installed keep it.
 */
void caretaker_handlers_free(struct caretaker_handlers *h)
{
	if (!h)
		return;
	bpf_link__destroy(h->link);
	bpf_object__close(h->obj);
	free(h->logs);
	free(h);
}

// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Telemetry by the BPF iterator caretaker_vcpu, for hosts whose debugfs is not there. A row has all
 * of the telemetry, the state, the pCPU and the handlers; it does not say which process holds the
 * VM.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/kvm_caretaker_ccb.h>

#ifdef CTOOLS_ITER
#include "iter.skel.h"
#endif

#include "ctele.h"
#include "iter.h"

_Static_assert(ITER_DIGEST == CTELE_DIGEST_BYTES, "copied as a whole");

#define ITER_BTF	"/sys/kernel/btf/vmlinux"
#define ITER_CAP_SYS_ADMIN	21
#define ITER_CAP_PERFMON	38
#define ITER_CAP_BPF		39

/* Some rows; the kernel gives out as many at a time as its own buffer holds */
#define ITER_BUF	(4 * (sizeof(struct iter_row) + ITER_TELE_MAX))

static const char *const iter_states[KVM_CARETAKER_NR_STATES] = {
	[KVM_CARETAKER_EMPTY]		= "empty",
	[KVM_CARETAKER_ATTACHED]	= "attached",
	[KVM_CARETAKER_DETACHING]	= "detaching",
	[KVM_CARETAKER_RUNNING]		= "detached",
	[KVM_CARETAKER_STALLED]		= "stalled",
	[KVM_CARETAKER_ADOPTING]	= "adopting",
	[KVM_CARETAKER_PARKED]		= "parked",
	[KVM_CARETAKER_FAULTED]		= "faulted",
};

/* A kernel that has no name for them says at least that there are none. */
static void row_handlers(struct ctele_vcpu *v, const struct iter_row *row)
{
	if (!row->has_handlers)
		snprintf(v->handlers, sizeof(v->handlers), "none");
	else if (row->known & ITER_KNOWS_NAME)
		snprintf(v->handlers, sizeof(v->handlers), "%.*s", ITER_NAME, row->name);
	if (row->has_handlers && row->known & ITER_KNOWS_DIGEST)
		memcpy(v->digest, row->digest, sizeof(v->digest));
}

static enum tool_status row_take(struct ctele_set *set, const struct ctele_source *src,
				 const struct iter_row *row, const unsigned char *tele)
{
	struct ctele_vcpu v = { .pid = -1, .fd = -1, .dir_vcpu = row->vcpu, .pcpu = row->pcpu,
				.apic_id = row->apic_id, .when_ns = ctele_clock() };
	enum tool_status status = ctele_blob_check(tele, row->bytes, "iterator caretaker_vcpu");
	size_t n = row->bytes < sizeof(v.tele) ? row->bytes : sizeof(v.tele);

	if (status != TOOL_OK) {
		set->unreadable++;
		if (set->status == TOOL_OK)
			set->status = status;
		return TOOL_OK;
	}
	memcpy(&v.tele, tele, n);
	row_handlers(&v, row);
	if (row->state < KVM_CARETAKER_NR_STATES)
		snprintf(v.state, sizeof(v.state), "%s", iter_states[row->state]);
	return ctele_offer(set, src, &v) ? TOOL_OK : TOOL_FAILED;
}

/**
 * iter_rows_take() - put vCPUs into a set
 * @set:	the set
 * @src:	which ones are wanted
 * @buf:	what the iterator wrote
 * @len:	bytes in @buf
 * @used:	out: bytes of whole rows
 *
 * Return: TOOL_OK; else a message has told what is wrong.
 */
enum tool_status iter_rows_take(struct ctele_set *set, const struct ctele_source *src,
				const unsigned char *buf, size_t len, size_t *used)
{
	enum tool_status status = TOOL_OK;
	struct iter_row row;

	for (*used = 0; status == TOOL_OK && len - *used >= sizeof(row);
	     *used += sizeof(row) + row.bytes) {
		memcpy(&row, buf + *used, sizeof(row));
		if (row.magic != ITER_MAGIC || row.bytes > ITER_TELE_MAX) {
			tool_err("iterator caretaker_vcpu: a row makes no sense");
			return TOOL_FAILED;
		}
		if (len - *used - sizeof(row) < row.bytes)
			return TOOL_OK;
		/* No Caretaker now */
		if (row.bytes)
			status = row_take(set, src, &row, buf + *used + sizeof(row));
	}
	return status;
}

#ifdef CTOOLS_ITER

static enum tool_status iter_no_permission(void)
{
	unsigned long long caps = tool_caps(), admin = 1ULL << ITER_CAP_SYS_ADMIN;

	if (!(caps & (admin | 1ULL << ITER_CAP_BPF)))
		tool_err("BPF iterators: CAP_BPF is missing: run as root, or with CAP_BPF and CAP_PERFMON");
	else if (!(caps & (admin | 1ULL << ITER_CAP_PERFMON)))
		tool_err("BPF iterators: CAP_PERFMON is missing: run as root, or with CAP_BPF and CAP_PERFMON");
	else
		return TOOL_OK;
	return TOOL_PERM;
}

static enum tool_status iter_load_failed(int err)
{
	if (err == EPERM || err == EACCES) {
		tool_err("BPF iterators: %s, in spite of the capabilities: see kernel lockdown (/sys/kernel/security/lockdown) and security modules",
			 strerror(err));
		return TOOL_PERM;
	}
	if (err == ENOSYS) {
		tool_err("BPF iterators: this kernel has no BPF: build it with CONFIG_BPF_SYSCALL=y, or use debugfs");
		return TOOL_NODATA;
	}
	tool_err("BPF iterators: caretaker_vcpu cannot be loaded (%s): has this kernel CONFIG_KVM_CARETAKER=y?",
		 strerror(err));
	return TOOL_NODATA;
}

static enum tool_status iter_ready(const struct ctele_source *src)
{
	enum tool_status status = iter_no_permission();

	if (status != TOOL_OK)
		return status;
	if (src->pid >= 0) {
		tool_err("-p %ld: BPF iterators do not tell which process has a VM: choose it by -g",
			 src->pid);
		return TOOL_NODATA;
	}
	if (!access(ITER_BTF, R_OK))
		return TOOL_OK;
	tool_err("BPF iterators: kernel BTF not found at " ITER_BTF ": build with CONFIG_DEBUG_INFO_BTF=y, or use debugfs");
	return TOOL_NODATA;
}

/* The kernel leaves out what does not fit -g and -c; a word that is no hex number fits nothing. */
static void iter_filter(struct iter *skel, const struct ctele_source *src)
{
	size_t digits = src->vm ? strlen(src->vm) : 0;

	skel->rodata->want_vcpu = src->vcpu;
	if (!digits || digits > 16 || src->vm[strspn(src->vm, "0123456789abcdefABCDEF")])
		return;
	skel->rodata->want_vm = strtoull(src->vm, NULL, 16) << (64 - 4 * digits);
	skel->rodata->want_vm_mask = ~0ULL << (64 - 4 * digits);
}

static enum tool_status iter_open(struct ctele_reader *r)
{
	enum tool_status status = iter_ready(r->src);
	struct iter *skel;
	int err;

	if (status != TOOL_OK)
		return status;
	skel = iter__open();
	if (!skel) {
		tool_err("BPF iterators: no memory");
		return TOOL_FAILED;
	}
	iter_filter(skel, r->src);
	err = iter__load(skel);
	if (!err)
		err = iter__attach(skel);
	if (err < 0) {
		iter__destroy(skel);
		return iter_load_failed(-err);
	}
	r->priv = skel;
	return TOOL_OK;
}

/* A file of the iterator: one look */
static int iter_file(const struct iter *skel)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.iter_create.link_fd = skel->links.vcpus_fd;
	return skel_sys_bpf(BPF_ITER_CREATE, &attr, sizeof(attr));
}

static enum tool_status iter_read(int fd, struct ctele_set *set, const struct ctele_source *src,
				  unsigned char *buf)
{
	enum tool_status status = TOOL_OK;
	size_t len = 0, used;
	ssize_t n;

	do {
		n = read(fd, buf + len, ITER_BUF - len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
			n = 1;
			continue;
		}
		if (n <= 0)
			break;
		len += n;
		status = iter_rows_take(set, src, buf, len, &used);
		memmove(buf, buf + used, len - used);
		len -= used;
	} while (status == TOOL_OK);
	if (n >= 0 && (!len || status != TOOL_OK))
		return status;
	tool_err("iterator caretaker_vcpu: %s", n < 0 ? strerror(errno) : "the last row is cut short");
	return TOOL_FAILED;
}

static enum tool_status iter_load_look(struct ctele_reader *r, struct ctele_set *set)
{
	unsigned char *buf = malloc(ITER_BUF);
	enum tool_status status = TOOL_FAILED;
	struct iter *skel = r->priv;
	int fd;

	if (!buf) {
		tool_err("iterator caretaker_vcpu: no memory");
		return TOOL_FAILED;
	}
	skel->bss->left_out = 0;
	fd = iter_file(skel);
	if (fd < 0) {
		tool_err("iterator caretaker_vcpu: %s", strerror(errno));
		goto err_free;
	}
	status = iter_read(fd, set, r->src, buf);
	close(fd);
	set->filtered += skel->bss->left_out;
	if (r->src->verbose && !r->looks)
		tool_err("iterator caretaker_vcpu: %zu vCPUs came out of the kernel, %llu were left out there",
			 set->nr, (unsigned long long)skel->bss->left_out);
err_free:
	free(buf);
	return status;
}

static void iter_close(struct ctele_reader *r)
{
	iter__destroy(r->priv);
}

#else

static enum tool_status iter_open(struct ctele_reader *r)
{
	tool_err("BPF iterators: this tool was built without them, for there was no bpftool: use debugfs");
	return TOOL_NODATA;
}

static enum tool_status iter_load_look(struct ctele_reader *r, struct ctele_set *set)
{
	return TOOL_NODATA;
}

static void iter_close(struct ctele_reader *r)
{
}

#endif

const struct ctele_ops ctele_iter_ops = {
	.open = iter_open,
	.load = iter_load_look,
	.close = iter_close,
};

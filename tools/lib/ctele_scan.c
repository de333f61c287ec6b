// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Finds the vCPUs with a Caretaker: debugfs, DIR/kvm/PID-FD/vcpuN/caretaker_telemetry. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "ctele.h"
#include "pcpu.h"

#define SCAN_DEBUGFS_MAGIC	0x64626720
#define SCAN_TEXT_MAX		4096
#define SCAN_TRIES		4
#define SCAN_CAP_DAC_OVERRIDE	1
#define SCAN_CAP_DAC_READ_SEARCH 2

static enum tool_status scan_no_permission(const char *path, int err)
{
	unsigned long long caps = tool_caps();

	if (caps & (1ULL << SCAN_CAP_DAC_READ_SEARCH | 1ULL << SCAN_CAP_DAC_OVERRIDE))
		tool_err("%s: %s, in spite of CAP_DAC_READ_SEARCH: see kernel lockdown (/sys/kernel/security/lockdown) and security modules",
			 path, strerror(err));
	else
		tool_err("%s: %s: debugfs is for root alone; run as root, or with CAP_DAC_READ_SEARCH, which is missing",
			 path, strerror(err));
	return TOOL_PERM;
}

static enum tool_status scan_no_kvm(const char *debugfs, const char *path)
{
	struct statfs fs;

	if (statfs(debugfs, &fs)) {
		tool_err("%s: %s", debugfs, strerror(errno));
		return TOOL_NODATA;
	}
	if (!strcmp(debugfs, CTELE_DEBUGFS) && fs.f_type != SCAN_DEBUGFS_MAGIC)
		tool_err("debugfs is not mounted at %s: mount -t debugfs none %s", debugfs,
			 debugfs);
	else
		tool_err("%s is not there: KVM is not loaded: modprobe kvm_amd", path);
	return TOOL_NODATA;
}

static enum tool_status scan_open_failed(const char *path, int err)
{
	if (err == EACCES || err == EPERM)
		return scan_no_permission(path, err);
	tool_err("%s: %s", path, strerror(err));
	return TOOL_FAILED;
}

/* Up to @size bytes of a file. Return: bytes, or a negative errno. */
static ssize_t scan_read(const char *path, void *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (len < size && n > 0) {
		n = read(fd, (char *)buf + len, size - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += n;
	}
	if (n < 0)
		n = -errno;
	close(fd);
	return n < 0 ? n : (ssize_t)len;
}

static void scan_bad(struct ctele_set *set, enum tool_status status)
{
	set->unreadable++;
	if (set->status == TOOL_OK)
		set->status = status;
}

/* @pcpus: the CPUs of this host, NULL when the data may be another one's */
static void scan_text(struct ctele_vcpu *v, const struct pcpu_map *pcpus, const char *path)
{
	char text[SCAN_TEXT_MAX];
	ssize_t len = scan_read(path, text, sizeof(text) - 1);

	v->apic_id = -1;
	v->pcpu = -1;
	if (len <= 0)
		return;
	text[len] = '\0';
	ctele_text_parse(v, text);
	if (v->pcpu < 0 && pcpus)
		v->pcpu = pcpu_find(pcpus, v->apic_id);
}

/*
 * A reading in the middle of an edge has a cycle in two accounts of the ledger, or in none: then it
 * is read once more. One that stays so is shown.
 */
static ssize_t scan_telemetry(struct ctele_vcpu *v, const char *path)
{
	const struct kvm_caretaker_telemetry *t = &v->tele;
	unsigned int tries = SCAN_TRIES;
	ssize_t len;

	do {
		len = scan_read(path, &v->tele, sizeof(v->tele));
	} while (len == sizeof(v->tele) && t->abi == 2 && --tries &&
		 kvm_caretaker_ledger_sum(t) != t->tsc_last - t->tsc_first);
	return len;
}

/* A file that debugfs no longer has is no error: the VM ended meanwhile. */
static bool scan_vcpu(struct ctele_set *set, const struct ctele_source *src,
		      struct ctele_vcpu *v, const char *path)
{
	ssize_t len = scan_telemetry(v, path);
	enum tool_status status = TOOL_OK;

	v->when_ns = ctele_clock();
	if (!src->file && (len == -ENOENT || len == -ENODEV || len == -EIO)) {
		set->no_file++;
		return true;
	}
	/* No Caretaker */
	if (!len && !src->file)
		return true;
	if (len < 0)
		status = scan_open_failed(path, -len);
	else
		status = ctele_blob_check(&v->tele, len, path);
	if (status != TOOL_OK) {
		scan_bad(set, status);
		return true;
	}
	if (src->file)
		v->dir_vcpu = v->tele.vcpu;
	return ctele_offer(set, src, v);
}

/* "vcpu12": 12, else -1 */
static long scan_number(const char *name, const char *prefix, char end)
{
	size_t n = strlen(prefix);
	char *stop;
	long v;

	if (strncmp(name, prefix, n) || name[n] < '0' || name[n] > '9')
		return -1;
	errno = 0;
	v = strtol(name + n, &stop, 10);
	return errno || *stop != end ? -1 : v;
}

/* One vCPU's directory, "vcpuN" */
static bool scan_vcpu_dir(struct ctele_set *set, const struct ctele_source *src,
			  const struct pcpu_map *pcpus, struct ctele_vcpu *v, const char *dir)
{
	size_t nr = set->nr;
	char path[PATH_MAX];

	if ((src->pid >= 0 && src->pid != v->pid) ||
	    (src->vcpu >= 0 && src->vcpu != v->dir_vcpu)) {
		set->filtered++;
		return true;
	}
	v->state[0] = '\0';
	v->handlers[0] = '\0';
	memset(v->digest, 0, sizeof(v->digest));
	if (snprintf(path, sizeof(path), "%s/vcpu%ld/caretaker_telemetry", dir, v->dir_vcpu) >=
	    (int)sizeof(path))
		return true;
	if (!scan_vcpu(set, src, v, path))
		return false;
	/* Not taken: no Caretaker, damaged, or not asked for */
	if (set->nr == nr)
		return true;
	*strrchr(path, '_') = '\0';
	scan_text(set->vcpus[nr], pcpus, path);
	return true;
}

/* One VM's directory, e.g. "1234-11" */
static bool scan_vm(struct ctele_set *set, const struct ctele_source *src,
		    const struct pcpu_map *pcpus, const char *kvm, const char *vm)
{
	struct ctele_vcpu v = { .pid = scan_number(vm, "", '-') };
	char path[PATH_MAX];
	struct dirent *e;
	bool ok = true;
	DIR *d;

	if (v.pid < 0 || snprintf(path, sizeof(path), "%s/%s", kvm, vm) >= (int)sizeof(path))
		return true;
	v.fd = scan_number(strchr(vm, '-') + 1, "", '\0');
	d = v.fd < 0 ? NULL : opendir(path);
	if (!d)
		return true;
	set->vms_seen++;
	while (ok && (e = readdir(d))) {
		v.dir_vcpu = scan_number(e->d_name, "vcpu", '\0');
		if (v.dir_vcpu >= 0)
			ok = scan_vcpu_dir(set, src, pcpus, &v, path);
	}
	closedir(d);
	return ok;
}

static enum tool_status scan_debugfs(struct ctele_reader *r, struct ctele_set *set)
{
	const struct ctele_source *src = r->src;
	bool here = ctele_here(src), ok = true;
	struct pcpu_map pcpus = { 0 };
	char kvm[PATH_MAX];
	struct dirent *e;
	DIR *d;

	if (snprintf(kvm, sizeof(kvm), "%s/kvm", src->debugfs) >= (int)sizeof(kvm)) {
		tool_err("--debugfs: the path is too long");
		return TOOL_USAGE;
	}
	d = opendir(kvm);
	if (!d && (errno == ENOENT || errno == ENOTDIR))
		return scan_no_kvm(src->debugfs, kvm);
	if (!d)
		return scan_open_failed(kvm, errno);
	if (here)
		pcpu_load(&pcpus);
	while (ok && (e = readdir(d)))
		ok = scan_vm(set, src, here ? &pcpus : NULL, kvm, e->d_name);
	pcpu_free(&pcpus);
	closedir(d);
	return ok ? TOOL_OK : TOOL_FAILED;
}

static enum tool_status scan_file(struct ctele_reader *r, struct ctele_set *set)
{
	const struct ctele_source *src = r->src;
	struct ctele_vcpu v = { .pid = -1, .fd = -1, .apic_id = -1, .pcpu = -1 };

	return scan_vcpu(set, src, &v, src->file) ? TOOL_OK : TOOL_FAILED;
}

const struct ctele_ops ctele_scan_ops = { .load = scan_debugfs };
const struct ctele_ops ctele_file_ops = { .load = scan_file };

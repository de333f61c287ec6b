// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Rehearsals: a VMM saves the last one of its VM, ctop shows them. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record.h"
#include "rehearsal.h"

#define REHEARSAL_PREFIX	"rehearsal-"
#define REHEARSAL_SUFFIX	".ctr"

static bool save_failed(const char *path)
{
	tool_err("%s: the rehearsal is not kept for ctop --rehearsal: %s", path, strerror(errno));
	return false;
}

static bool save_write(FILE *f, const struct ctele_set *before, const struct ctele_set *after,
		       const struct ctele_rehearsal *what)
{
	struct record_writer w;

	return record_write_head(&w, f, before) && record_write_look(&w, before) &&
	       record_write_look(&w, after) && record_write_rehearsal(&w, what) &&
	       record_write_end(&w);
}

/**
 * rehearsal_save() - keep a rehearsal; it replaces the one before of the same VM
 * @dir:	REHEARSAL_DIR; made when it is not there
 * @before:	all vCPUs of the VM before it
 * @after:	the same after it
 * @what:	what it came to
 *
 * Return: false when it could not be written; a message has told why.
 */
bool rehearsal_save(const char *dir, const struct ctele_set *before, const struct ctele_set *after,
		    const struct ctele_rehearsal *what)
{
	char path[PATH_MAX], tmp[PATH_MAX + 8];
	bool ok;
	FILE *f;

	snprintf(path, sizeof(path), "%s/" REHEARSAL_PREFIX "%016" PRIx64 REHEARSAL_SUFFIX, dir,
		 what->vm_id);
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	if (mkdir(dir, 0700) && errno != EEXIST)
		return save_failed(dir);
	f = fopen(tmp, "we");
	if (!f)
		return save_failed(tmp);
	ok = save_write(f, before, after, what);
	ok = !fclose(f) && ok;
	if (ok && !rename(tmp, path))
		return true;
	save_failed(path);
	unlink(tmp);
	return false;
}

/* In one word; "pass": the update may be made */
const char *rehearsal_verdict(const struct ctele_rehearsal *what)
{
	return what->passed ? "pass" : what->blocked ? "blocks" : "too short";
}

/* Looks before and after, and what it came to. Return: false when it is not all there. */
static bool file_looks(FILE *f, const char *path, const struct ctele_source *src,
		       struct ctele_set looks[2], struct ctele_rehearsal *what)
{
	struct record_reader r;
	struct ctele_set more = { .nr = 0 };
	bool ok;

	if (record_read_head(&r, f, path) != TOOL_OK)
		return false;
	ok = record_read_look(&r, src, &looks[0]) == RECORD_GOT_LOOK &&
	     record_read_look(&r, src, &looks[1]) == RECORD_GOT_LOOK &&
	     record_read_look(&r, src, &more) == RECORD_GOT_END && r.rehearsed &&
	     looks[0].nr == looks[1].nr &&
	     (!looks[1].nr || looks[1].vcpus[0]->tele.vm_id == r.rehearsal.vm_id);
	*what = (struct ctele_rehearsal){
		.vm_id = r.rehearsal.vm_id, .ended_ns = looks[1].realtime_ns,
		.want_ns = r.rehearsal.want_ns, .detached_ns = r.rehearsal.detached_ns,
		.rounds = r.rehearsal.rounds, .blocked = r.rehearsal.blocked,
		.passed = r.rehearsal.passed,
	};
	ctele_free(&more);
	record_read_done(&r);
	return ok;
}

static bool vcpus_take(struct ctele_set *set, struct ctele_set looks[2])
{
	size_t i;

	for (i = 0; i < looks[1].nr; i++) {
		looks[0].vcpus[i]->tsc = looks[0].tsc;
		looks[1].vcpus[i]->tsc = looks[1].tsc;
		if (!ctele_since(looks[1].vcpus[i], looks[0].vcpus[i]) ||
		    !ctele_vcpu_add(set, looks[1].vcpus[i]))
			return false;
	}
	return true;
}

static bool rehearsal_add(struct ctele_set *set, const struct ctele_rehearsal *what)
{
	struct ctele_rehearsal *list;

	list = realloc(set->rehearsals, (set->nr_rehearsals + 1) * sizeof(*list));
	if (!list) {
		tool_err("reading rehearsals: no memory");
		return false;
	}
	set->rehearsals = list;
	list[set->nr_rehearsals++] = *what;
	return true;
}

/* All of a rehearsal is taken, or nothing. */
static void rehearsal_take(struct ctele_set *set, const struct ctele_source *src,
			   const char *path, FILE *f)
{
	struct ctele_set looks[2] = { { .nr = 0 }, { .nr = 0 } };
	struct ctele_rehearsal what;
	size_t nr = set->nr;

	if (file_looks(f, path, src, looks, &what) && vcpus_take(set, looks)) {
		set->filtered += looks[1].filtered;
		snprintf(set->kernel, sizeof(set->kernel), "%s", looks[1].kernel);
		if (looks[1].nr && !rehearsal_add(set, &what))
			set->status = TOOL_FAILED;
	} else {
		tool_err("%s: no complete rehearsal: make it anew", path);
		while (set->nr > nr)
			free(set->vcpus[--set->nr]);
		set->unreadable++;
		set->status = TOOL_FAILED;
	}
	ctele_free(&looks[0]);
	ctele_free(&looks[1]);
}

static enum tool_status cannot_read(const char *path)
{
	if (errno == ENOENT) {
		tool_err("%s: no rehearsal was made since this kernel booted: cvmm ctl SOCK rehearse 60",
			 path);
		return TOOL_NODATA;
	}
	tool_err("%s: %s%s", path, strerror(errno), errno == EACCES ?
		 ": rehearsals are for root alone; run as root, or with CAP_DAC_READ_SEARCH" : "");
	return errno == EACCES ? TOOL_PERM : TOOL_FAILED;
}

static bool is_rehearsal(const char *name)
{
	size_t n = strlen(name), end = strlen(REHEARSAL_SUFFIX);

	return n > end && !strncmp(name, REHEARSAL_PREFIX, strlen(REHEARSAL_PREFIX)) &&
	       !strcmp(name + n - end, REHEARSAL_SUFFIX);
}

static enum tool_status dir_load(struct ctele_set *set, const struct ctele_source *src, DIR *d,
				 unsigned int *files)
{
	char path[PATH_MAX];
	struct dirent *e;
	FILE *f;

	while ((e = readdir(d))) {
		if (!is_rehearsal(e->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", src->rehearsals, e->d_name);
		f = fopen(path, "re");
		if (!f && errno == ENOENT)
			continue;
		if (!f)
			return cannot_read(path);
		++*files;
		rehearsal_take(set, src, path, f);
		fclose(f);
	}
	return TOOL_OK;
}

static int rehearsal_compare(const void *a, const void *b)
{
	const struct ctele_rehearsal *x = a, *y = b;

	return x->vm_id < y->vm_id ? -1 : x->vm_id > y->vm_id;
}

static enum tool_status rehearsal_load(struct ctele_reader *r, struct ctele_set *set)
{
	const char *path = r->src->rehearsals;
	enum tool_status status;
	unsigned int files = 0;
	DIR *d = opendir(path);

	if (!d)
		return cannot_read(path);
	status = dir_load(set, r->src, d, &files);
	closedir(d);
	if (set->nr_rehearsals)
		qsort(set->rehearsals, set->nr_rehearsals, sizeof(*set->rehearsals),
		      rehearsal_compare);
	errno = ENOENT;
	return status == TOOL_OK && !files ? cannot_read(path) : status;
}

const struct ctele_ops ctele_rehearsal_ops = { .load = rehearsal_load };

// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Sets of vCPUs, and the choice of the source that fills them. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "ctele.h"
#include "record.h"
#include "ring.h"

/**
 * ctele_vcpu_add() - put a copy of a vCPU into a set
 * @set:	the set
 * @v:		the vCPU
 *
 * Return: false when memory ran out; a message has told so.
 */
bool ctele_vcpu_add(struct ctele_set *set, const struct ctele_vcpu *v)
{
	struct ctele_vcpu *copy = malloc(sizeof(*copy)), **vcpus;
	size_t cap = set->cap;

	if (!copy)
		goto err_memory;
	if (set->nr == cap) {
		cap = cap ? 2 * cap : 16;
		vcpus = realloc(set->vcpus, cap * sizeof(*vcpus));
		if (!vcpus)
			goto err_memory;
		set->vcpus = vcpus;
		set->cap = cap;
	}
	*copy = *v;
	set->vcpus[set->nr++] = copy;
	return true;

err_memory:
	free(copy);
	tool_err("reading telemetry: no memory for vCPU number %zu", set->nr + 1);
	return false;
}

/* State words that telemetry explains: a vCPU that was adopted has an empty Caretaker. */
static void set_state(struct ctele_vcpu *v)
{
	struct ctele_gap gap;

	if (!strcmp(v->state, "empty") && ctele_gap(&v->tele, &gap) && gap.adopt)
		strcpy(v->state, "adopted");
}

/**
 * ctele_offer() - put a vCPU into a set if it is asked for
 * @set:	the set
 * @src:	what is asked for
 * @v:		the vCPU
 *
 * Return: false when memory ran out; a message has told so.
 */
bool ctele_offer(struct ctele_set *set, const struct ctele_source *src, const struct ctele_vcpu *v)
{
	const char *damage = ctele_damage(&v->tele);
	char vm[17];

	snprintf(vm, sizeof(vm), "%016llx", (unsigned long long)v->tele.vm_id);
	if ((src->pid >= 0 && v->pid >= 0 && src->pid != v->pid) ||
	    (src->vcpu >= 0 && src->vcpu != v->dir_vcpu) ||
	    (src->vm && strncasecmp(vm, src->vm, strlen(src->vm)))) {
		set->filtered++;
		return true;
	}
	set->untimed += !ctele_timed(&v->tele);
	if (damage) {
		tool_err("VM %s vCPU %ld: the telemetry is damaged, it is shown as it is: %s", vm,
			 v->dir_vcpu, damage);
		set->damaged++;
		if (set->status == TOOL_OK)
			set->status = TOOL_FAILED;
	}
	return ctele_vcpu_add(set, v);
}

static int set_compare(const void *a, const void *b)
{
	const struct ctele_vcpu *x = *(struct ctele_vcpu *const *)a;
	const struct ctele_vcpu *y = *(struct ctele_vcpu *const *)b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->fd != y->fd)
		return x->fd < y->fd ? -1 : 1;
	/* Where the process is not known, the identity tells VMs apart. */
	if (x->tele.vm_id != y->tele.vm_id)
		return x->tele.vm_id < y->tele.vm_id ? -1 : 1;
	return x->dir_vcpu < y->dir_vcpu ? -1 : x->dir_vcpu > y->dir_vcpu;
}

static void set_finish(struct ctele_set *set)
{
	size_t i;

	if (set->nr)
		qsort(set->vcpus, set->nr, sizeof(*set->vcpus), set_compare);
	for (i = 0; i < set->nr; i++) {
		set_state(set->vcpus[i]);
		set->vcpus[i]->tsc = set->tsc;
		set->vms += !i || set->vcpus[i]->pid != set->vcpus[i - 1]->pid ||
			    set->vcpus[i]->fd != set->vcpus[i - 1]->fd ||
			    set->vcpus[i]->tele.vm_id != set->vcpus[i - 1]->tele.vm_id;
	}
}

static enum tool_status set_nothing(const struct ctele_set *set)
{
	if (set->status != TOOL_OK)
		return set->status;
	if (set->filtered)
		tool_err("nothing fits -p, -c and -g; %u vCPUs were left out", set->filtered);
	else if (set->no_file)
		tool_err("this kernel's KVM has no Caretaker (%u vCPUs without caretaker_telemetry): boot one with CONFIG_KVM_CARETAKER=y",
			 set->no_file);
	else if (set->vms_seen)
		tool_err("%u VMs, none with a Caretaker: start the VMM with one (KVM_SET_CARETAKER)",
			 set->vms_seen);
	else
		tool_err("no VM runs on this host: start one with a Caretaker (KVM_SET_CARETAKER)");
	return TOOL_NODATA;
}

/* Does the data come from this host as it runs now? */
bool ctele_here(const struct ctele_source *src)
{
	return !src->file && !src->synthetic && !src->rehearsals &&
	       (src->way == CTELE_BY_BPF || !strcmp(src->debugfs, CTELE_DEBUGFS));
}

static uint64_t set_realtime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/**
 * ctele_set_here() - begin a look at this host as it is now
 * @set:	out: empty, with the clocks and the kernel's name
 */
void ctele_set_here(struct ctele_set *set)
{
	struct utsname u;

	memset(set, 0, sizeof(*set));
	set->realtime_ns = set_realtime();
	set->tsc = __rdtsc();
	if (!uname(&u))
		snprintf(set->kernel, sizeof(set->kernel), "%.64s", u.release);
}

/* They stay as they are: the log is read once. */
static void set_boot(struct ctele_set *set)
{
	static struct boot boot;
	static bool known;

	if (!known)
		boot_read(&boot);
	known = true;
	set->boot = boot;
}

/* Only on this host the TSC is the clock of the stamps. */
static void set_begin(struct ctele_set *set, const struct ctele_source *src)
{
	if (ctele_here(src)) {
		ctele_set_here(set);
		if (src->boot)
			set_boot(set);
	} else {
		memset(set, 0, sizeof(*set));
		set->realtime_ns = set_realtime();
	}
}

/**
 * ctele_way_parse() - take the word of --source
 * @word:	auto, debugfs or bpf; NULL for none
 * @src:	where it goes
 *
 * Return: false when it is none of them; a message has told so.
 */
bool ctele_way_parse(const char *word, struct ctele_source *src)
{
	static const char * const words[] = {
		[CTELE_AUTO] = "auto", [CTELE_BY_DEBUGFS] = "debugfs", [CTELE_BY_BPF] = "bpf",
	};
	unsigned int i;

	for (i = 0; word && i < TOOL_NELEM(words); i++) {
		if (strcmp(word, words[i]))
			continue;
		src->way = i;
		return true;
	}
	if (word)
		tool_err("--source %s: there are auto, debugfs and bpf", word);
	return !word;
}

/* CLOCK_MONOTONIC in nanoseconds */
uint64_t ctele_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static bool debugfs_is_there(const struct ctele_source *src)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/kvm", src->debugfs) < (int)sizeof(path) &&
	       !access(path, R_OK | X_OK);
}

/*
 * Debugfs comes first: it knows more (process), asks for less (no BTF, one capability)
 * and is there early after an update. When neither is there, debugfs tells what is missing.
 */
static enum tool_status open_live(struct ctele_reader *r)
{
	bool bpf = r->src->way == CTELE_BY_BPF;
	enum tool_status status = TOOL_OK;

	if (r->src->way == CTELE_AUTO && ctele_here(r->src) && !debugfs_is_there(r->src)) {
		tool_err_hold(!r->src->verbose);
		bpf = ctele_iter_ops.open(r) == TOOL_OK;
		tool_err_hold(false);
		tool_err_forget();
	} else if (bpf) {
		status = ctele_iter_ops.open(r);
	}
	if (bpf)
		r->ops = &ctele_iter_ops;
	if (r->src->verbose && status == TOOL_OK)
		tool_err("reading %s", bpf ? "the BPF iterator caretaker_vcpu" : r->src->debugfs);
	return status;
}

/* Events come with live data; those of a recording are in it. */
static enum tool_status open_ring(struct ctele_reader *r)
{
	enum tool_status status;

	if (!r->src->events)
		return TOOL_OK;
	r->ring = malloc(sizeof(*r->ring));
	if (!r->ring) {
		tool_err("reading events: no memory");
		return TOOL_FAILED;
	}
	status = ring_open(r->ring, r->src);
	if (status != TOOL_OK) {
		free(r->ring);
		r->ring = NULL;
	}
	return status;
}

/* NULL for live data */
static const struct ctele_ops *source_kind(const struct ctele_source *src)
{
	if (src->synthetic)
		return &ctele_synth_ops;
	if (src->rehearsals)
		return &ctele_rehearsal_ops;
	if (!src->file)
		return NULL;
	return record_is_file(src->file) ? &ctele_record_ops : &ctele_file_ops;
}

/**
 * ctele_open() - open a source
 * @r:		out; close it with ctele_close() after success
 * @src:	what to read; has to live as long as @r
 *
 * Return: TOOL_OK; else a message has told what is wrong.
 */
enum tool_status ctele_open(struct ctele_reader *r, const struct ctele_source *src)
{
	enum tool_status status;

	*r = (struct ctele_reader){ .src = src, .ops = source_kind(src) };
	if (r->ops)
		return r->ops->open ? r->ops->open(r) : TOOL_OK;
	r->ops = &ctele_scan_ops;
	status = open_live(r);
	if (status != TOOL_OK)
		return status;
	status = open_ring(r);
	if (status != TOOL_OK)
		ctele_close(r);
	return status;
}

/**
 * ctele_load() - read the telemetry of all vCPUs that are asked for
 * @r:		open source
 * @set:	out; free it with ctele_free() whatever comes back
 *
 * Return: TOOL_OK when there is at least one vCPU in @set, or when @r->end says that there is no
 * look any more. @set->status then still tells of vCPUs that could not be read. A message has
 * told of every failure.
 */
enum tool_status ctele_load(struct ctele_reader *r, struct ctele_set *set)
{
	enum tool_status status;

	set_begin(set, r->src);
	status = r->ops->load(r, set);
	if (status == TOOL_OK && r->ring)
		status = ring_load(r->ring, r->src, set);
	if (status != TOOL_OK || r->end)
		return status;
	set_finish(set);
	ring_lost_count(set);
	r->looks++;
	/* A recording goes on after a look at nothing. */
	return set->nr || r->finite ? TOOL_OK : set_nothing(set);
}

/* The last look that has something in it */
static enum tool_status load_to_end(struct ctele_reader *r, struct ctele_set *set)
{
	enum tool_status status;
	struct ctele_set next;

	for (;;) {
		status = ctele_load(r, &next);
		if (status != TOOL_OK || r->end)
			break;
		if (!ring_events_move(&next, set)) {
			status = TOOL_FAILED;
			break;
		}
		if (next.nr || !set->nr) {
			ctele_free(set);
			*set = next;
		} else {
			if (!ring_events_move(set, &next)) {
				status = TOOL_FAILED;
				break;
			}
			ctele_free(&next);
		}
	}
	ctele_free(&next);
	if (status == TOOL_OK && !set->nr)
		status = r->damage == TOOL_OK ? set_nothing(set) : r->damage;
	if (set->status == TOOL_OK)
		set->status = r->damage;
	return status;
}

/**
 * ctele_load_last() - open, read the latest that is there, close
 * @src:	what to read
 * @set:	out; free it with ctele_free() whatever comes back
 *
 * Return: as ctele_load()
 */
enum tool_status ctele_load_last(const struct ctele_source *src, struct ctele_set *set)
{
	enum tool_status status;
	struct ctele_reader r;

	memset(set, 0, sizeof(*set));
	status = ctele_open(&r, src);
	if (status != TOOL_OK)
		return status;
	status = r.finite ? load_to_end(&r, set) : ctele_load(&r, set);
	ctele_close(&r);
	return status;
}

/**
 * ctele_close() - close a source
 * @r:		the source
 */
void ctele_close(struct ctele_reader *r)
{
	if (r->ring) {
		ring_close(r->ring);
		free(r->ring);
		r->ring = NULL;
	}
	if (r->ops->close)
		r->ops->close(r);
	r->priv = NULL;
}

/**
 * ctele_lost_add() - events are of one look each: what was missing before is missing still
 * @set:	a look
 * @before:	the look before
 */
void ctele_lost_add(struct ctele_set *set, const struct ctele_set *before)
{
	const struct ctele_vcpu *was;
	struct ctele_vcpu *v;
	size_t i;

	for (i = 0; before->events_lost && i < before->nr; i++) {
		was = before->vcpus[i];
		v = was->events_lost ? ctele_find_id(set, was->tele.vm_id, was->tele.vcpu) : NULL;
		if (v)
			v->events_lost += was->events_lost;
	}
	set->events_lost += before->events_lost;
	set->events_cut |= before->events_cut;
	set->events_damaged += before->events_damaged;
}

/**
 * ctele_free() - free what a set holds
 * @set:	the set; is empty after it
 */
void ctele_free(struct ctele_set *set)
{
	size_t i;

	for (i = 0; i < set->nr; i++)
		free(set->vcpus[i]);
	free(set->vcpus);
	free(set->rehearsals);
	free(set->events);
	memset(set, 0, sizeof(*set));
}

/**
 * ctele_find_id() - the vCPU that an event names
 * @set:	the set
 * @vm:		identity of the VM
 * @vcpu:	vCPU id
 *
 * Return: it, NULL when it is not in there.
 */
struct ctele_vcpu *ctele_find_id(const struct ctele_set *set, uint64_t vm, uint32_t vcpu)
{
	size_t i;

	for (i = 0; i < set->nr; i++)
		if (set->vcpus[i]->tele.vm_id == vm && set->vcpus[i]->tele.vcpu == vcpu)
			return set->vcpus[i];
	return NULL;
}

/**
 * ctele_find() - the same vCPU in another set
 * @set:	sorted set
 * @like:	the vCPU
 *
 * Return: it, NULL when it is not in there.
 */
const struct ctele_vcpu *ctele_find(const struct ctele_set *set, const struct ctele_vcpu *like)
{
	struct ctele_vcpu **v;

	if (!set->nr)
		return NULL;
	v = bsearch(&like, set->vcpus, set->nr, sizeof(*set->vcpus), set_compare);
	return v ? *v : NULL;
}

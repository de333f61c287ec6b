// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Reads the Caretakers' event rings by tracefs. The file "trace" shows what the kernel has
 * collected and takes nothing away from other readers; so each look takes what is newer than the
 * look before. Times there are microseconds since the TSC was 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "reason.h"
#include "ring.h"

/* As much as the kernel's buffer can be made to hold in a usual way */
#define RING_TEXT_MAX	(64UL << 20)

static const char *const ring_names[RING_NR_NAMES] = {
	"exit", "stall", "resume", "run", "park", "inject", "ipi", "stray", "fault", "handler",
	"lost",
};

static int name_number(const char *word, size_t len)
{
	int i;

	for (i = 0; i < RING_NR_NAMES; i++)
		if (strlen(ring_names[i]) == len && !strncmp(ring_names[i], word, len))
			return i;
	return -1;
}

/**
 * ring_names_check() - take the word of --events
 * @list:	names separated by commas, "all", "kept", or "help", which lists them
 *
 * Return: -1 when it can be used, else the exit status.
 */
int ring_names_check(const char *list)
{
	size_t len;
	int i;

	if (!strcmp(list, "help")) {
		for (i = 0; i < RING_NR_NAMES; i++)
			puts(ring_names[i]);
		puts("all\nkept");
		return TOOL_OK;
	}
	if (!strcmp(list, "all") || !strcmp(list, "kept"))
		return -1;
	for (;; list += len + 1) {
		len = strcspn(list, ",");
		if (name_number(list, len) < 0) {
			tool_err("--events: there is no event \"%.*s\"; --events help lists them",
				 (int)len, list);
			return TOOL_USAGE;
		}
		if (!list[len])
			return -1;
	}
}

static bool name_wanted(const char *list, int number)
{
	size_t len;

	if (!strcmp(list, "all"))
		return true;
	for (;; list += len + 1) {
		len = strcspn(list, ",");
		if (name_number(list, len) == number)
			return true;
		if (!list[len])
			return false;
	}
}

static enum tool_status ring_failed(const char *path, int err, const char *cap)
{
	if (err == EACCES || err == EPERM) {
		tool_err("%s: %s: tracefs is for root alone; run as root, or with %s", path,
			 strerror(err), cap);
		return TOOL_PERM;
	}
	if (err == ENOENT || err == ENOTDIR) {
		tool_err("%s is not there: mount -t tracefs none %s, or boot a kernel with CONFIG_KVM_CARETAKER=y and CONFIG_FTRACE=y",
			 path, RING_TRACEFS);
		return TOOL_NODATA;
	}
	tool_err("%s: %s", path, strerror(err));
	return TOOL_FAILED;
}

static void ring_path(const struct ring_reader *r, char *path, size_t len, const char *file)
{
	snprintf(path, len, "%s/%s", r->dir, file);
}

static void switch_path(char *file, size_t len, int number)
{
	snprintf(file, len, "events/caretaker/%s/enable", ring_names[number]);
}

/* Is it on? A negative errno when that cannot be read. */
static int switch_read(const struct ring_reader *r, const char *file)
{
	char path[640], c = 0;
	int fd, err = 0;

	ring_path(r, path, sizeof(path), file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (read(fd, &c, 1) < 0)
		err = -errno;
	close(fd);
	return err ? err : c == '1';
}

static int switch_write(const struct ring_reader *r, const char *file, bool on)
{
	char path[640];
	int fd, err = 0;

	ring_path(r, path, sizeof(path), file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, on ? "1" : "0", 1) != 1)
		err = -errno;
	close(fd);
	return err;
}

/* *changed: it was off before */
static int switch_on(const struct ring_reader *r, const char *file, bool *changed)
{
	int was = switch_read(r, file), err;

	if (was)
		return was < 0 ? was : 0;
	err = switch_write(r, file, true);
	*changed = !err;
	return err;
}

static enum tool_status switches_on(struct ring_reader *r, const char *list)
{
	char file[64], path[640];
	int i, err = 0;

	for (i = 0; i < RING_NR_NAMES && !err; i++) {
		switch_path(file, sizeof(file), i);
		if (name_wanted(list, i))
			err = switch_on(r, file, &r->set[i]);
	}
	if (!err) {
		snprintf(file, sizeof(file), "tracing_on");
		err = switch_on(r, file, &r->set_on);
	}
	if (!err)
		return TOOL_OK;
	ring_path(r, path, sizeof(path), file);
	return ring_failed(path, -err, "CAP_DAC_OVERRIDE");
}

/**
 * ring_close() - what was switched on is switched off again
 * @r:		the remote
 */
void ring_close(struct ring_reader *r)
{
	char file[64];
	int i, err = 0;

	if (r->set_on)
		err = switch_write(r, "tracing_on", false);
	for (i = 0; i < RING_NR_NAMES; i++) {
		switch_path(file, sizeof(file), i);
		if (r->set[i] && switch_write(r, file, false))
			err = -1;
	}
	if (err)
		tool_err("%s: what was switched on cannot be switched off again", r->dir);
	if (r->pipe >= 0)
		close(r->pipe);
	r->pipe = -1;
	free(r->dropped);
	r->dropped = NULL;
	r->nr_dropped = 0;
}

/**
 * ring_open() - begin to read the events
 * @r:		out; close it with ring_close() after success
 * @src:	what is wanted
 *
 * Return: TOOL_OK; else a message has told what is wrong.
 */
enum tool_status ring_open(struct ring_reader *r, const struct ctele_source *src)
{
	enum tool_status status = TOOL_OK;
	char path[640];

	/* With its output gone this has to live on, to switch off what it switched on. */
	signal(SIGPIPE, SIG_IGN);
	*r = (struct ring_reader){ .pipe = -1, .skip = src->events_new };
	snprintf(r->dir, sizeof(r->dir), "%s/remotes/caretaker", src->tracefs);
	ring_path(r, path, sizeof(path), "trace_pipe");
	r->pipe = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (r->pipe < 0)
		return ring_failed(path, errno, "CAP_DAC_READ_SEARCH");
	if (strcmp(src->events, "kept"))
		status = switches_on(r, src->events);
	if (status != TOOL_OK)
		ring_close(r);
	return status;
}

/**
 * ring_line_parse() - one line of trace
 * @line:	"[000]\t   12.345678: name vm=... vcpu=0 apic_id=1 more", without its end
 * @e:		out
 * @lost:	out: events that are missing before the next line, which is all that this line says
 *
 * Return: false when it is neither an event nor says that some are missing.
 */
bool ring_line_parse(const char *line, struct ring_event *e, uint64_t *lost)
{
	unsigned long long s, us, vm;
	unsigned int vcpu, apic;
	int at = 0, rest = 0;
	const char *mark;

	memset(e, 0, sizeof(*e));
	*lost = 0;
	mark = strncmp(line, "CPU:", 4) ? NULL : strstr(line, "[LOST ");
	if (mark) {
		*lost = strtoull(mark + 6, NULL, 10);
		return *lost;
	}
	if (sscanf(line, "[%*u] %llu.%6llu: %15s %n", &s, &us, e->name, &at) != 3 || !at ||
	    s > UINT64_MAX / 2000000000 ||
	    sscanf(line + at, "vm=%llx vcpu=%u apic_id=%u %n", &vm, &vcpu, &apic, &rest) != 3)
		return false;
	e->ns = (s * 1000000 + us) * 1000;
	e->vm = vm;
	e->vcpu = vcpu;
	e->apic_id = apic;
	snprintf(e->text, sizeof(e->text), "%s", line + at + rest);
	return true;
}

/**
 * ring_event_add() - put a copy of an event into a set
 * @set:	the set
 * @e:		the event
 *
 * Return: false when memory ran out; a message has told so.
 */
bool ring_event_add(struct ctele_set *set, const struct ring_event *e)
{
	size_t cap = set->cap_events ? 2 * set->cap_events : 256;
	struct ring_event *events;

	if (set->nr_events == set->cap_events) {
		events = realloc(set->events, cap * sizeof(*events));
		if (!events) {
			tool_err("reading events: no memory for number %zu", set->nr_events + 1);
			return false;
		}
		set->events = events;
		set->cap_events = cap;
	}
	set->events[set->nr_events++] = *e;
	return true;
}

/**
 * ring_events_move() - events of a look before another one, in front of those
 * @to:		the later look
 * @from:	the earlier look; has none after it
 *
 * Return: false when memory ran out; a message has told so.
 */
bool ring_events_move(struct ctele_set *to, struct ctele_set *from)
{
	struct ctele_set both = { .events = from->events, .nr_events = from->nr_events,
				  .cap_events = from->cap_events };
	bool ok = true;
	size_t i;

	for (i = 0; ok && i < to->nr_events; i++)
		ok = ring_event_add(&both, &to->events[i]);
	free(to->events);
	to->events = both.events;
	to->nr_events = both.nr_events;
	to->cap_events = both.cap_events;
	ctele_lost_add(to, from);
	from->events_lost = 0;
	from->events_cut = false;
	from->events_damaged = 0;
	from->events = NULL;
	from->nr_events = 0;
	from->cap_events = 0;
	return ok;
}

/* How many are missing before this one, which is none itself; 0 for all others */
static uint64_t event_lost(const struct ring_event *e)
{
	static const char key[] = "events=";
	const char *number = e->text + strlen(key);
	unsigned long long n;

	if (strcmp(e->name, "lost") || strncmp(e->text, key, strlen(key)) || *number == '-')
		return 0;
	n = strtoull(number, NULL, 10);
	return n < UINT32_MAX ? n : UINT32_MAX;
}

/**
 * ring_lost_count() - what the events of a look say of others that are missing
 * @set:	the look, with its vCPUs and events
 *
 * Where tracefs has a number, too, it is of the same ones and perhaps more.
 */
void ring_lost_count(struct ctele_set *set)
{
	const struct ring_event *e;
	struct ctele_vcpu *v;
	uint64_t sum = 0, n;
	size_t i;

	for (i = 0; i < set->nr_events; i++) {
		e = &set->events[i];
		n = event_lost(e);
		v = n ? ctele_find_id(set, e->vm, e->vcpu) : NULL;
		if (v)
			v->events_lost += n;
		sum += n;
	}
	if (sum > set->events_lost)
		set->events_lost = sum;
}

/* One whose reason is not known is told. */
static bool event_reason_wanted(const struct ctele_source *src, const struct ring_event *e)
{
	static const char key[] = "reason=";
	unsigned int index;

	return !src->reasons || strncmp(e->text, key, strlen(key)) ||
	       !reason_of_trace(e->text + strlen(key), &index) || src->reasons[index];
}

/* Is it of a vCPU, and for a reason, that is asked for? */
bool ring_event_wanted(const struct ctele_source *src, const struct ring_event *e)
{
	char vm[17];

	snprintf(vm, sizeof(vm), "%016" PRIx64, e->vm);
	return event_reason_wanted(src, e) && (src->vcpu < 0 || src->vcpu == e->vcpu) &&
	       (!src->vm || !strncasecmp(vm, src->vm, strlen(src->vm)));
}

/* Several events may have one time: those that were taken come first. @same: of that time so far */
static bool event_is_new(const struct ring_reader *r, uint64_t us, unsigned int *same)
{
	if (!r->had || us > r->last_us)
		return true;
	return us == r->last_us && ++*same > r->last_nr;
}

static void event_taken(struct ring_reader *r, uint64_t us)
{
	r->last_nr = r->had && us == r->last_us ? r->last_nr + 1 : 1;
	r->last_us = us;
	r->had = true;
}

/**
 * ring_text_take() - all of trace at once: what is new goes into a set
 * @r:		the remote
 * @src:	which vCPUs are wanted
 * @text:	the text; is written to
 * @set:	where it goes
 *
 * Return: false when memory ran out; a message has told so.
 */
bool ring_text_take(struct ring_reader *r, const struct ctele_source *src, char *text,
		    struct ctele_set *set)
{
	bool had = r->had, joined = !had, tell = !r->skip;
	const struct ring_reader was = *r;
	unsigned int same = 0, lines = 0;
	char *line, *save = NULL;
	struct ring_event e;
	uint64_t lost;

	r->skip = false;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!ring_line_parse(line, &e, &lost)) {
			set->events_damaged++;
			continue;
		}
		set->events_lost += tell ? lost : 0;
		if (lost)
			continue;
		lines++;
		joined |= e.ns / 1000 <= was.last_us;
		if (!event_is_new(&was, e.ns / 1000, &same))
			continue;
		event_taken(r, e.ns / 1000);
		if (tell && ring_event_wanted(src, &e) && !ring_event_add(set, &e))
			return false;
	}
	/* Nothing of what was taken is there any more: something between may be gone as well. */
	set->events_cut = lines && !joined;
	return true;
}

/* All of a file, with a zero behind it; NULL and errno when it cannot be read */
static char *file_read(const char *path)
{
	size_t len = 0, room = 1 << 16;
	char *text = malloc(room), *more;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = text && fd >= 0 ? 1 : -1;

	while (n > 0) {
		n = read(fd, text + len, room - len - 1);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += n;
		if (len + 1 < room)
			continue;
		more = room < RING_TEXT_MAX ? realloc(text, 2 * room) : NULL;
		if (!more) {
			errno = ENOMEM;
			n = -1;
			break;
		}
		text = more;
		room *= 2;
	}
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[len] = '\0';
	return text;
}

/**
 * ring_load() - the events since the look before
 * @r:		the remote
 * @src:	which vCPUs are wanted
 * @set:	where they go
 */
enum tool_status ring_load(struct ring_reader *r, const struct ctele_source *src,
			   struct ctele_set *set)
{
	char path[640], *text;
	bool ok, tell = !r->skip;

	ring_path(r, path, sizeof(path), "trace");
	text = file_read(path);
	if (!text)
		return ring_failed(path, errno, "CAP_DAC_READ_SEARCH");
	ok = ring_text_take(r, src, text, set);
	free(text);
	/* Kernels without this file drop nothing that could be told. */
	ring_path(r, path, sizeof(path), "rings");
	text = ok ? file_read(path) : NULL;
	if (text)
		ok = ring_losses_take(r, src, text, set, tell);
	free(text);
	return ok ? TOOL_OK : TOOL_FAILED;
}

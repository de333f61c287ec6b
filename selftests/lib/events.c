// SPDX-License-Identifier: GPL-2.0
/* The event rings in tracefs. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "events.h"
#include "ktap.h"
#include "kvm_guest.h"

#define FIRST_MS	4000	/* wait for the first one, on a busy machine */
#define QUIET_MS	600	/* and for another one after that */
#define LONGEST_MS	20000
#define TEXT_MAX	(8 << 20)

struct event events[EVENTS_MAX];
unsigned int nr_events;
static char text[TEXT_MAX];

static const char *const names[] = {
	"exit", "stall", "resume", "run", "park", "inject", "ipi", "stray", "fault", "handler",
	"lost",
};

bool events_there(void)
{
	return !access(EVENTS_DIR "trace_pipe", R_OK);
}

int events_write(const char *file, const char *what)
{
	char path[128];
	ssize_t n;
	int fd, err;

	snprintf(path, sizeof(path), EVENTS_DIR "%s", file);
	fd = open(path, O_WRONLY | O_TRUNC);
	if (fd < 0)
		return -errno;
	n = write(fd, what, strlen(what));
	err = n == (ssize_t)strlen(what) ? 0 : -errno;
	close(fd);
	return err;
}

int events_choose(const char *chosen)
{
	char padded[128], word[24], file[64];
	unsigned int i;
	int err = 0;

	snprintf(padded, sizeof(padded), " %s ", chosen);
	for (i = 0; i < ARRAY_SIZE(names) && !err; i++) {
		snprintf(word, sizeof(word), " %s ", names[i]);
		snprintf(file, sizeof(file), "events/caretaker/%s/enable", names[i]);
		err = events_write(file, strstr(padded, word) ? "1" : "0");
		if (err)
			ktap_diag("%s: %s", file, strerror(-err));
	}
	return err;
}

/* "[000]\t   12.345678: name text", or "CPU:0 [LOST n EVENTS]" */
static bool line_parse(char *line, struct event *e)
{
	unsigned long s, us;
	int at = 0;

	memset(e, 0, sizeof(*e));
	if (!strncmp(line, "CPU:", 4) && strstr(line, "[LOST ")) {
		strcpy(e->name, "LOST");
		e->text = strstr(line, "[LOST ") + 6;
		return true;
	}
	if (sscanf(line, "[%*u]%lu.%lu: %15s%n", &s, &us, e->name, &at) != 3)
		return false;
	e->us = s * 1000000 + us;
	e->text = line + at;
	return true;
}

static int text_parse(void)
{
	char *save, *line;

	nr_events = 0;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (nr_events == EVENTS_MAX)
			return -E2BIG;
		if (!line_parse(line, &events[nr_events])) {
			ktap_diag("not an event: %s", line);
			return -EINVAL;
		}
		nr_events++;
	}
	return 0;
}

static off_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_size;
}

static int child_cat(const char *path, int out)
{
	dup2(out, STDOUT_FILENO);
	execl("/bin/cat", "cat", path, NULL);
	_exit(127);
}

/* A pipe of events never ends: it is left when nothing has come for a while. */
static int cat_until_quiet(const char *path, int out)
{
	unsigned int quiet = 0, all = 0;
	off_t was = 0;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid)
		child_cat(path, out);
	while (quiet < (was ? QUIET_MS : FIRST_MS) && all < LONGEST_MS &&
	       !waitpid(pid, NULL, WNOHANG)) {
		sleep_ms(50);
		quiet = size_of(out) == was ? quiet + 50 : 0;
		was = size_of(out);
		all += 50;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}

int events_read(const char *file)
{
	int fd = memfd_create("events", 0), err;
	char path[128];
	ssize_t n;

	if (fd < 0)
		return -errno;
	snprintf(path, sizeof(path), EVENTS_DIR "%s", file);
	err = cat_until_quiet(path, fd);
	n = pread(fd, text, sizeof(text) - 1, 0);
	close(fd);
	if (err || n < 0)
		return err ? err : -errno;
	text[n] = 0;
	return text_parse();
}

static const char *value_of(const struct event *e, const char *name)
{
	size_t len = strlen(name);
	const char *at = e->text;

	while ((at = strstr(at, name))) {
		if (at[len] == '=' && at > e->text && at[-1] == ' ')
			return at + len + 1;
		at += len;
	}
	return NULL;
}

uint64_t event_number(const struct event *e, const char *name)
{
	const char *value = value_of(e, name);

	return value ? strtoull(value, NULL, strcmp(name, "vm") ? 0 : 16) : 0;
}

bool event_is(const struct event *e, const char *name, const char *value)
{
	const char *is = value_of(e, name);
	size_t len = strlen(value);

	return is && !strncmp(is, value, len) && (!is[len] || is[len] == ' ');
}

unsigned int events_count(const char *name)
{
	unsigned int i, n = 0;

	for (i = 0; i < nr_events; i++)
		n += !strcmp(events[i].name, name);
	return n;
}

const struct event *events_find(const char *name, unsigned int from)
{
	for (; from < nr_events; from++)
		if (!strcmp(events[from].name, name))
			return &events[from];
	return NULL;
}

bool events_in_order(void)
{
	uint64_t last = 0;
	unsigned int i;

	for (i = 0; i < nr_events; i++) {
		if (!strcmp(events[i].name, "LOST"))
			continue;
		if (events[i].us < last) {
			ktap_diag("number %u at %lu us comes after %lu us", i, events[i].us, last);
			return false;
		}
		last = events[i].us;
	}
	return true;
}

int events_ring(uint64_t vm, unsigned int vcpu, struct event_ring *r)
{
	FILE *f = fopen(EVENTS_DIR "rings", "r");
	int err = -ENOENT;
	char line[256];

	while (f && err && fgets(line, sizeof(line), f)) {
		memset(r, 0, sizeof(*r));
		if (sscanf(line, "%lx %u %u %x %lu %lu %lu %lu %u %79[^\n]", &r->vm, &r->vcpu,
			   &r->apic_id, &r->events, &r->written, &r->read, &r->lost, &r->dropped,
			   &r->tsc_khz, r->state) == 10 && r->vm == vm && r->vcpu == vcpu)
			err = 0;
	}
	if (f)
		fclose(f);
	return err;
}

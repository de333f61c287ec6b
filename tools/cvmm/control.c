// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The main thread: control socket, console input, signals, end of the vCPU.
 *
 * One request per connection: a line of words. The answer is "ok", "blocked" or "error: REASON" on
 * the first line; "status" and "rehearse" add their result.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cvmm.h"

#define LINE_MAX_BYTES	1024

struct request {
	char *word[4];
	int nr;
};

static int control_listen(const char *path)
{
	struct sockaddr_un addr;
	int fd;

	if (control_address(&addr, path))
		return -EINVAL;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || (unlink(path) && errno != ENOENT) ||
	    bind(fd, (void *)&addr, sizeof(addr)) || listen(fd, 4)) {
		err("control socket %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -EIO;
	}
	return fd;
}

static void request_split(struct request *r, char *line)
{
	char *save, *p = strtok_r(line, " \t\r\n", &save);

	r->nr = 0;
	while (p && r->nr < 4) {
		r->word[r->nr++] = p;
		p = strtok_r(NULL, " \t\r\n", &save);
	}
}

static const char *word_or_null(const struct request *r, int i)
{
	return i < r->nr && strcmp(r->word[i], "-") ? r->word[i] : NULL;
}

/* "mailbox N": hand a command to the workload in the guest */
static int do_mailbox(struct vm *vm, const struct request *r, char *why, size_t size)
{
	char *end;
	unsigned long val;

	if (r->nr != 2) {
		snprintf(why, size, "mailbox needs a number");
		return -EINVAL;
	}
	val = strtoul(r->word[1], &end, 0);
	if (*end || val > UINT32_MAX) {
		snprintf(why, size, "mailbox: %s is no 32-bit number", r->word[1]);
		return -EINVAL;
	}
	__atomic_store_n(&vm_mailbox(vm)->command, val, __ATOMIC_RELEASE);
	return 0;
}

static int do_update(struct vm *vm, const struct request *r, char *why, size_t size)
{
	if (r->nr != 3) {
		snprintf(why, size, "update needs PAYLOAD and HANDLERS, \"-\" for none");
		return -EINVAL;
	}
	return vm_update(vm, word_or_null(r, 1), word_or_null(r, 2), why, size);
}

/* "state FILE": what the handlers' variables hold, with their types or as bytes alone */
static int do_state(struct vm *vm, const struct request *r, char *why, size_t size)
{
	bool raw = r->nr == 3 && !strcmp(r->word[2], "raw");

	if (r->nr < 2 || r->nr > 3 || (r->nr == 3 && !raw)) {
		snprintf(why, size, "state needs the name of a file, then may have \"raw\"");
		return -EINVAL;
	}
	return handlers_state_write(vm, r->word[1], raw, why, size);
}

/* Returns 0 when the answer has been written. */
static int do_rehearse(struct vm *vm, const struct request *r, FILE *out, char *why, size_t size)
{
	bool json = r->nr == 3 && !strcmp(r->word[2], "json");
	char *end = "";
	double seconds = r->nr > 1 ? strtod(r->word[1], &end) : 0;

	if (r->nr < 2 || r->nr > 3 || *end || (r->nr == 3 && !json)) {
		snprintf(why, size, "rehearse needs SECONDS, then may have \"json\"");
		return -EINVAL;
	}
	return rehearse(vm, seconds, json, out, why, size);
}

static int do_unknown(const struct request *r, char *why, size_t size)
{
	snprintf(why, size, "unknown request %s", r->word[0]);
	return -EINVAL;
}

/* Returns true when cvmm is to end. */
static bool request_serve(struct vm *vm, struct request *r, FILE *out)
{
	char why[2048] = "";
	bool quit = false;
	int ret = 0;

	if (!strcmp(r->word[0], "preserve"))
		ret = handover_preserve(vm, why, sizeof(why));
	else if (!strcmp(r->word[0], "cancel"))
		ret = handover_cancel(vm, why, sizeof(why));
	else if (!strcmp(r->word[0], "update"))
		ret = do_update(vm, r, why, sizeof(why));
	else if (!strcmp(r->word[0], "mailbox"))
		ret = do_mailbox(vm, r, why, sizeof(why));
	else if (!strcmp(r->word[0], "state"))
		ret = do_state(vm, r, why, sizeof(why));
	else if (!strcmp(r->word[0], "rehearse"))
		ret = do_rehearse(vm, r, out, why, sizeof(why));
	else if (!strcmp(r->word[0], "quit"))
		quit = true;
	else if (strcmp(r->word[0], "status"))
		ret = do_unknown(r, why, sizeof(why));
	if (ret) {
		fprintf(out, "error: %s\n", why[0] ? why : strerror(-ret));
		return false;
	}
	if (!strcmp(r->word[0], "rehearse"))
		return false;
	fprintf(out, "ok\n");
	if (!strcmp(r->word[0], "state") && why[0])
		fprintf(out, "%s\n", why);	/* done, but not all of it */
	if (!strcmp(r->word[0], "status"))
		report_write(vm, out);
	else if (!quit && vm->opt->report && report_files(vm))
		note("%s: the report could not be written", vm->opt->report);
	return quit;
}

static bool client_serve(struct vm *vm, int listener)
{
	struct timeval limit = { .tv_sec = 2 };
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char line[LINE_MAX_BYTES];
	struct request r;
	bool quit = false;
	ssize_t n;
	FILE *out;

	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	out = fdopen(fd, "w");
	if (!out) {
		close(fd);
		return false;
	}
	n = recv(fd, line, sizeof(line) - 1, 0);
	if (n > 0) {
		line[n] = 0;
		request_split(&r, line);
		if (r.nr)
			quit = request_serve(vm, &r, out);
	}
	fclose(out);
	return quit;
}

static void input_serve(struct vm *vm, struct pollfd *p)
{
	uint8_t buf[16];
	ssize_t n = read(p->fd, buf, sizeof(buf));

	if (n > 0)
		serial_input(&vm->serial, buf, n);
	else if (n == 0 || errno != EINTR)
		p->fd = -1;
}

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/**
 * control_loop() - serve until the guest ends, a signal comes or "quit"
 * @vm: VM whose vCPU threads are to be started here
 *
 * Return: exit status of the program.
 */
int control_loop(struct vm *vm)
{
	struct pollfd p[4] = {
		{ .fd = vm->end_fd, .events = POLLIN },
		{ .fd = signals_open(), .events = POLLIN },
		{ .fd = -1, .events = POLLIN },
		{ .fd = -1, .events = POLLIN },
	};
	bool quit = false, failed;

	vm->signal_fd = p[1].fd;
	if (vm->opt->control) {
		p[2].fd = control_listen(vm->opt->control);
		if (p[2].fd < 0)
			return EXIT_RUNTIME;
	}
	if (vm->serial.console == STDOUT_FILENO)
		p[3].fd = STDIN_FILENO;
	failed = threads_start(vm);
	if (!failed && vm->resumed)
		handover_adopt_wait(vm);
	if (!failed && vm->resumed && vm->ended == VCPU_ALIVE)
		handover_finish(vm);
	while (!failed && !quit) {
		if (poll(p, 4, -1) < 0 && errno != EINTR)
			break;
		if ((p[0].revents | p[1].revents) & POLLIN)
			break;
		if (p[2].revents & POLLIN)
			quit = client_serve(vm, p[2].fd);
		if (p[3].revents & (POLLIN | POLLHUP))
			input_serve(vm, &p[3]);
	}
	if (p[2].fd >= 0) {
		close(p[2].fd);
		unlink(vm->opt->control);
	}
	close(p[1].fd);
	threads_stop(vm);
	return failed || vm->ended == VCPU_ENDED_ERROR ? EXIT_RUNTIME : 0;
}

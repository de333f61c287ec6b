// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * "cvmm ctl": one request to a running cvmm.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cvmm.h"

#define LINE_MAX_BYTES	1024

/**
 * control_address() - address of a control socket
 * @addr: struct sockaddr_un to fill
 * @path: path of the socket
 *
 * Return: 0, or -EINVAL when the path is too long.
 */
int control_address(struct sockaddr_un *addr, const char *path)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(addr->sun_path)) {
		err("control socket %s: the path is too long", path);
		return -EINVAL;
	}
	strcpy(addr->sun_path, path);
	return 0;
}

static int request_send(int fd, int argc, char **argv)
{
	char line[LINE_MAX_BYTES];
	size_t used = 0;
	int i, n;

	for (i = 0; i < argc; i++) {
		n = snprintf(line + used, sizeof(line) - used, "%s%s", i ? " " : "", argv[i]);
		if (n < 0 || (size_t)n >= sizeof(line) - used - 1) {
			err("ctl: the request is too long");
			return EXIT_USAGE;
		}
		used += n;
	}
	if (send(fd, line, used, MSG_NOSIGNAL) == (ssize_t)used)
		return 0;
	err("ctl: send: %s", strerror(errno));
	return EXIT_RUNTIME;
}

/* The first line says how it went; what follows is the result. */
static int answer_read(FILE *in)
{
	char buf[4096];
	bool more = false;
	size_t n;
	int ret;

	if (!fgets(buf, sizeof(buf), in)) {
		err("ctl: cvmm closed the connection without an answer");
		return EXIT_RUNTIME;
	}
	ret = !strcmp(buf, "ok\n") ? 0 : !strcmp(buf, "blocked\n") ? EXIT_BLOCKED : EXIT_RUNTIME;
	if (ret == EXIT_RUNTIME)
		fputs(buf, stderr);
	while ((n = fread(buf, 1, sizeof(buf), in)) > 0) {
		fwrite(buf, 1, n, ret == EXIT_RUNTIME ? stderr : stdout);
		more = true;
	}
	if (!ret && !more)
		puts("ok");
	return ret;
}

static int client_talk(int fd, int argc, char **argv)
{
	int ret = request_send(fd, argc, argv);
	FILE *in;

	if (ret)
		return ret;
	in = fdopen(dup(fd), "r");
	if (!in) {
		err("ctl: %s", strerror(errno));
		return EXIT_RUNTIME;
	}
	ret = answer_read(in);
	fclose(in);
	return ret;
}

/**
 * control_client() - "cvmm ctl SOCKET REQUEST..."
 * @argc: words after "ctl"
 * @argv: the words
 *
 * Return: exit status of the program.
 */
int control_client(int argc, char **argv)
{
	struct sockaddr_un addr;
	int fd, ret;

	if (control_address(&addr, argv[0]))
		return EXIT_USAGE;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (void *)&addr, sizeof(addr))) {
		err("control socket %s: %s: is cvmm running with --control?", argv[0],
		    strerror(errno));
		if (fd >= 0)
			close(fd);
		return EXIT_RUNTIME;
	}
	ret = client_talk(fd, argc - 1, argv + 1);
	close(fd);
	return ret;
}

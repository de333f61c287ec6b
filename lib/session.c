// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * libcaretaker: sessions of the Live Update Orchestrator.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <linux/liveupdate.h>

#include "caretaker.h"

#define LIVEUPDATE_DEV	"/dev/liveupdate"

struct caretaker_session {
	int fd;
};

/* The device has one opener at a time: another one's session set-up takes a moment. */
static int liveupdate_open(void)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	int i, fd;

	for (i = 0; i < 100; i++) {
		fd = open(LIVEUPDATE_DEV, O_RDWR | O_CLOEXEC);
		if (fd >= 0 || errno != EBUSY)
			break;
		nanosleep(&pause, NULL);
	}
	return fd < 0 ? -errno : fd;
}

/* CREATE_SESSION and RETRIEVE_SESSION have the same argument. */
static int session_open(const char *name, unsigned long req, struct caretaker_session **out)
{
	struct liveupdate_ioctl_create_session arg = { .size = sizeof(arg), .fd = -1 };
	struct caretaker_session *s;
	int dev, ret = 0;

	_Static_assert(sizeof(arg) == sizeof(struct liveupdate_ioctl_retrieve_session),
		       "one argument struct serves both calls");
	*out = NULL;
	if (!*name || strlen(name) >= sizeof(arg.name))
		return -EINVAL;
	memcpy(arg.name, name, strlen(name));
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	dev = liveupdate_open();
	if (dev < 0) {
		free(s);
		return dev;
	}
	if (ioctl(dev, req, &arg) < 0)
		ret = -errno;
	close(dev);
	if (ret) {
		free(s);
		return ret;
	}
	s->fd = arg.fd;
	*out = s;
	return 0;
}

/**
 * caretaker_session_create() - start a live update session in the old kernel
 * @name: unique name, shorter than 64 bytes
 * @s: set to the session; end it with caretaker_session_close()
 *
 * The session lives as long as its descriptor. Return: 0, -EINVAL for a bad name, -EEXIST, -EBUSY
 * while another process has /dev/liveupdate open, -ENOENT without live update support.
 */
int caretaker_session_create(const char *name, struct caretaker_session **s)
{
	return session_open(name, LIVEUPDATE_IOCTL_CREATE_SESSION, s);
}

/**
 * caretaker_session_retrieve() - take over a session of the old kernel in the next one
 * @name: name given to caretaker_session_create()
 * @s: set to the session
 *
 * Return: 0, -ENOENT when no such session came over the kexec.
 */
int caretaker_session_retrieve(const char *name, struct caretaker_session **s)
{
	return session_open(name, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, s);
}

/**
 * caretaker_session_preserve_fd() - put a memfd, VM or vCPU under the session
 * @s: session made by caretaker_session_create()
 * @fd: order matters: guest memory, then the VM, then its vCPUs
 * @token: number by which the next kernel's VMM asks for it
 *
 * For a vCPU with a Caretaker this is the handover: when it returns 0 the guest runs detached.
 *
 * Return: 0 or a negative errno with the meanings in linux/kvm_caretaker.h; -EAGAIN may be tried
 * again.
 */
int caretaker_session_preserve_fd(struct caretaker_session *s, int fd, uint64_t token)
{
	struct liveupdate_session_preserve_fd arg = {
		.size = sizeof(arg),
		.fd = fd,
		.token = token,
	};

	return ioctl(s->fd, LIVEUPDATE_SESSION_PRESERVE_FD, &arg) < 0 ? -errno : 0;
}

/**
 * caretaker_session_retrieve_fd() - get a preserved object back in the next kernel
 * @s: session from caretaker_session_retrieve()
 * @token: number given to caretaker_session_preserve_fd()
 *
 * The process that retrieves a VM becomes its owner: only it can run the vCPUs.
 *
 * Return: a file descriptor of the caller, or a negative errno.
 */
int caretaker_session_retrieve_fd(struct caretaker_session *s, uint64_t token)
{
	struct liveupdate_session_retrieve_fd arg = {
		.size = sizeof(arg),
		.fd = -1,
		.token = token,
	};

	return ioctl(s->fd, LIVEUPDATE_SESSION_RETRIEVE_FD, &arg) < 0 ? -errno : arg.fd;
}

/**
 * caretaker_session_finish() - tell the next kernel that all is retrieved
 * @s: session from caretaker_session_retrieve()
 *
 * Return: 0, -EBUSY while a vCPU of the session is still detached.
 */
int caretaker_session_finish(struct caretaker_session *s)
{
	struct liveupdate_session_finish arg = { .size = sizeof(arg) };

	return ioctl(s->fd, LIVEUPDATE_SESSION_FINISH, &arg) < 0 ? -errno : 0;
}

/**
 * caretaker_session_close() - close the session's descriptor and free @s
 * @s: session or NULL
 *
 * In the old kernel this is the cancel: everything preserved under the session is given back, a
 * detached vCPU is in KVM again when the call returns. Sleeps.
 */
void caretaker_session_close(struct caretaker_session *s)
{
	if (!s)
		return;
	close(s->fd);
	free(s);
}

/**
 * caretaker_session_fd() - descriptor of the session
 * @s: session
 *
 * Return: the descriptor, still owned by @s.
 */
int caretaker_session_fd(const struct caretaker_session *s)
{
	return s->fd;
}

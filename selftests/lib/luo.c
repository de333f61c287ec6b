// SPDX-License-Identifier: GPL-2.0
/* Live Update sessions, for the tests. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include <linux/liveupdate.h>

#include "caretaker_test.h"
#include "ktap.h"

int luo_open(void)
{
	int fd = open("/dev/liveupdate", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int luo_session_create(int luo, const char *name)
{
	struct liveupdate_ioctl_create_session a = { .size = sizeof(a) };

	snprintf((char *)a.name, sizeof(a.name), "%s", name);
	return ioctl(luo, LIVEUPDATE_IOCTL_CREATE_SESSION, &a) ? -errno : a.fd;
}

int luo_session_retrieve(int luo, const char *name)
{
	struct liveupdate_ioctl_retrieve_session a = { .size = sizeof(a) };

	snprintf((char *)a.name, sizeof(a.name), "%s", name);
	return ioctl(luo, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, &a) ? -errno : a.fd;
}

int luo_preserve(int session, int fd, uint64_t token)
{
	struct liveupdate_session_preserve_fd a = {
		.size = sizeof(a), .fd = fd, .token = token,
	};

	return ioctl(session, LIVEUPDATE_SESSION_PRESERVE_FD, &a) ? -errno : 0;
}

int luo_retrieve(int session, uint64_t token)
{
	struct liveupdate_session_retrieve_fd a = { .size = sizeof(a), .token = token };

	return ioctl(session, LIVEUPDATE_SESSION_RETRIEVE_FD, &a) ? -errno : a.fd;
}

int luo_finish(int session)
{
	struct liveupdate_session_finish a = { .size = sizeof(a) };

	return ioctl(session, LIVEUPDATE_SESSION_FINISH, &a) ? -errno : 0;
}

int luo_preserve_guest(int session, struct kvm_guest *g)
{
	const struct {
		const char *what;
		int fd;
		uint64_t token;
	} steps[] = {
		{ "RAM", g->mem_fd, TOKEN_MEM },
		{ "VM", g->vm_fd, TOKEN_VM },
		{ "vCPU", g->vcpu_fd, TOKEN_VCPU },
	};
	unsigned int i;
	int err;

	/* The guest before this one may just have given the pCPU back. */
	cpu_wait_online(PCPU, 10000);
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		err = luo_preserve(session, steps[i].fd, steps[i].token);
		if (!err)
			continue;
		ktap_diag("preserve of the guest's %s: %s", steps[i].what, strerror(-err));
		return err;
	}
	return 0;
}

int luo_detach_guest(const char *name, struct kvm_guest *g)
{
	int luo = luo_open(), session, err;

	if (luo < 0) {
		ktap_diag("/dev/liveupdate: %s", strerror(-luo));
		return luo;
	}
	session = luo_session_create(luo, name);
	close(luo);
	if (session < 0) {
		ktap_diag("session %s: %s", name, strerror(-session));
		return session;
	}
	err = luo_preserve_guest(session, g);
	if (!err)
		return session;
	close(session);
	return err;
}

bool luo_cancel_guest(int *session, struct kvm_guest *g)
{
	close(*session);
	*session = -1;
	return caretaker_wait_state(g, KVM_CARETAKER_ATTACHED, 5000);
}

bool luo_guest_end(int *session, struct guest_runner *r)
{
	if (*session >= 0)
		close(*session);
	*session = -1;
	runner_stop(r);
	return cpu_wait_online(PCPU, 30000);
}

// SPDX-License-Identifier: GPL-2.0
/* Locking the kernel down, which is for the rest of a boot. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "ktap.h"
#include "lockdown.h"

#define SECURITYFS	"/sys/kernel/security"

const char *lockdown_missing(void)
{
	if (access(SECURITYFS "/lockdown", F_OK) &&
	    mount("securityfs", SECURITYFS, "securityfs", 0, NULL))
		return "this kernel has no securityfs";
	return access(SECURITYFS "/lockdown", W_OK) ? "this kernel has no lockdown" : NULL;
}

enum ktap_result locks_down(void)
{
	int fd = open(SECURITYFS "/lockdown", O_WRONLY | O_CLOEXEC);
	ssize_t n = write(fd, "integrity", 9);

	CHECK(n == 9, "lockdown cannot be set: %s", strerror(errno));
	close(fd);
	return KTAP_PASS;
}

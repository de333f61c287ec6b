// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * libcaretaker: the two ioctls on a vCPU.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/ioctl.h>
#include <linux/kvm.h>

#include "caretaker.h"

/* The state of a handler set is a few pages: more than this is no answer of a sane kernel. */
#define STATE_MAX	(16u << 20)

static int vcpu_ioctl(int fd, unsigned long req, void *arg)
{
	return ioctl(fd, req, arg) < 0 ? -errno : 0;
}

/**
 * caretaker_probe() - does this kernel have Caretaker support
 * @kvm_fd: /dev/kvm or a VM
 *
 * Return: the ABI version of the kernel, 0 without support, negative errno on a bad descriptor.
 */
int caretaker_probe(int kvm_fd)
{
	int ret = ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_CARETAKER);

	return ret < 0 ? -errno : ret;
}

/* The clock that the kernel takes for verify_ns, too */
static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int set_caretaker(int vcpu_fd, struct caretaker_opts *opts, uint32_t flags)
{
	struct kvm_caretaker_set set = {
		.size = sizeof(set),
		.flags = opts->flags | flags,
		.payload_fd = flags & KVM_CARETAKER_HANDLERS_ONLY ? -1 : opts->payload_fd,
		.handlers_fd = opts->handlers_fd,
		.pcpu = opts->pcpu,
		.budget = opts->budget,
	};
	uint64_t start;
	int ret;

	if (opts->log && opts->log_size) {
		opts->log[0] = 0;
		set.log_buf = (uintptr_t)opts->log;
		set.log_size = opts->log_size > UINT32_MAX ? UINT32_MAX : opts->log_size;
	}
	start = now_ns();
	ret = vcpu_ioctl(vcpu_fd, KVM_SET_CARETAKER, &set);
	opts->install_ns = now_ns() - start - set.verify_ns;
	if (opts->log && opts->log_size)
		opts->log[opts->log_size - 1] = 0;
	opts->verify_ns = set.verify_ns;
	opts->compile_ns = set.compile_ns;
	return ret;
}

/**
 * caretaker_install() - install a Caretaker, or replace payload and handlers of a live one
 * @vcpu_fd: vCPU
 * @opts: what to install; @opts->verify_ns, compile_ns and install_ns are written
 *
 * May sleep: reads, checks and maps the payload, verifies and compiles the handlers. A refusal
 * leaves everything as it was.
 *
 * Return: 0, or a negative errno with the meanings in linux/kvm_caretaker.h.
 */
int caretaker_install(int vcpu_fd, struct caretaker_opts *opts)
{
	if (!opts || opts->size < sizeof(*opts))
		return -EINVAL;
	return set_caretaker(vcpu_fd, opts, 0);
}

/**
 * caretaker_update_handlers() - replace the handlers of a live Caretaker, keep its payload
 * @vcpu_fd: vCPU
 * @opts: @opts->handlers_fd -1 takes the handlers away; @opts->payload_fd is not used
 *
 * Return: 0, or a negative errno with the meanings in linux/kvm_caretaker.h.
 */
int caretaker_update_handlers(int vcpu_fd, struct caretaker_opts *opts)
{
	if (!opts || opts->size < sizeof(*opts))
		return -EINVAL;
	return set_caretaker(vcpu_fd, opts, KVM_CARETAKER_HANDLERS_ONLY);
}

/**
 * caretaker_remove() - take the Caretaker off an attached vCPU
 * @vcpu_fd: vCPU
 *
 * Return: 0, -ENOENT without a Caretaker, -EBUSY while it is detached.
 */
int caretaker_remove(int vcpu_fd)
{
	struct kvm_caretaker_set set = {
		.size = sizeof(set),
		.flags = KVM_CARETAKER_REMOVE,
		.payload_fd = -1,
		.handlers_fd = -1,
	};

	return vcpu_ioctl(vcpu_fd, KVM_SET_CARETAKER, &set);
}

/* One read of object @what; @len: size of @buf, then bytes written. */
static int get_caretaker(int vcpu_fd, uint32_t what, void *buf, uint64_t *len, uint64_t *total)
{
	struct kvm_caretaker_get get = {
		.size = sizeof(get),
		.what = what,
		.buf = (uintptr_t)buf,
		.len = *len,
	};
	int ret = vcpu_ioctl(vcpu_fd, KVM_GET_CARETAKER, &get);

	if (ret)
		return ret;
	*len = get.len;
	*total = get.total;
	return 0;
}

/* Reads an object of a known struct: what an older kernel does not have stays zero. */
static int get_struct(int vcpu_fd, uint32_t what, void *buf, size_t size)
{
	uint64_t len = size, total;

	memset(buf, 0, size);
	return get_caretaker(vcpu_fd, what, buf, &len, &total);
}

/**
 * caretaker_get_info() - read state and identity of a vCPU's Caretaker
 * @vcpu_fd: vCPU
 * @info: written; fields that the kernel does not know are zero
 *
 * Return: 0, -ENOENT without a Caretaker.
 */
int caretaker_get_info(int vcpu_fd, struct kvm_caretaker_info *info)
{
	return get_struct(vcpu_fd, KVM_CARETAKER_GET_INFO, info, sizeof(*info));
}

/**
 * caretaker_get_telemetry() - read counters, stalls and time stamps
 * @vcpu_fd: vCPU
 * @t: written
 *
 * Works attached, detached and after adoption. Return: 0, -ENOENT without a Caretaker.
 */
int caretaker_get_telemetry(int vcpu_fd, struct kvm_caretaker_telemetry *t)
{
	return get_struct(vcpu_fd, KVM_CARETAKER_GET_TELEMETRY, t, sizeof(*t));
}

/**
 * caretaker_get_state() - read the state that the handlers keep
 * @vcpu_fd: vCPU
 * @buf: set to memory that the caller frees; NULL when there is no state
 * @len: set to its size in bytes
 *
 * Return: 0, -ENOENT without a Caretaker, -ENOMEM, -EPROTO when the kernel's answer is absurd.
 */
int caretaker_get_state(int vcpu_fd, void **buf, size_t *len)
{
	uint64_t n = 0, total = 0;
	int ret;

	*buf = NULL;
	*len = 0;
	ret = get_caretaker(vcpu_fd, KVM_CARETAKER_GET_STATE, NULL, &n, &total);
	if (ret || !total)
		return ret;
	if (total > STATE_MAX)
		return -EPROTO;
	*buf = calloc(1, total);
	if (!*buf)
		return -ENOMEM;
	n = total;
	ret = get_caretaker(vcpu_fd, KVM_CARETAKER_GET_STATE, *buf, &n, &total);
	if (ret) {
		free(*buf);
		*buf = NULL;
		return ret;
	}
	*len = n;
	return 0;
}

/**
 * caretaker_strerror() - what an errno of these calls means
 * @err: errno, positive or negative
 *
 * Return: a constant text; never NULL.
 */
const char *caretaker_strerror(int err)
{
	switch (err < 0 ? -err : err) {
	case EPERM:
		return "CAP_SYS_ADMIN is needed, or lockdown wants a signature";
	case EINVAL:
		return "invalid flag, size or kind of file descriptor";
	case E2BIG:
		return "too large, or over the time budget";
	case EFAULT:
		return "a buffer cannot be read or written";
	case EBADF:
		return "a file descriptor is not open";
	case ENOEXEC:
		return "the payload is not an ELF file that the Caretaker accepts";
	case EACCES:
		return "a handler uses an instruction, map or function that is not allowed";
	case EPROTONOSUPPORT:
		return "payload or handlers speak another ABI version";
	case EOPNOTSUPP:
		return "the VM, vCPU or CPU has something that cannot be carried";
	case EBUSY:
		return "the vCPU is detached, or the pCPU belongs to another vCPU";
	case ENODEV:
		return "the pCPU does not exist, is the boot CPU or cannot go offline";
	case EAGAIN:
		return "the vCPU is in a passing state that cannot be carried: try again";
	case ETIMEDOUT:
		return "a pCPU or vCPU did not answer in time, nothing was changed";
	case ENOENT:
		return "no Caretaker on this vCPU, or no such session or token";
	case ENOTTY:
		return "this kernel has no Caretaker support";
	default:	return strerror(err < 0 ? -err : err);
	}
}

/**
 * caretaker_state_name() - enum kvm_caretaker_state as text
 * @state: value
 *
 * Return: a constant text; "UNKNOWN" for a value that this library does not know.
 */
const char *caretaker_state_name(uint32_t state)
{
	static const char *const name[KVM_CARETAKER_NR_STATES] = {
		[KVM_CARETAKER_EMPTY]	  = "EMPTY",
		[KVM_CARETAKER_ATTACHED]  = "ATTACHED",
		[KVM_CARETAKER_DETACHING] = "DETACHING",
		[KVM_CARETAKER_RUNNING]	  = "RUNNING",
		[KVM_CARETAKER_STALLED]	  = "STALLED",
		[KVM_CARETAKER_ADOPTING]  = "ADOPTING",
		[KVM_CARETAKER_PARKED]	  = "PARKED",
		[KVM_CARETAKER_FAULTED]	  = "FAULTED",
	};

	return state < KVM_CARETAKER_NR_STATES ? name[state] : "UNKNOWN";
}

/**
 * caretaker_server_name() - enum kvm_caretaker_server as text
 * @server: value
 *
 * Return: a constant text; "unknown" for a value that this library does not know.
 */
const char *caretaker_server_name(uint32_t server)
{
	static const char *const name[KVM_CARETAKER_NR_SERVERS] = {
		[KVM_CARETAKER_NATIVE]	= "native",
		[KVM_CARETAKER_HANDLER]	= "handler",
		[KVM_CARETAKER_KVM]	= "kvm",
		[KVM_CARETAKER_BLOCKED]	= "blocked",
	};

	return server < KVM_CARETAKER_NR_SERVERS ? name[server] : "unknown";
}

/**
 * caretaker_account_name() - enum kvm_caretaker_account as text
 * @account: value
 *
 * Return: a constant text; "unknown" for a value that this library does not know.
 */
const char *caretaker_account_name(uint32_t account)
{
	static const char *const name[KVM_CARETAKER_NR_ACCOUNTS] = {
		[KVM_CARETAKER_TIME_GUEST]	= "guest",
		[KVM_CARETAKER_TIME_NATIVE]	= "native",
		[KVM_CARETAKER_TIME_HANDLER]	= "handler",
		[KVM_CARETAKER_TIME_KVM]	= "kvm",
		[KVM_CARETAKER_TIME_BLOCKED]	= "blocked",
		[KVM_CARETAKER_TIME_HALTED]	= "halted",
		[KVM_CARETAKER_TIME_HANDOVER]	= "handover",
	};

	return account < KVM_CARETAKER_NR_ACCOUNTS ? name[account] : "unknown";
}

// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * State of the handlers in a form that says how to read it. The types are those of the kernel that
 * loaded the handlers; they are kept with the VM's state, for the kernels after that one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cvmm.h"
#include "state.h"

/**
 * handlers_keep() - keep the types of the handlers' state for the next kernel
 * @vm: VM
 * @h: handlers that were installed, or NULL when there are none
 *
 * When that is not possible the reason is on stderr, and the state can be read as bytes alone.
 */
void handlers_keep(struct vm *vm, const struct caretaker_handlers *h)
{
	struct caretaker_state_type type;
	char why[256] = "";
	void *btf = NULL;
	size_t len = 0;
	int ret = 0;

	if (h)
		ret = caretaker_handlers_describe(h, &type, &btf, &len, why, sizeof(why));
	if (ret == -ENODATA)
		ret = 0;	/* handlers without state */
	if (ret)
		note("handlers: keep the types of their state: %s: it will be written as bytes alone",
		     why);
	ret = state_btf_set(vm, btf, len);
	if (ret)
		note("state file: keep %zu bytes of types: %s: the handlers' state will be written as bytes alone",
		     len, strerror(-ret));
	free(btf);
}

static int bytes_write(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600), ret = 0;
	size_t done = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (done < len && !ret) {
		n = write(fd, (const char *)bytes + done, len - done);
		if (n > 0)
			done += n;
		else if (!n || errno != EINTR)
			ret = n ? -errno : -EIO;
	}
	if (close(fd) && !ret)
		ret = -errno;
	return ret;
}

/* What is installed here, or what the old kernel's cvmm noted. */
static int type_get(struct vm *vm, struct caretaker_state_type *type, char *why, size_t size)
{
	if (vm->handlers)
		return caretaker_handlers_state_type(vm->handlers, type, why, size);
	if (!(vm->state->flags & CVMM_STATE_HANDLERS)) {
		snprintf(why, size, "the old kernel's cvmm noted none");
		return -ENODATA;
	}
	*type = vm->state->handlers.type;
	return 0;
}

/* @state with its types; NULL, with the reason, when they are not known. */
static void *record_make(struct vm *vm, const void *state, size_t len, size_t *record_len,
			 char *why, size_t size)
{
	struct caretaker_state_record r = { .state = state, .state_len = len };
	void *record = NULL;

	r.btf = state_btf_get(vm, &r.btf_len);
	if (!r.btf)
		snprintf(why, size, "none are kept");
	else if (!type_get(vm, &r.type, why, size))
		caretaker_state_pack(&r, &record, record_len, why, size);
	return record;
}

static int state_read(struct vm *vm, void **state, size_t *len, char *why, size_t size)
{
	int ret = -ENOENT;

	*state = NULL;
	if (vm->caretaker || vm->may_carry)	/* all vCPUs share it */
		ret = caretaker_get_state(vm->vcpu[0].fd, state, len);
	if (!ret && !*state)
		ret = -ENODATA;
	if (ret)
		snprintf(why, size, "handler state: read: %s", ret == -ENODATA ?
			 "no handlers that keep any are installed" : caretaker_strerror(ret));
	return ret;
}

/**
 * handlers_state_write() - write what the handlers' variables hold to a file
 * @vm: VM; its Caretakers run or were adopted
 * @path: file
 * @raw: bytes alone, without types
 * @why: buffer for the reason of a failure; with 0 it says that the file has no types, or is empty
 * @size: its size
 *
 * Return: 0 or a negative errno.
 */
int handlers_state_write(struct vm *vm, const char *path, bool raw, char *why, size_t size)
{
	void *state, *record = NULL;
	size_t len, record_len = 0;
	char reason[256] = "";
	int ret = state_read(vm, &state, &len, why, size);

	if (ret)
		return ret;
	if (!raw)
		record = record_make(vm, state, len, &record_len, reason, sizeof(reason));
	ret = record ? bytes_write(path, record, record_len) : bytes_write(path, state, len);
	if (ret)
		snprintf(why, size, "handler state: write %s: %s", path, strerror(-ret));
	else if (!raw && !record)
		snprintf(why, size, "handler state: %s has its bytes alone: types: %s: to read it name the object of the handlers",
			 path, reason);
	free(record);
	free(state);
	return ret;
}

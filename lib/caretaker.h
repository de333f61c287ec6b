/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * libcaretaker: what a VMM calls to install, watch and hand over a Caretaker.
 *
 * Functions return 0 or a negative errno unless they say otherwise. The library keeps no global
 * state: calls on different vCPUs or sessions may run in parallel. The calls that end in a vCPU
 * ioctl wait for the vCPU mutex, thus must not be made while the vCPU's own thread is inside
 * KVM_RUN without a way out; the kernel kicks it for install, update and remove.
 */
#ifndef CARETAKER_H
#define CARETAKER_H

#include <stddef.h>
#include <stdint.h>
#include <linux/kvm_caretaker.h>
#include <linux/kvm_caretaker_ccb.h>
#include <linux/kvm_caretaker_telemetry.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CARETAKER_API __attribute__((visibility("default")))

/* ------------------------------------------------------------------ one vCPU's Caretaker */

/**
 * struct caretaker_opts - how to install a Caretaker
 * @size:	 sizeof(struct caretaker_opts) that the caller was built with
 * @flags:	 KVM_CARETAKER_ISOLATE or 0
 * @payload_fd:	 payload ELF open for reading
 * @handlers_fd: struct_ops map of the handler set, -1 for none
 * @pcpu:	 host CPU that runs the vCPU in the gap
 * @budget:	 worst-case cost allowed per handler call, 0 for the kernel's default
 * @log:	 buffer for the kernel's explanation of a refusal, NULL for none
 * @log_size:	 bytes at @log
 * @verify_ns:	 out: time the kernel spent on verification and compilation of the handlers
 */
struct caretaker_opts {
	size_t size;
	uint32_t flags;
	int payload_fd;
	int handlers_fd;
	uint32_t pcpu;
	uint32_t budget;
	char *log;
	size_t log_size;
	uint64_t verify_ns;
};

CARETAKER_API int caretaker_probe(int kvm_fd);
CARETAKER_API int caretaker_install(int vcpu_fd, struct caretaker_opts *opts);
CARETAKER_API int caretaker_update_handlers(int vcpu_fd, struct caretaker_opts *opts);
CARETAKER_API int caretaker_remove(int vcpu_fd);

CARETAKER_API int caretaker_get_info(int vcpu_fd, struct kvm_caretaker_info *info);
CARETAKER_API int caretaker_get_telemetry(int vcpu_fd, struct kvm_caretaker_telemetry *t);
CARETAKER_API int caretaker_get_state(int vcpu_fd, void **buf, size_t *len);

CARETAKER_API const char *caretaker_strerror(int err);
CARETAKER_API const char *caretaker_state_name(uint32_t state);
CARETAKER_API const char *caretaker_server_name(uint32_t server);

/* ------------------------------------------------------------------- live update sessions */

struct caretaker_session;

CARETAKER_API int caretaker_session_create(const char *name, struct caretaker_session **s);
CARETAKER_API int caretaker_session_retrieve(const char *name, struct caretaker_session **s);
CARETAKER_API int caretaker_session_preserve_fd(struct caretaker_session *s, int fd,
						uint64_t token);
CARETAKER_API int caretaker_session_retrieve_fd(struct caretaker_session *s, uint64_t token);
CARETAKER_API int caretaker_session_finish(struct caretaker_session *s);
CARETAKER_API void caretaker_session_close(struct caretaker_session *s);
CARETAKER_API int caretaker_session_fd(const struct caretaker_session *s);

/* ------------------------------- handler objects: only users of these have to link libbpf */

struct caretaker_handlers;

CARETAKER_API int caretaker_handlers_load(const char *path, struct caretaker_handlers **h,
					  char *log, size_t log_size);
CARETAKER_API int caretaker_handlers_fd(const struct caretaker_handlers *h);
CARETAKER_API int caretaker_handlers_attach(struct caretaker_handlers *h);
CARETAKER_API void caretaker_handlers_free(struct caretaker_handlers *h);

#ifdef __cplusplus
}
#endif

#endif /* CARETAKER_H */

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
 * @compile_ns:	 out: compilation alone, part of @verify_ns
 * @install_ns:	 out: time that all else took: the payload is read, checked and mapped, the vCPU is
 *		 stopped and goes on
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
	uint64_t compile_ns;
	uint64_t install_ns;
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
CARETAKER_API const char *caretaker_account_name(uint32_t account);

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

/* ---------------------------------------------------------------------------- rehearsal */

#define CARETAKER_MAX_BLOCKED	64

/**
 * struct caretaker_blocked - a kind of exit that nobody served in a rehearsal
 * @vcpu:	index of the first vCPU that ran into it
 * @reserved:	0
 * @count:	how often, on all vCPUs
 * @reason:	SVM exit code
 * @info1:	EXITINFO1 of the first one
 * @info2:	EXITINFO2 of the first one
 * @rip:	guest RIP
 */
struct caretaker_blocked {
	uint32_t vcpu;
	uint32_t reserved;
	uint64_t count;
	uint64_t reason;
	uint64_t info1;
	uint64_t info2;
	uint64_t rip;
};

/**
 * struct caretaker_rehearsal - a gap without a kexec, and what would have blocked in it
 * @size:	 sizeof(struct caretaker_rehearsal) that the caller was built with
 * @nr_vcpus:	 all vCPUs of the VM
 * @vcpu_fds:	 their descriptors
 * @detach:	 puts the VM under a session: 0: all vCPUs run detached, negative errno: none
 * @attach:	 closes the session, replays what handlers absorbed: 0 or negative errno
 * @stop:	 asked now and then: not 0 ends the rehearsal early; may be NULL
 * @arg:	 argument of these three
 * @want_ns:	 detached time to reach
 * @attached_ns: time in KVM between two rounds
 * @max_rounds:	 ends after so many rounds, 0 for no limit
 * @rounds:	 out: times the VM was detached
 * @detached_ns: out: time that all vCPUs ran detached and none was blocked
 * @nr_exits:	 out: blocked exits of all kinds
 * @nr_blocked:	 out: entries of @blocked
 * @nr_dropped:	 out: blocked exits that found no place there
 * @blocked:	 out: the kinds, the first seen first
 */
struct caretaker_rehearsal {
	size_t size;
	unsigned int nr_vcpus;
	const int *vcpu_fds;
	int (*detach)(void *arg);
	int (*attach)(void *arg);
	int (*stop)(void *arg);
	void *arg;
	uint64_t want_ns;
	uint64_t attached_ns;
	uint64_t max_rounds;
	uint64_t rounds;
	uint64_t detached_ns;
	uint64_t nr_exits;
	uint32_t nr_blocked;
	uint32_t nr_dropped;
	struct caretaker_blocked blocked[CARETAKER_MAX_BLOCKED];
};

CARETAKER_API int caretaker_rehearse(struct caretaker_rehearsal *r);
CARETAKER_API int caretaker_rehearsal_passed(const struct caretaker_rehearsal *r);

/* ------------------------------- handler objects: only users of these have to link libbpf */

struct caretaker_handlers;

CARETAKER_API int caretaker_handlers_load(const char *path, struct caretaker_handlers **h,
					  char *log, size_t log_size);
CARETAKER_API int caretaker_handlers_fd(const struct caretaker_handlers *h);
CARETAKER_API int caretaker_handlers_attach(struct caretaker_handlers *h);
CARETAKER_API int caretaker_handlers_attach_log(struct caretaker_handlers *h, char *log,
						size_t log_size);
CARETAKER_API uint64_t caretaker_handlers_load_ns(const struct caretaker_handlers *h);
CARETAKER_API uint64_t caretaker_handlers_verify_ns(const struct caretaker_handlers *h);
CARETAKER_API void caretaker_handlers_free(struct caretaker_handlers *h);

#define CARETAKER_STATE_TYPE_VERSION	2
#define CARETAKER_STATE_SECTIONS	4

/**
 * struct caretaker_state_section - variables of a handler set that are in one section
 * @offset:	where they are in the state
 * @bytes:	bytes of the section
 * @types:	digest of names, places and types of the variables
 * @name:	the section's name
 */
struct caretaker_state_section {
	uint64_t offset;
	uint64_t bytes;
	uint64_t types;
	char name[16];
};

/**
 * struct caretaker_state_type - what the state of a handler set is, for the next kernel
 * @size:	sizeof(struct caretaker_state_type)
 * @version:	CARETAKER_STATE_TYPE_VERSION
 * @nr:		entries of @section
 * @reserved:	0
 * @section:	writable sections that the handlers use
 */
struct caretaker_state_type {
	uint32_t size;
	uint32_t version;
	uint32_t nr;
	uint32_t reserved;
	struct caretaker_state_section section[CARETAKER_STATE_SECTIONS];
};

/**
 * struct caretaker_variable - a global variable of a handler set
 * @value:	its memory: shared with the handlers from their installation on
 * @offset:	where it is in what caretaker_get_state() gives
 * @size:	its bytes
 */
struct caretaker_variable {
	void *value;
	uint64_t offset;
	uint64_t size;
};

CARETAKER_API int caretaker_handlers_variable(const struct caretaker_handlers *h, const char *name,
					      struct caretaker_variable *v);
CARETAKER_API int caretaker_handlers_state_type(const struct caretaker_handlers *h,
						struct caretaker_state_type *type,
						char *log, size_t log_size);
#define CARETAKER_BTF_MAX	(1U << 20)

/**
 * struct caretaker_state_record - state of a handler set and what says how to read it
 * @type:	its sections
 * @btf:	BTF of the programs
 * @btf_len:	bytes at @btf, up to CARETAKER_BTF_MAX
 * @state:	what caretaker_get_state() gave
 * @state_len:	bytes at @state
 */
struct caretaker_state_record {
	struct caretaker_state_type type;
	const void *btf;
	size_t btf_len;
	const void *state;
	size_t state_len;
};

CARETAKER_API int caretaker_handlers_describe(const struct caretaker_handlers *h,
					      struct caretaker_state_type *type,
					      void **btf, size_t *btf_len,
					      char *log, size_t log_size);
CARETAKER_API int caretaker_handlers_carry(struct caretaker_handlers *h,
					   const struct caretaker_state_type *old,
					   const void *state, size_t len,
					   char *log, size_t log_size);

/* Reading and writing state needs no libbpf */
CARETAKER_API int caretaker_state_pack(const struct caretaker_state_record *r, void **buf,
				       size_t *len, char *log, size_t log_size);
CARETAKER_API int caretaker_state_unpack(const void *buf, size_t len,
					 struct caretaker_state_record *r,
					 char *log, size_t log_size);

#ifdef __cplusplus
}
#endif

#endif /* CARETAKER_H */

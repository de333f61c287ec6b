/* SPDX-License-Identifier: GPL-2.0 */
/* KVM_SET_CARETAKER, KVM_GET_CARETAKER and Live Update sessions, for the tests. */
#ifndef SELFTESTS_CARETAKER_TEST_H
#define SELFTESTS_CARETAKER_TEST_H

#include <linux/kvm_caretaker.h>
#include <linux/kvm_caretaker_ccb.h>
#include <linux/kvm_caretaker_telemetry.h>

#include "kvm_guest.h"

/* The payload core; CARETAKER_PAYLOAD in the environment overrides it */
#define PAYLOAD_PATH	"/caretaker.elf"
/* One that leaves a broken FPU image, see selftests/payloads */
#define BAD_FPU_PAYLOAD	"/payloads/bad_fpu.elf"
/* One that faults, and one that sleeps on, when it is to take the vCPU */
#define BAD_START_PAYLOAD "/payloads/bad_start.elf"
#define DEAF_PAYLOAD	"/payloads/deaf.elf"
/* One that gives its vCPU back some seconds after it was asked, and one that never does */
#define LATE_PAYLOAD	"/payloads/late.elf"
#define KEEPS_PAYLOAD	"/payloads/keeps.elf"
/* One whose telemetry says in the gap that it is of another version */
#define BAD_TELEMETRY_PAYLOAD	"/payloads/bad_telemetry.elf"
/* One that serves nothing and skips CPUID */
#define FLOOR_PAYLOAD	"/payloads/floor.elf"
#define PCPU		1U	/* host CPU for the gap in all tests */

#define TOKEN_MEM	1
#define TOKEN_VM	2
#define TOKEN_VCPU	3
#define TOKEN_STATE	4

#define LOG_SIZE	4096

/* Text of the kernel to the last caretaker_set(); empty when there was none */
extern char caretaker_log[LOG_SIZE];

/* NULL when the kernel has the Caretaker, else the reason why all cases are skipped. */
const char *caretaker_missing(void);
int payload_open(void);

void caretaker_args(struct kvm_caretaker_set *a);
/* The ioctl itself: 0 or a negative errno. */
int caretaker_ioctl_set(struct kvm_guest *g, struct kvm_caretaker_set *a);
/* Installs the payload core; a refusal is printed with the kernel's log. */
int caretaker_install(struct kvm_guest *g, uint32_t flags);
int caretaker_install_at(struct kvm_guest *g, uint32_t flags, unsigned int pcpu);
/*
 * A counting guest with a Caretaker, in a thread of its own; this thread stays on CPU 0. False: it
 * does not count, and what went wrong is printed.
 */
bool caretaker_count_start(struct kvm_guest *g, struct guest_runner *r);
int caretaker_remove(struct kvm_guest *g);
/* CAP_SYS_ADMIN in the effective set of this thread; 0 or a negative errno */
int cap_sys_admin(bool on);
int caretaker_info(struct kvm_guest *g, struct kvm_caretaker_info *info);
/* The state from caretaker_info(), or a negative errno. */
int caretaker_state(struct kvm_guest *g);
bool caretaker_wait_state(struct kvm_guest *g, int state, unsigned int ms);
/* All of the telemetry; @t is static in the caller, it is large. */
int caretaker_telemetry(struct kvm_guest *g, struct kvm_caretaker_telemetry *t);
uint64_t telemetry_sum(const struct kvm_caretaker_telemetry *t, unsigned int reason);

/* Live Update. Functions return a descriptor or 0, or a negative errno. */
int luo_open(void);
int luo_session_create(int luo, const char *name);
int luo_session_retrieve(int luo, const char *name);
int luo_preserve(int session, int fd, uint64_t token);
int luo_retrieve(int session, uint64_t token);
int luo_finish(int session);
/* Preserves RAM, VM and vCPU in this order; returns 0, or a negative errno after a diagnosis. */
int luo_preserve_guest(int session, struct kvm_guest *g);
/* All that in a session of its own: the descriptor, or a negative errno after a diagnosis. */
int luo_detach_guest(const char *name, struct kvm_guest *g);
/* Cancel: ends the session. False: the guest is not back in KVM. */
bool luo_cancel_guest(int *session, struct kvm_guest *g);
/* Ends whatever a case left: session, thread. False: the pCPU does not return. */
bool luo_guest_end(int *session, struct guest_runner *r);

/* Waits until the host runs on @cpu again. */
bool cpu_wait_online(unsigned int cpu, unsigned int ms);
int cpu_is_online(unsigned int cpu);
/* Keeps this process off the pCPU. */
int pin_to_cpu0(void);

#endif /* SELFTESTS_CARETAKER_TEST_H */

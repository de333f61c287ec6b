/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * What the guest's programs share.
 */
#ifndef CVMM_GUEST_H
#define CVMM_GUEST_H

#include <stdint.h>

#include "mailbox.h"

/**
 * struct clocks - a thread's check of CLOCK_MONOTONIC and CLOCK_REALTIME
 * @cpu: takes the results
 * @khz: TSC frequency
 * @tsc: TSC of the last check, 0 before the first one
 * @mono: what CLOCK_MONOTONIC said then, in ns
 * @real: the same of CLOCK_REALTIME
 */
struct clocks {
	struct mailbox_cpu *cpu;
	uint64_t khz;
	uint64_t tsc;
	uint64_t mono;
	uint64_t real;
};

/* guest.c */
void guest_die(const char *what) __attribute__((noreturn));
uint64_t guest_start(void);
uint64_t cmdline_number(const char *name, uint64_t none);
struct mailbox *mailbox_map(void);
void cpu_pin(unsigned int cpu);
void kmsg_start(void);
void kmsg_results(struct mailbox *b);

/* clocks.c */
void clocks_init(struct clocks *c, struct mailbox_cpu *cpu, uint64_t khz);
void clocks_check(struct clocks *c);

/* cpus.c */
void cpus_start(struct mailbox *b, uint64_t slice);
void cpus_stop(void);
void cpus_results(const struct mailbox *b);

#endif /* CVMM_GUEST_H */

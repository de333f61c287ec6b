/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* When did the running kernel come so far? In TSC, the clock of all stamps. */
#ifndef CTOOLS_BOOT_H
#define CTOOLS_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum boot_phase {
	BOOT_CLOCK,	/* its clock starts; what it did before has no time */
	BOOT_CPUS,	/* all CPUs that it brings up are up */
	BOOT_INIT,	/* init is started */
	BOOT_NR_PHASES,
};

/**
 * struct boot - phases of a kernel's boot
 * @tsc:	when each began, 0: not known
 */
struct boot {
	uint64_t tsc[BOOT_NR_PHASES];
};

/**
 * struct boot_scale - from the clock of the kernel's log to the TSC
 * @zero:	its time when the TSC was 0, modulo 2^64
 * @mult:	nanoseconds per TSC cycle, times 2^@shift
 * @shift:	at most 32
 */
struct boot_scale {
	uint64_t zero;
	uint32_t mult;
	uint16_t shift;
};

extern const char *const boot_names[BOOT_NR_PHASES];
extern const char *const boot_texts[BOOT_NR_PHASES];

void boot_read(struct boot *boot);
void boot_line(struct boot *boot, const struct boot_scale *scale, const char *line);
uint64_t boot_tsc(const struct boot_scale *scale, uint64_t ns);

#endif /* CTOOLS_BOOT_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* The two stages of the kexec tests; the stage is ct_stage on the kernel command line. */
#ifndef SELFTESTS_HANDOVER_TEST_H
#define SELFTESTS_HANDOVER_TEST_H

/* What the guest does while its host is replaced */
enum handover_guest {
	HANDOVER_COUNTS,
	HANDOVER_POISON,	/* counts, and the next kernel overwrites all free memory */
	HANDOVER_STALLS,	/* waits in a blocking exit */
	HANDOVER_HALTS,		/* waits in HLT */
	HANDOVER_SLEEPS,	/* HLT until its timer, while there is no kernel */
	HANDOVER_SHUTS_DOWN,	/* triple-faults in the next kernel, before it is adopted */
	HANDOVER_BAD_FPU,	/* counts, on a payload that leaves a broken FPU image */
	HANDOVER_LATE,		/* counts, on a payload that gives its vCPU back late */
	HANDOVER_STRAY,		/* counts, and stray events hit its pCPU */
	HANDOVER_LOST,		/* counts, until an uncorrected machine check in the gap */
	HANDOVER_BAD_TELEMETRY,	/* counts, on a payload whose telemetry is of another version */
};

/* Returns the exit status; stage 1 does not return when all went well. */
int handover_main(enum handover_guest guest_does);

#endif /* SELFTESTS_HANDOVER_TEST_H */
